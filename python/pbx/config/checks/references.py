"""Names that must exist: trunks, queues, IVRs, wherever one is mentioned."""

from collections.abc import Iterator
from typing import Any

from pbx.config.config import Config
from pbx.config.document import Document
from pbx.config.merge import queue_key
from pbx.config.model_walk import all_values
from pbx.config.positions import KeyPath
from pbx.config.problem import Problem
from pbx.config.suggest import nearest
from pbx.config.tables.names import IvrName, QueueName, TrunkName
from pbx.config.target import Target

_INLINE_KINDS = {"routes", "trunks", "queues"}


def check_references(config: Config) -> Iterator[Problem]:
    """Every name that is mentioned but not defined, and trunks that cannot be used where they are mentioned."""
    known = _Known(config)
    for document, path, value in _mentions(config):
        yield from known.judge(document, path, value)
    yield from _route_names(config, known)
    yield from _usable_trunks(config)


class _Known:
    """Names that are defined. An entry with a fault counts: its own finding is enough."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.trunks = {*config.trunks, *_written(config, "trunks")}
        queues = [entry.document.data for entry in config.queues.values()]
        self.queue_ids = {str(data["id"]) for data in queues if "id" in data}
        self.queues = {*config.queues, *map(queue_key, _written(config, "queues"))}
        self.queues |= {queue_key(str(d.data.get("name", ""))) for d in config.files.get("queues", ())}
        tables = [document.data.get("ivr") for document in config.files.get("ivrs", ())]
        self.ivrs = {str(table.get("name", "")) for table in tables if isinstance(table, dict)}

    def judge(self, document: Document, path: KeyPath, value: Any) -> Iterator[Problem]:
        if isinstance(value, TrunkName) and value not in self.trunks:
            yield self._absent(document, path, "trunk", value, self.trunks)
        elif isinstance(value, QueueName):
            yield from self._queue(document, path, value)
        elif isinstance(value, IvrName) and value not in self.ivrs:
            yield self._absent(document, path, "IVR", value, self.ivrs)
        elif isinstance(value, Target) and (application := value.application):
            kind, name = application
            if kind == "queue":
                yield from self._queue(document, path, name)
            elif kind == "ivr" and name not in self.ivrs:
                yield self._absent(document, path, "IVR", name, self.ivrs)

    def _queue(self, document: Document, path: KeyPath, name: str) -> Iterator[Problem]:
        number = name.removeprefix("db-")
        is_file = (
            name.endswith(".toml") and self.config.resolve(f"{self.config.proxy.queue_dir}/{name}").is_file()
        )
        if queue_key(name) not in self.queues and number not in self.queue_ids and not is_file:
            yield self._absent(document, path, "queue", name, self.queues)

    def _absent(self, document: Document, path: KeyPath, kind: str, name: str, known: set[str]) -> Problem:
        return document.problem(path, f'no {kind} named "{name}"', suggestion=nearest(name, sorted(known)))


def _written(config: Config, kind: str) -> Iterator[str]:
    """Names of this kind as they stand in the files, whether or not their entry is good."""
    tables = [config.document.value(("proxy", kind)), *(d.data.get(kind) for d in config.files.get(kind, ()))]
    for table in tables:
        if isinstance(table, dict):
            yield from table


def _mentions(config: Config) -> Iterator[tuple[Document, KeyPath, Any]]:
    for path, value in all_values(config.main):
        if path[:1] != ("proxy",) or path[1] not in _INLINE_KINDS:
            yield config.document, path, value
    for entries in (config.routes, config.trunks.values(), config.queues.values(), config.ivrs.values()):
        for entry in entries:
            for path, value in all_values(entry.value):
                yield entry.document, (*entry.path, *path), value


def _route_names(config: Config, known: _Known) -> Iterator[Problem]:
    ids = {entry.value.id for entry in config.trunks.values()}
    for entry in config.routes:
        for number, trunk_id in enumerate(entry.value.source_trunk_ids):
            if trunk_id not in ids:
                yield entry.problem(("source_trunk_ids", number), f"no trunk has the id {trunk_id}")
        name = entry.value.app_params.get("name")
        if entry.value.app == "queue" and isinstance(name, str):
            path = (*entry.path, "app_params", "name")
            yield from known.judge(entry.document, path, QueueName(name))
        if entry.value.app == "ivr" and isinstance(name, str):
            yield from known.judge(entry.document, (*entry.path, "app_params", "name"), IvrName(name))


def _usable_trunks(config: Config) -> Iterator[Problem]:
    for entry in config.routes:
        for number, name in enumerate(entry.value.dest):
            if name in config.trunks and config.trunks[name].value.direction == "inbound":
                yield entry.problem(("dest", number), f'trunk "{name}" is for inbound calls only')
    emergency = config.proxy.emergency
    for number, name in enumerate(
        (emergency.emergency_trunk or []) if emergency and emergency.enabled else []
    ):
        trunk = config.trunks.get(name)
        if trunk is not None and (trunk.value.disabled or trunk.value.direction == "inbound"):
            state = "disabled" if trunk.value.disabled else "for inbound calls only"
            path: KeyPath = ("proxy", "emergency", "emergency_trunk", number)
            yield config.document.problem(path, f'trunk "{name}" is {state}')
