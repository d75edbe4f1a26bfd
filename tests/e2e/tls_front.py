"""TLS in front of a program that speaks TCP alone: each connection it opens becomes one over TLS to the server."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.e2e.ports import free_port


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while octets := await source.read(65_536):
            sink.write(octets)
            await sink.drain()
    sink.close()


@asynccontextmanager
async def tls_front(server: tuple[str, int], context: ssl.SSLContext) -> AsyncIterator[int]:
    """The TCP port of the near side, while it stands."""

    async def carry(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, there = await asyncio.open_connection(*server, ssl=context)
        await asyncio.gather(_pump(near, there), _pump(far, back))

    port = free_port()
    async with await asyncio.start_server(carry, "127.0.0.1", port, backlog=1024):
        yield port
