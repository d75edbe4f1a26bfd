"""What differs between two configurations, and which part of it has to wait for the next start."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pbx.config import Config
from pbx.config.tables.table import Table

T = TypeVar("T", bound=Table)


@dataclass(frozen=True, slots=True)
class Change:
    """Keys that differ, and entries of the merged kinds that were added, removed or rewritten."""

    keys: tuple[str, ...]
    restart_required: tuple[str, ...]
    routes: tuple[str, ...]
    old: Config

    def effective(self, new: Config) -> Config:
        """The new configuration with the old values of all keys that need a restart."""
        if not self.restart_required:
            return new
        main = new.main
        for key in self.restart_required:
            main = _with_old(main, self.old.main, key.split("."))
        return dataclasses.replace(new, main=main)

    def as_dict(self) -> dict[str, Any]:
        """As the management interface shows it."""
        return {"routes": list(self.routes), "keys": list(self.keys)}


def changes(old: Config, new: Config) -> Change:
    """Compare two configurations key by key."""
    differing = list(_differing(old.main, new.main, ""))
    return Change(
        keys=tuple(name for name, _ in differing),
        restart_required=tuple(name for name, reload in differing if reload == "restart"),
        routes=tuple(sorted(_changed_routes(old, new))),
        old=old,
    )


def _changed_routes(old: Config, new: Config) -> set[str]:
    before = {entry.value.name: entry.value for entry in old.routes}
    after = {entry.value.name: entry.value for entry in new.routes}
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def _differing(old: Table, new: Table, prefix: str) -> Iterator[tuple[str, str]]:
    for name, info in type(new).model_fields.items():
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        if isinstance(before, Table) and type(before) is type(after):
            yield from _differing(before, after, f"{prefix}{name}.")
            continue
        extra = info.json_schema_extra
        yield f"{prefix}{name}", str(extra.get("x-reload", "live")) if isinstance(extra, dict) else "live"


def _with_old(new: T, old: T, path: list[str]) -> T:
    name, *rest = path
    value = _with_old(getattr(new, name), getattr(old, name), rest) if rest else getattr(old, name)
    return new.model_copy(update={name: value})
