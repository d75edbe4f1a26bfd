"""A name server on loopback that answers, keeps silent, dawdles or lies, written without the product's own parser."""

import asyncio
import socket
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Self

A, SRV = 1, 33
Answers = Callable[[str, int], list[bytes] | None]
"""Name and type of a question to its records; `None` is silence."""


def name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def record(kind: int, data: bytes) -> bytes:
    """An answer to the name asked for, good for a minute."""
    return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


def address(text: str) -> bytes:
    return record(A, socket.inet_aton(text))


def service(priority: int, port: int, target: str) -> bytes:
    return record(SRV, struct.pack("!HHH", priority, 1, port) + name(target))


class Resolver(asyncio.DatagramProtocol):
    """Answers from a function; `asked` are the questions in order."""

    def __init__(self, answers: Answers, *, delay: float = 0) -> None:
        self.answers = answers
        self.delay = delay
        self.asked: list[tuple[str, int]] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = int(self._transport.get_extra_info("sockname")[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        (kind,) = struct.unpack("!H", data[at + 1 : at + 3])
        question = (".".join(labels).lower(), kind)
        self.asked.append(question)
        records = self.answers(*question)
        if records is None:
            return
        flags = 0x8180 if records else 0x8183
        head = struct.pack("!2sHHHHH", data[:2], flags, 1, len(records), 0, 0)
        reply = head + data[12 : at + 5] + b"".join(records)
        asyncio.get_running_loop().call_later(self.delay, self._transport.sendto, reply, addr)
