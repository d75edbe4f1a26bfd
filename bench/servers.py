"""The servers a load is put on: ours and the yardsticks, each started on a core and a port of its choice."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.c_programs import compiled
from tests.e2e.ports import free_port
from tests.e2e.server import PbxServer

PEERS = Path(__file__).parent / "peers"
MODULES = "/usr/lib/x86_64-linux-gnu/kamailio/modules"
OPTIONS = (
    "OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{local};rport;branch=z9hG4bKready{local}\r\n"
    "From: <sip:probe@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1:{port}>\r\nCall-ID: ready-{local}\r\nCSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def answers_options(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        probe.settimeout(0.2)
        probe.sendto(OPTIONS.format(port=port, local=probe.getsockname()[1]).encode(), ("127.0.0.1", port))
        try:
            return probe.recv(2048).startswith(b"SIP/2.0 ")
        except OSError:
            return False


class Peer:
    """A yardstick process; `name` stands in the tables."""

    name = "peer"

    def __init__(self, directory: Path, core: int | None = None) -> None:
        self.directory = directory
        self.core = core
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def is_ready(self) -> bool:
        return answers_options(self.port)

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        pinned = [] if self.core is None else ["taskset", "-c", str(self.core)]
        with (self.directory / f"{self.name}.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*pinned, *self.command()],
                cwd=self.directory,
                env={**os.environ, **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 10
        while not self.is_ready():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.stop()
                raise RuntimeError(
                    f"{self.name} did not start: {(self.directory / f'{self.name}.log').read_text()}"
                )
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Kamailio(Peer):
    """Kamailio with one of our configurations; `callee_port` is where calls go."""

    def __init__(
        self,
        directory: Path,
        core: int | None,
        *,
        callee_port: int = 5090,
        variant: str = "kamailio",
        children: int = 1,
    ) -> None:
        super().__init__(directory, core)
        self.name = variant
        self.callee_port = callee_port
        self.children = children

    def environment(self) -> dict[str, str]:
        return {"BENCH_CALLEE_PORT": str(self.callee_port)}

    def command(self) -> list[str]:
        template = PEERS / ("kamailio_registrar.cfg" if self.name == "kamailio-registrar" else "kamailio.cfg")
        values = {
            "DEF_CHILDREN": self.children,
            "DEF_PORT": self.port,
            "DEF_CALLEE": self.callee_port,
            "DEF_MODULES": MODULES,
            "DEF_SCRIPT": PEERS / "kamailio_route.py",
        }
        text = re.sub(
            "|".join(values), lambda found: str(values[found.group()]), template.read_text(encoding="utf-8")
        )
        path = self.directory / "kamailio.cfg"
        path.write_text(text, encoding="utf-8")
        python = ["-A", "WITH_PYTHON"] if self.name == "kamailio-python" else []
        # Its default allocator costs five times as much: not a fair peer.
        return [
            "kamailio", "-DD", "-E", "-x", "tlsf", "-m", "1024", "-M", "32", *python, "-Y", str(self.directory), "-f", str(path),
        ]  # fmt: skip


class Rtpengine(Peer):
    """rtpengine in user space, controlled over its ng protocol."""

    name = "rtpengine"

    def __init__(self, directory: Path, core: int | None, threads: int = 1) -> None:
        super().__init__(directory, core)
        self.threads = threads
        self.first = free_port(span=4400)
        self._cookie = 0

    def command(self) -> list[str]:
        return [
            "rtpengine", "--foreground", "--log-stderr", "--log-level=3", "--table=-1", "--no-fallback=false",
            f"--listen-ng=127.0.0.1:{self.port}", "--interface=127.0.0.1", f"--num-threads={self.threads}",
            f"--port-min={self.first}", f"--port-max={self.first + 4399}", f"--pidfile={self.directory}/pid",
        ]  # fmt: skip

    def is_ready(self) -> bool:
        try:
            return b"pong" in self.ask({"command": "ping"}, seconds=0.2)
        except OSError:
            return False

    def ask(self, request: dict[str, str], seconds: float = 3) -> bytes:
        """One ng request; returns the undecoded reply."""
        self._cookie += 1
        body = "".join(f"{len(word)}:{word}" for pair in sorted(request.items()) for word in pair)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            control.settimeout(seconds)
            control.connect(("127.0.0.1", self.port))
            control.send(f"{os.getpid()}_{self._cookie} d{body}e".encode())
            return control.recv(65_536)

    def open_call(self, index: int, ports: tuple[int, int]) -> tuple[int, int]:
        """Set up one call between two generator ports; returns the ports the two send to."""
        found = []
        for command, port, tags in (
            ("offer", ports[0], {"from-tag": "a"}),
            ("answer", ports[1], {"from-tag": "a", "to-tag": "b"}),
        ):
            body = f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
            reply = self.ask({"command": command, "call-id": f"bench-{index}", "sdp": body, **tags})
            match = re.search(rb"m=audio (\d+)", reply)
            if match is None:
                raise RuntimeError(f"rtpengine refused: {reply!r}")
            found.append(int(match.group(1)))
        # The offer is rewritten for the callee, the answer for the caller.
        return found[1], found[0]


class Forwarder(Peer):
    """The plain forwarder in C."""

    name = "forwarder"

    def __init__(self, directory: Path, core: int | None, ports: list[tuple[int, int]]) -> None:
        super().__init__(directory, core)
        first = free_port(span=4 * len(ports))
        self.ports = [(first + 4 * index, first + 4 * index + 2) for index in range(len(ports))]
        directory.mkdir(parents=True, exist_ok=True)
        self.map = directory / "forwarder.map"
        lines = [f"{a} {pa} {b} {pb}" for (a, b), (pa, pb) in zip(self.ports, ports, strict=True)]
        self.map.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def command(self) -> list[str]:
        return [str(compiled("forwarder")), str(self.map)]

    def is_ready(self) -> bool:
        return "ready" in (self.directory / "forwarder.log").read_text(encoding="utf-8")


BENCH_PROXY: dict[str, object] = {
    "modules": ["acl", "registrar", "call"],
    "tcp_port": None,
    "registrar_expires": 3600,
    "max_registrar_expires": 3600,
    "media_proxy": "none",
    "user_backends": None,
}
STATIC_ROUTE = [{"name": "callee", "match": {"to.user": "1002"}}]


def pbx(directory: Path, core: int | None, **proxy: object) -> PbxServer:
    """Our server with nobody challenged, one static route and signalling only, unless `proxy` says otherwise."""
    top = {"log_level": "warn", "rtp_start_port": 12_000, "rtp_end_port": 19_998}
    return PbxServer(directory, {**BENCH_PROXY, "routes": STATIC_ROUTE, **proxy}, top, core=core)


Factory = Callable[[Path, int | None, int], "PbxServer | Kamailio"]

CALL_SERVERS: dict[str, Factory] = {
    "pbx-static": lambda directory, core, _: pbx(directory, core),
    "pbx-two-shards": lambda directory, core, _: pbx(directory, core, sip_worker_threads=2),
    "pbx-python": lambda directory, core, _: pbx(
        directory, core, routes=None, router=str(PEERS / "pbx_router.py")
    ),
    "kamailio": lambda directory, core, callee: Kamailio(directory, core, callee_port=callee),
    "kamailio-python": lambda directory, core, callee: Kamailio(
        directory, core, callee_port=callee, variant="kamailio-python"
    ),
}
