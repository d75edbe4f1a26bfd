"""The sending and receiving half of an agent: one socket or connection, and an inbox in order of arrival."""

import asyncio
import re
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, cast

from tests.e2e.agent.message import Message


class Endpoint:
    """One peer with one socket (UDP) or one connection (TCP) to the server."""

    def __init__(
        self,
        user: str,
        server: tuple[str, int],
        *,
        transport: str = "udp",
        password: str = "secret",
        local: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.local = local
        self.user = user
        self.server = server
        self.transport = transport
        self.password = password
        self.inbox: list[Message] = []
        self.octets = 0
        self.closed = False
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        if self.transport == "udp":
            loop = asyncio.get_running_loop()
            self._datagrams, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=self.local
            )
            self.port = cast("int", self._datagrams.get_extra_info("sockname")[1])
        else:
            self._reader, self._writer = await asyncio.open_connection(*self.server)
            self.port = cast("int", self._writer.get_extra_info("sockname")[1])
            self._spawn(self._read_stream())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.transport == "udp":
            self._datagrams.close()
        else:
            for task in self._tasks:
                task.cancel()
            self._writer.close()

    def _spawn(self, work: "asyncio.Future[None] | object") -> None:
        task = asyncio.ensure_future(cast("asyncio.Future[None]", work))
        self._tasks.add(cast("asyncio.Task[None]", task))

    async def _read_stream(self) -> None:
        try:
            while True:
                head = await self._reader.readuntil(b"\r\n\r\n")
                if not head.strip():
                    continue
                found = re.search(rb"(?:content-length|\r\nl)\s*:\s*(\d+)", head, re.IGNORECASE)
                self.arrived(
                    head + await self._reader.readexactly(int(found.group(1)) if found else 0), self.server
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed = True
            async with self._changed:
                self._changed.notify_all()

    def arrived(self, octets: bytes, source: tuple[str, int]) -> None:
        self.octets += len(octets)
        if not octets.strip():
            return
        message = Message.parse(octets)
        message.octets = octets
        message.arrived_at = time.monotonic()
        message.source = source
        self.inbox.append(message)
        self._spawn(self._notify())

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def send_bytes(self, octets: bytes, to: tuple[str, int] | None = None) -> None:
        if self.transport == "udp":
            self._datagrams.sendto(octets, to or self.server)
        else:
            self._writer.write(octets)

    def send(self, message: Message, to: tuple[str, int] | None = None) -> Message:
        self.send_bytes(message.to_bytes(), to)
        return message

    async def wait_for(
        self, wanted: Callable[[Message], bool], seconds: float = 5, what: str = "message"
    ) -> Message:
        """Take the first message that fits out of the inbox, waiting for it if need be."""

        def find() -> Message | None:
            return next((message for message in self.inbox if wanted(message)), None)

        async with self._changed:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(lambda: find() is not None)
            except TimeoutError:
                raise AssertionError(f"{self.user}: no {what} in {seconds} s; inbox {self.inbox}") from None
            message = find()
            assert message is not None
            self.inbox.remove(message)
            return message

    async def wait_closed(self, seconds: float = 5) -> None:
        """Wait until the server has closed the TCP connection."""
        async with self._changed, asyncio.timeout(seconds):
            await self._changed.wait_for(lambda: self.closed)

    async def silence(self, seconds: float, wanted: Callable[[Message], bool] = lambda _: True) -> None:
        """Assert that nothing that fits arrives within this time."""
        await asyncio.sleep(seconds)
        unexpected = [message for message in self.inbox if wanted(message)]
        assert not unexpected, unexpected


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._endpoint.arrived(data, addr)

    def error_received(self, exc: Exception) -> None:
        """ICMP errors are part of the game."""
