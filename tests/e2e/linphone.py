"""A Linphone console (`linphonec`) without a sound card: plays a tone, records what it hears, obeys on its standard input."""

import asyncio
import os
import re
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.ports import free_port
from tests.e2e.tone import read_samples, write_tone

CONFIG = """\
[sip]
sip_port={udp_port}
sip_tcp_port={tcp_port}
sip_tls_port={tls_port}
root_ca={authority}
verify_server_certs=1
verify_server_cn=1
guess_hostname=0
contact=sip:{user}@127.0.0.1
bind_address=127.0.0.1
use_ipv6=0
media_encryption=none
default_proxy=0

[proxy_0]
reg_proxy=<sip:{address};transport={transport}>
reg_identity=sip:{user}@127.0.0.1
reg_expires=60
reg_sendregister=1
publish=0

[auth_info_0]
username={user}
passwd={password}
domain=127.0.0.1

[sound]
use_files=1
remote_ring=
local_ring=
eclimiter=0
agc=0

[rtp]
audio_rtp_port={rtp_port}

[net]
mtu=1300

[audio_codec_0]
mime=PCMU
rate=8000
channels=1
enabled=1

[audio_codec_1]
mime=PCMA
rate=8000
channels=1
enabled=1
"""
UNUSED, UNBOUND = 0, -2
"""What Linphone takes for a transport that is switched off, and for one that has no port of its own."""


class Linphone:
    """One phone. What it writes on its standard output is kept in `told`."""

    def __init__(self, directory: Path, *, user: str, hertz: float, transport: str = "udp") -> None:
        self.directory = directory
        self.user = user
        self.hertz = hertz
        self.transport = transport
        self.told = ""
        self._changed = asyncio.Condition()

    def configure(self, *, address: str, password: str, authority: Path | str = "") -> None:
        """Write the configuration; `address` is host and port of the server, `authority` signs its certificate."""
        home = self.directory
        (home / ".local" / "share" / "linphone").mkdir(parents=True, exist_ok=True)
        write_tone(home / "tone.wav", self.hertz, 60)
        ports = {"udp": UNUSED, "tcp": UNUSED, "tls": UNUSED}
        ports[self.transport] = free_port() if self.transport == "udp" else UNBOUND
        text = CONFIG.format(
            udp_port=ports["udp"], tcp_port=ports["tcp"], tls_port=ports["tls"], authority=authority,
            address=address, transport=self.transport, user=self.user, password=password,
            rtp_port=free_port(span=4),
        )  # fmt: skip
        (home / "rc").write_text(text, encoding="utf-8")

    async def __aenter__(self) -> Self:
        log = self.directory / "log"
        self.process = await asyncio.create_subprocess_exec(
            "linphonec", "-c", self.directory / "rc", "-d", "6", "-l", log, cwd=self.directory,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "HOME": str(self.directory), "XDG_DATA_HOME": str(self.directory / ".local/share")},
        )  # fmt: skip
        self._task = asyncio.create_task(self._listen())
        self.command(f"play {self.directory}/tone.wav")
        self.command(f"record {self.directory}/heard.wav")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.command("quit")
            async with asyncio.timeout(5):
                await self.process.wait()
        except (TimeoutError, ConnectionError):
            self.process.kill()
            await self.process.wait()
        await self._task

    def command(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    def dial(self, user: str, port: int) -> None:
        self.command(f"call sip:{user}@127.0.0.1:{port};transport={self.transport}")

    async def _listen(self) -> None:
        assert self.process.stdout is not None
        while octets := await self.process.stdout.read(4096):
            async with self._changed:
                self.told += octets.decode(errors="replace")
                self._changed.notify_all()

    def seen(self, pattern: str) -> int:
        return len(re.findall(pattern, self.told))

    async def wait(self, pattern: str, *, count: int = 1, seconds: float = 10) -> None:
        """Wait until it has written something that matches, `count` times by now."""
        async with self._changed:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(lambda: self.seen(pattern) >= count)
            except TimeoutError:
                raise AssertionError(f"linphone {self.user}: no {pattern!r}; told\n{self.told}") from None

    def heard(self) -> tuple[int, list[int]]:
        """Rate and samples of what it recorded."""
        return read_samples(self.directory / "heard.wav")
