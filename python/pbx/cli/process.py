"""The life of a server process: start, signals, reload, drain, stop."""

import asyncio
import contextlib
import dataclasses
import gc
import logging
import os
import signal
from pathlib import Path
from typing import Any

from pbx.api import HttpServer, SipUpgrade, bind, make_app
from pbx.cli.panel import Panel
from pbx.config import Config, load
from pbx.engine import Instance, ReloadRunningError, explain_call
from pbx.errors import ConfigError, PbxError, StartError
from pbx.log import EventLog, LoggingBridge

Json = dict[str, Any]

_KINDS = {
    "routes": ("routes", ("routes", "routes_files")),
    "trunks": ("trunks", ("trunks", "trunks_files")),
    "acl": ("acl_rules", ("acl_rules", "acl_files")),
    "queues": ("queues", ("queues", "queues_files")),
    "ivr": ("ivrs", ("ivr_files",)),
}
"""Merged entries of a kind that is reloaded by itself, and the keys of `[proxy]` they come from."""
_POLL_SECS = 0.1
_LAST_WORDS_SECS = 2.0
"""How long the BYEs sent at the end of the drain may wait for their answers."""


class Process:
    """One server process. Everything here runs in the main thread, decisions do not."""

    def __init__(self, instance: Instance, log: EventLog, given: Path | None, panel: Panel | None) -> None:
        self._instance = instance
        self._log = log
        self._given = given
        self._panel = panel
        self._http: HttpServer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._shutdown = asyncio.Event()
        self._at_once = asyncio.Event()
        self._drain_secs: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Serve until told to stop; the exit status. Raises `StartError` or `ConfigError` before anything serves."""
        self._loop = asyncio.get_running_loop()
        listener = self._bind_http()
        self._log.start()
        logging.basicConfig(handlers=[LoggingBridge(self._log)], level=logging.DEBUG, force=True)
        # It says in several lines what `ready` and `stopped` say in one.
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        self._instance.start()
        try:
            if listener is not None:
                self._http = HttpServer(make_app(self._instance, self), listener, self._mount())
                await self._http.start()
            self._on_signals()
            self._announce()
            # What lives now lives for ever: keep it out of every collection.
            gc.collect()
            gc.freeze()
            return await self._serve()
        finally:
            if self._http is not None:
                await self._http.stop()
            self._instance.stop()
            self._log.info("stopped")

    @property
    def http_address(self) -> str | None:
        """Where the management interface listens."""
        return self._http.address if self._http is not None else None

    def reload(self, kind: str, *, check_only: bool) -> Json:
        """Load the files again and put them in force; only one kind of them unless `app`."""
        try:
            config = _only(kind, self._instance.config, load(self._given))
            change = self._instance.reload(config, check_only=check_only)
        except ConfigError as error:
            for line in error.lines:
                self._log.error("reload_refused", message=line)
            raise
        if not check_only:
            self._warn(config)
        answer = {
            "status": "ok",
            "changed": change.as_dict(),
            "restart_required": list(change.restart_required),
        }
        return answer | (
            {"mode": "check"} if check_only else {"generation": self._instance.generation.number}
        )

    def shutdown(self, drain_secs: int | None) -> None:
        """Begin to shut down; the second time: end at once."""
        if self._shutdown.is_set():
            self._at_once.set()
        self._drain_secs = drain_secs
        self._shutdown.set()

    def explain(self, question: Json) -> Json:
        """Say what would happen to a described call."""
        return explain_call(self._instance, question)

    def _bind_http(self) -> Any:
        main = self._instance.config.main
        if main.http_addr is None:
            return None
        try:
            return bind(main.http_addr)
        except OSError as error:
            if "http_addr" in main.model_fields_set:
                raise StartError(
                    f"cannot listen on HTTP {main.http_addr}: {error.strerror or error}"
                ) from None
            self._log.warning("http_off", address=main.http_addr, cause=error.strerror or str(error))
            return None

    def _mount(self) -> SipUpgrade:
        """SIP over WebSocket on the HTTP server, when the file speaks of WebSocket at all."""
        proxy = self._instance.config.proxy
        is_mounted = bool({"ws_port", "ws_handler"} & proxy.model_fields_set)
        if is_mounted:
            self._log.info("mounted", path=proxy.ws_handler, service="sip")
        self._log.info("mounted", path=proxy.ami_path, service="ami")
        handover = self._instance.take_handover() if is_mounted else None
        return SipUpgrade(handover, proxy.ws_handler, lambda: self._instance.config.main.trusted_proxies)

    def _on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.shutdown, None)
        loop.add_signal_handler(signal.SIGINT, self.shutdown, None)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def _hang_up(self) -> None:
        self._log.reopen()
        task = asyncio.get_running_loop().create_task(self._reload_in_background())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reload_in_background(self) -> None:
        try:
            await asyncio.to_thread(self.reload, "app", check_only=False)
        except ConfigError:
            return
        except ReloadRunningError as error:
            self._log.warning("reload_refused", message=str(error))
        except PbxError as error:
            self._log.error("reload_refused", message=str(error))

    def _announce(self) -> None:
        instance = self._instance
        self._warn(instance.config)
        for problem in instance.config.infos:
            self._log.info("config_info", key=problem.key, message=str(problem))
        listeners = ",".join(f"{transport}:{address}" for transport, address in instance.listeners())
        self._log.announce(
            "ready",
            config=instance.config.document.shown or "none",
            listeners=listeners,
            http=self.http_address,
            pid=os.getpid(),
            generation=instance.generation.number,
            version=instance.version,
        )

    def _warn(self, config: Config) -> None:
        for problem in config.warnings:
            self._log.warning(
                "config_warning", key=problem.key, message=str(problem).removeprefix("warning: ")
            )

    async def _serve(self) -> int:
        ended = asyncio.Event()
        drawing = asyncio.create_task(self._draw(ended))
        try:
            while not self._shutdown.is_set():
                await _wait(self._shutdown, 1.0)
                if not self._instance.is_running():
                    self._log.error("engine_failed", message="a thread of the engine has ended")
                    return 1
            await self._drain()
            return 0
        finally:
            ended.set()
            await drawing

    async def _draw(self, ended: asyncio.Event) -> None:
        """Keep the panel true until the end, the drain included."""
        panel = self._panel
        if panel is None:
            return
        # A terminal may go away; the calls of those who watched it go on.
        with contextlib.suppress(OSError):
            panel.start(self._instance)
            try:
                while not ended.is_set():
                    await _wait(ended, 1.0)
                    await asyncio.to_thread(panel.update)
            finally:
                panel.stop()

    async def _drain(self) -> None:
        secs = self._drain_secs
        if secs is None:
            secs = self._instance.config.main.shutdown_drain_secs
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + secs + _LAST_WORDS_SECS
        try:
            await asyncio.to_thread(self._instance.drain, secs)
            while loop.time() < ends_at and not self._at_once.is_set():
                health = await asyncio.to_thread(self._instance.health)
                if health["calls"] == 0:
                    return
                await _wait(self._at_once, _POLL_SECS)
        except (PbxError, TimeoutError) as error:
            self._log.error("drain_failed", message=str(error))


async def _wait(event: asyncio.Event, secs: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), secs)
    except TimeoutError:
        return


def _only(kind: str, old: Config, new: Config) -> Config:
    """The old configuration with one kind of entries from the new one."""
    if kind not in _KINDS:
        return new
    merged, keys = _KINDS[kind]
    proxy = old.main.proxy.model_copy(update={key: getattr(new.main.proxy, key) for key in keys})
    main = old.main.model_copy(update={"proxy": proxy})
    fields: dict[str, Any] = {merged: getattr(new, merged), "main": main}
    return dataclasses.replace(old, **fields)
