"""The HTTP server: on sockets of ours, without signal handlers, stopped when told."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any, cast

import uvicorn

from pbx.api.upgrade import SipUpgrade

MAX_REQUESTS = 256
"""Requests and open connections served at a time; further ones get 503."""
BACKLOG = 128
STOP_SECS = 3


def bind(address: str) -> socket.socket:
    """Listen on `ip:port`, IPv6 in brackets. Raises `OSError`."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell that requests are answered from now on."""
        try:
            await super().startup(sockets)
        finally:
            self.is_up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals are the business of the process."""
        yield


class HttpServer:
    """Serves one application on one listening socket, in the running event loop."""

    def __init__(self, app: Any, listener: socket.socket, upgrade: SipUpgrade) -> None:
        self._listener = listener
        self._upgrade = upgrade
        self._server = _Uvicorn(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                # A class or anything that makes such a protocol.
                ws=cast("Any", upgrade),
                server_header=False,
                # uvicorn believes X-Forwarded-For of every loopback peer unless told not to.
                proxy_headers=False,
                limit_concurrency=MAX_REQUESTS,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=STOP_SECS,
            )
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Bound address as `ip:port`."""
        host, port = self._listener.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def start(self) -> None:
        """Begin to serve."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        await self._server.is_up.wait()

    async def stop(self) -> None:
        """Finish the requests being served, three seconds at most, and close the socket."""
        self._server.should_exit = True
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._listener.close()
        self._upgrade.close()
