"""A running PBX: the native engine, the handlers that decide for it, and the configuration in force."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pbx.config import Config
from pbx.config.compile import compile_document
from pbx.config.machine import Machine
from pbx.engine.border import LogLine, NativeEngine, explain
from pbx.engine.decider import Decider
from pbx.engine.reload import Change, changes
from pbx.errors import ConfigError, PbxBusyError, StartError
from pbx.log import EventLog
from pbx.modules import Pipeline
from pbx.routing import Handler, Router, load_router

Json = dict[str, Any]


class ReloadRunningError(PbxBusyError):
    """One reload at a time."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One configuration and what was built from it."""

    number: int
    config: Config
    pipeline: Pipeline
    router: Router | None
    document: Json

    @property
    def handlers(self) -> Sequence[Handler]:
        """Everybody who is asked about an INVITE, in order."""
        own = self.router.handlers if self.router is not None else ()
        return (*own, *self.pipeline.handlers)


class Instance:
    """Starts, reloads, shows and stops one engine. Methods that ask the engine wait up to a second."""

    def __init__(self, config: Config, machine: Machine, log: EventLog) -> None:
        """Build everything the engine needs without opening anything. Raises `ConfigError`, `RouterError`."""
        self.started_at = time.monotonic()
        self.log = log
        self.draining = False
        self._machine = machine
        self._generation = self._build(config, 1)
        self._native: NativeEngine | None = None
        self._decider: Decider | None = None
        self._reloading = threading.Lock()

    @property
    def generation(self) -> Generation:
        """The configuration in force."""
        return self._generation

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._generation.config

    @property
    def machine(self) -> Machine:
        """Addresses of this machine."""
        return self._machine

    @property
    def version(self) -> str:
        """Version of this package."""
        return self._machine.version

    def start(self) -> None:
        """Open the listeners and serve. Raises `StartError` naming port and cause, or `ConfigError`."""
        document = json.dumps(self._generation.document)
        try:
            self._native = NativeEngine.start(document)
        except ValueError as error:
            raise ConfigError([str(error)]) from None
        except OSError as error:
            raise StartError(str(error)) from None
        self._decider = Decider(self._native, self.log, self._on_line)
        self._decider.set_handlers(self._generation.handlers)
        self._decider.start()
        self.started_at = time.monotonic()

    def stop(self) -> None:
        """End every thread at once, without BYE: drain first."""
        if self._decider is not None:
            self._decider.stop()
        if self._native is not None:
            self._native.stop()

    def drain(self, secs: int) -> None:
        """Refuse new requests with 503; calls left after `secs` get BYE."""
        self.draining = True
        self._engine.drain(secs)

    def reload(self, config: Config, *, check_only: bool = False) -> Change:
        """Put another configuration in force, in one step or not at all (`config.md` §13).

        Raises `ReloadRunningError`, `RouterError`, or `ConfigError` with what the engine refuses.
        """
        if not self._reloading.acquire(blocking=False):
            raise ReloadRunningError("a reload is running")
        try:
            old = self._generation
            change = changes(old.config, config)
            new = self._build(change.effective(config), old.number + 1)
            if not check_only:
                self._commit(new)
                self.log.info(
                    "reloaded",
                    generation=new.number,
                    changed=",".join((*change.keys, *change.routes)) or None,
                    restart_required=",".join(change.restart_required) or None,
                )
            return change
        finally:
            self._reloading.release()

    def health(self) -> Json:
        """State of the switch: gauges, and counters by name."""
        return self._ask(self._engine.health_json)

    def calls(self, limit: int, after: int | None = None) -> list[Json]:
        """Calls in order of their handles, those after `after` only."""
        return self._list(self._engine.calls_json, limit, after)

    def dialogs(self, limit: int, after: int | None = None) -> list[Json]:
        """Dialogs of up to `limit` calls after the handle `after`."""
        return self._list(self._engine.dialogs_json, limit, after)

    def registrations(self, limit: int, after: str | None = None) -> list[Json]:
        """Bindings in order of their address of record, those after `after` only."""
        return self._list(self._engine.registrations_json, limit, after)

    def hangup(self, call: int, code: int | None = None) -> bool:
        """End a call; `code` answers a caller whose call is not up yet. False: no such call."""
        try:
            return self._engine.hangup(call, code)
        except TimeoutError as error:
            raise PbxBusyError(str(error)) from None

    def media_counters(self) -> dict[str, int]:
        """Totals of the media workers."""
        return dict(self._engine.media_counters())

    def decision_counters(self) -> dict[str, int]:
        """Totals of the decision side."""
        decider = self._decider
        if decider is None:
            return {}
        return {
            "asked_total": decider.asked_total,
            "failed_total": decider.failures.failed_total,
            "blocked_total": decider.pace.blocked_total,
            "refused_total": decider.lanes.refused_total,
            "lanes": len(decider.lanes),
        }

    def listeners(self) -> list[tuple[str, str]]:
        """Bound addresses: transport and `ip:port`."""
        return self._engine.listeners()

    def take_handover(self) -> int:
        """Descriptor through which connections are handed to the engine, from now on the caller's; once only."""
        return self._engine.take_handover()

    def is_running(self) -> bool:
        """Whether every native thread lives."""
        return self._native is not None and self._native.is_running()

    def explain_routes(self, invite: Json) -> Json:
        """What the static routes do with a described call."""
        answer: Json = json.loads(explain(json.dumps(self._generation.document), json.dumps(invite)))
        return answer

    @property
    def _engine(self) -> NativeEngine:
        if self._native is None:
            raise StartError("the engine does not run")
        return self._native

    def _build(self, config: Config, number: int) -> Generation:
        pipeline = Pipeline.load(config)
        reference = config.proxy.router
        router = load_router(reference, config.base) if reference else None
        has_handlers = bool(router and router.handlers) or bool(pipeline.handlers)
        document = compile_document(config, self._machine, generation=number, ask_router=has_handlers)
        pipeline.compile(config, document)
        return Generation(number, config, pipeline, router, document)

    def _commit(self, new: Generation) -> None:
        if self._native is not None:
            try:
                self._native.reload(json.dumps(new.document))
            except ValueError as error:
                raise ConfigError([str(error)]) from None
            except TimeoutError as error:
                raise PbxBusyError(str(error)) from None
        self._generation = new
        if self._decider is not None:
            self._decider.set_handlers(new.handlers)
        main = new.config.main
        self.log.set_level(main.log_level)
        self.log.set_path(new.config.resolve(main.log_file) if main.log_file else None)

    def _on_line(self, line: LogLine) -> None:
        self.log.write(line.level, line.event, line.fields, "pbx_switch")

    def _ask(self, question: Any) -> Json:
        try:
            answer: Json = json.loads(question())
        except TimeoutError as error:
            raise PbxBusyError(str(error)) from None
        return answer

    def _list(self, question: Any, limit: int, after: Any) -> list[Json]:
        try:
            answer: list[Json] = json.loads(question(limit, after))
        except TimeoutError as error:
            raise PbxBusyError(str(error)) from None
        return answer
