"""A real `pbx run` on loopback ports of its own, watched through its log and its management interface."""

import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.e2e.ports import free_port

PASSWORD = "secret"
"""Password of every user the tests make."""
START_SECONDS = 20
ENGINE_SIGNS = re.compile(r"panicked|poisoned|Traceback \(most recent call last\)|core dumped", re.IGNORECASE)


def pbx_command() -> str:
    """The `pbx` to test: $PBX_COMMAND, else the one beside this interpreter, else the one on PATH."""
    beside = Path(sys.executable).with_name("pbx")
    found = os.environ.get("PBX_COMMAND") or (str(beside) if beside.exists() else shutil.which("pbx"))
    assert found, "no pbx command: run `make build` first"
    return found


def toml(value: object) -> str:
    """One TOML value, tables inline."""
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{json.dumps(str(key))} = {toml(item)}" for key, item in value.items()) + " }"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def users(*names: str, **fields: object) -> list[dict[str, object]]:
    """A memory backend with these users."""
    return [
        {"type": "memory", "users": [{"username": name, "password": PASSWORD, **fields} for name in names]},
    ]


def md5_users(*names: str, realm: str = "127.0.0.1") -> list[dict[str, object]]:
    """The same stored as MD5 hashes, which makes MD5 the only challenge: older phones stop at any other."""
    entries = [
        {
            "username": name,
            "realm": realm,
            "ha1": hashlib.md5(f"{name}:{realm}:{PASSWORD}".encode()).hexdigest(),
        }
        for name in names
    ]
    return [{"type": "memory", "users": entries}]


class Footprint(NamedTuple):
    """What a process holds."""

    descriptors: int
    threads: int
    resident_kib: int


class PbxServer:
    """One server process. `proxy` holds keys of `[proxy]` besides addresses and ports, `top` those above it."""

    def __init__(
        self,
        directory: Path,
        proxy: Mapping[str, object] | None = None,
        top: Mapping[str, object] | None = None,
        *,
        core: int | None = None,
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self.http_port = free_port()
        first = free_port(span=400)
        self._proxy: dict[str, object] = {
            "addr": "127.0.0.1",
            "udp_port": self.port,
            "tcp_port": self.port,
            "user_backends": users("1001", "1002", "1003"),
            **(proxy or {}),
        }
        self._top: dict[str, object] = {
            "http_addr": f"127.0.0.1:{self.http_port}",
            "rtp_start_port": first,
            "rtp_end_port": first + 399,
            "shutdown_drain_secs": 0,
            **(top or {}),
        }
        self._core = core
        self._log: list[str] = []
        self._news = threading.Condition()
        self.process: subprocess.Popen[str] | None = None
        self.started: dict[str, Any] = {}
        self.exit_status: int | None = None

    @property
    def tls_port(self) -> int:
        """The TLS port asked for."""
        return int(str(self._proxy["tls_port"]))

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> list[str]:
        with self._news:
            return list(self._log)

    def write_config(self) -> Path:
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "pbx.toml"
        lines = [f"{key} = {toml(value)}" for key, value in self._top.items() if value is not None]
        lines += ["", "[proxy]"]
        lines += [f"{key} = {toml(value)}" for key, value in self._proxy.items() if value is not None]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def __enter__(self) -> Self:
        self._log.clear()
        pinned = [] if self._core is None else ["taskset", "-c", str(self._core)]
        self.process = subprocess.Popen(
            [*pinned, pbx_command(), "run", "--config", str(self.write_config())],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        try:
            self.wait_for_log(r"\bevent=ready\b", START_SECONDS)
            self.started = self.health()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is not None:
            sys.stderr.write("".join(f"pbx| {line}\n" for line in self.log[-60:]))

    def stop(self) -> int:
        """End the server as an operator would; return its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(5)
        self.exit_status = self.process.returncode
        return self.exit_status

    def _read_log(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                with self._news:
                    self._log.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_for_log(self, pattern: str, seconds: float = 5) -> str:
        """Wait until a log line matches; return it."""
        assert self.process is not None
        wanted = re.compile(pattern)
        deadline = time.monotonic() + seconds
        with self._news:
            while True:
                for line in self._log:
                    if wanted.search(line):
                        return line
                left = deadline - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    tail = "\n".join(self._log[-40:])
                    raise AssertionError(f"no log line {pattern!r} (exit {self.process.poll()}):\n{tail}")
                self._news.wait(min(left, 0.2))

    def ami(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """One management request; returns status and decoded reply."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        try:
            payload = None if body is None else json.dumps(body)
            headers = {} if payload is None else {"Content-Type": "application/json"}
            connection.request(method, f"/ami/v1{path}", payload, headers)
            reply = connection.getresponse()
            text = reply.read()
            return reply.status, json.loads(text) if text else None
        finally:
            connection.close()

    def health(self) -> dict[str, Any]:
        status, health = self.ami("GET", "/health")
        assert status == 200, (status, health)
        assert isinstance(health, dict)
        return health

    def in_use(self, *, transactions: bool = True) -> dict[str, int]:
        """What is alive and should not be once everyone has hung up; empty when the server is at rest."""
        health = self.health()
        held = {key: int(health["sipserver"][key]) for key in ("dialogs", "calls")}
        if transactions:
            held["transactions"] = int(health["sipserver"]["transactions"])
        held["sessions"] = int(health["media"]["sessions"])
        held["ports_used"] = int(health["media"].get("ports_used", 0))
        return {key: value for key, value in held.items() if value}

    def assert_at_rest(self, seconds: float = 5, *, transactions: bool = False) -> None:
        """Wait until no call, dialog, media session or port (and transaction) is left, and the log shows no crash."""
        deadline = time.monotonic() + seconds
        while held := self.in_use(transactions=transactions):
            assert time.monotonic() < deadline, f"still in use after {seconds} s: {held}"
            time.sleep(0.05)
        self.assert_alive()

    def footprint(self) -> Footprint:
        """What the process holds now."""
        own = Path(f"/proc/{self.pid}")
        resident = re.search(r"(?m)^VmRSS:\s*(\d+)", (own / "status").read_text("ascii"))
        assert resident
        return Footprint(
            len(list((own / "fd").iterdir())), len(list((own / "task").iterdir())), int(resident[1])
        )

    def assert_back_to(self, before: Footprint, seconds: float = 5) -> None:
        """Wait until no descriptor and thread more than before is held, and at most 20 MB more of memory."""
        deadline = time.monotonic() + seconds
        while (now := self.footprint()).descriptors > before.descriptors or now.threads > before.threads:
            assert time.monotonic() < deadline, (before, now)
            time.sleep(0.05)
        assert now.resident_kib <= before.resident_kib + 20 * 1024, (before, now)

    def assert_alive(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, f"the server ended with {self.process.returncode}"
        signs = [line for line in self.log if ENGINE_SIGNS.search(line) and "event=handler" not in line]
        assert not signs, signs
