"""SIP over WebSocket on the HTTP server: the connection is handed to the engine, and Python sees none of its messages."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Iterable
from typing import Any

MAX_HEAD = 8192
"""Octets of a request head the engine takes."""
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)

Networks = Callable[[], Iterable[str]]


class SipUpgrade:
    """What the HTTP server does with every request to become a WebSocket."""

    def __init__(self, handover: int | None, path: str, trusted_proxies: Networks) -> None:
        """`handover`: our end of the engine's socket, which is owned from now on; None: nothing is mounted."""
        self._socket = None if handover is None else socket.socket(fileno=handover)
        self._path = path.encode("ascii")
        self._trusted_proxies = trusted_proxies

    def __call__(self, **_context: Any) -> asyncio.Protocol:
        """One connection, as uvicorn asks for it."""
        return _Upgrading(self)

    def close(self) -> None:
        """Take no more connections."""
        if self._socket is not None:
            self._socket.close()

    def refusal(self, transport: asyncio.Transport, head: bytes) -> bytes | None:
        """Hand the connection over, or say what its client is answered."""
        target = head.split(b" ", 2)[1]
        if self._socket is None or target.partition(b"?")[0] != self._path:
            return _NOT_FOUND
        if len(head) > MAX_HEAD:
            return _TOO_LARGE
        connection = transport.get_extra_info("socket")
        host, port = transport.get_extra_info("peername")[:2]
        client = client_of(host, head, list(self._trusted_proxies()))
        source = f"[{client}]:{port}" if ":" in client else f"{client}:{port}"
        try:
            socket.send_fds(self._socket, [source.encode("ascii") + b"\n" + head], [connection.fileno()])
        except OSError:
            return _BUSY
        return None


class _Upgrading(asyncio.Protocol):
    def __init__(self, upgrade: SipUpgrade) -> None:
        self._upgrade = upgrade
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        self._transport = None
        refusal = self._upgrade.refusal(transport, data)
        if refusal is not None:
            transport.write(refusal)
        # The engine has a descriptor of its own: closing this one ends nothing.
        transport.close()


def client_of(peer: str, head: bytes, trusted: list[str]) -> str:
    """The client behind proxies that may tell: the right-most forwarded address that is not one of theirs."""
    networks = [ipaddress.ip_network(network) for network in trusted]

    def is_trusted(text: str) -> bool:
        address = ipaddress.ip_address(text)
        return any(address in network for network in networks if network.version == address.version)

    if not is_trusted(peer):
        return peer
    for text in reversed(_forwarded(head)):
        try:
            if not is_trusted(text):
                return text
        except ValueError:
            break
    return peer


def _forwarded(head: bytes) -> list[str]:
    fields = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    values = [value for name, _, value in fields if name.strip().lower() == b"x-forwarded-for"]
    return [part.strip() for value in values for part in value.decode("latin-1").split(",")]
