"""A baresip process without a sound card: plays a tone file, records what it hears, obeys over its control socket."""

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.e2e.ports import free_port
from tests.e2e.tone import SAMPLE_RATE, read_samples, write_tone

CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{sip_port}
sip_trans_def {transport}
sip_verify_server no
call_local_timeout 60
call_max_calls 4
audio_player aubridge,sink
audio_source aufile,{directory}/tone.wav
audio_alert aubridge,alert
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_txmode thread
audio_buffer 20-160
rtp_tos 184
rtp_ports {rtp_port}-{rtp_last}
rtcp_mux no
net_interface 127.0.0.1
snd_path {directory}
ctrl_tcp_listen 127.0.0.1:{control_port}
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
"""


class Baresip:
    """One user agent. Events of the control socket are kept in `events`, newest last."""

    def __init__(self, directory: Path, *, user: str, hertz: float, transport: str = "udp") -> None:
        self.directory = directory
        self.user = user
        self.hertz = hertz
        self.transport = transport
        self.sip_port = free_port()
        self.control_port = free_port()
        self.rtp_port = free_port(span=16)
        self.events: list[dict[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self._changed = asyncio.Condition()
        self._tokens = 0

    def configure(
        self, *, domain: str, password: str = "", register: bool = True, answer: str = "auto"
    ) -> None:
        """Write the configuration directory; `domain` may carry a port."""
        self.directory.mkdir(parents=True, exist_ok=True)
        write_tone(self.directory / "tone.wav", self.hertz, 60)
        (self.directory / "config").write_text(
            CONFIG.format(
                directory=self.directory,
                sip_port=self.sip_port,
                transport=self.transport,
                control_port=self.control_port,
                rtp_port=self.rtp_port,
                rtp_last=self.rtp_port + 15,
            ),
            encoding="utf-8",
        )
        interval = 60 if register else 0
        account = (
            f"<sip:{self.user}@{domain};transport={self.transport}>;auth_user={self.user};auth_pass={password}"
            f";answermode={answer};regint={interval};audio_codecs=pcmu,pcma;ptime=20"
        )
        (self.directory / "accounts").write_text(account + "\n", encoding="utf-8")
        (self.directory / "contacts").write_text("", encoding="utf-8")

    async def __aenter__(self) -> Self:
        log = (self.directory / "log").open("wb")
        self.process = await asyncio.create_subprocess_exec(
            "baresip", "-f", str(self.directory), stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL
        )
        log.close()
        try:
            async with asyncio.timeout(10):
                await self._connect()
        except BaseException:
            self.process.kill()
            await self.process.wait()
            raise
        self._task = asyncio.create_task(self._listen())
        return self

    async def _connect(self) -> None:
        while True:
            try:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.control_port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                return

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        self._writer.close()
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(10):
                    await self.process.wait()
            except TimeoutError:
                self.process.kill()
                await self.process.wait()

    async def _listen(self) -> None:
        while True:
            length = int((await self._reader.readuntil(b":"))[:-1])
            message = json.loads((await self._reader.readexactly(length + 1))[:-1])
            async with self._changed:
                if message.get("event"):
                    self.events.append(message)
                else:
                    self.answers[str(message.get("token"))] = message
                self._changed.notify_all()

    async def command(self, name: str, params: str = "") -> dict[str, Any]:
        """Give one command and wait for its answer."""
        self._tokens += 1
        token = str(self._tokens)
        request = json.dumps({"command": name, "params": params, "token": token}).encode()
        self._writer.write(b"%d:%s," % (len(request), request))
        async with self._changed:
            async with asyncio.timeout(10):
                await self._changed.wait_for(lambda: token in self.answers)
            return self.answers[token]

    async def wait(self, kind: str, *, seconds: float = 15, count: int = 1) -> dict[str, Any]:
        """Wait until `count` events of this type have been seen; return the newest."""
        return await self.wait_until(lambda: self.seen(kind) >= count, f"{count} x {kind}", seconds) or {}

    def seen(self, kind: str) -> int:
        return sum(event["type"] == kind for event in self.events)

    async def wait_until(self, done: Callable[[], bool], what: str, seconds: float) -> dict[str, Any] | None:
        async with self._changed:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(done)
            except TimeoutError:
                story = [(event["type"], event.get("param", "")) for event in self.events]
                raise AssertionError(f"baresip {self.user}: no {what} in {seconds} s; saw {story}") from None
        return self.events[-1] if self.events else None

    def heard(self) -> tuple[int, list[int]]:
        """Rate and samples of everything received, all calls in order."""
        rate, samples = SAMPLE_RATE, list[int]()
        for path in sorted(self.directory.glob("dump-*-dec.wav")):
            rate, piece = read_samples(path)
            samples += piece
        return rate, samples
