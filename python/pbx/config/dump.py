"""Prints the configuration in force as TOML, each value with the file and line it comes from."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr

from pbx.config.config import Config
from pbx.config.document import Document
from pbx.config.entry import Entry
from pbx.config.positions import KeyPath
from pbx.config.secrets import MASK, masked
from pbx.config.tables.table import Table

_KINDS = ("routes", "trunks", "queues")


def dump(config: Config) -> str:
    """The effective values. Secrets are `***`; a value without a comment is a default."""
    lines = list(_table(config.main, (), config.document, _derived(config)))
    for kind in _KINDS:
        entries: Any = getattr(config, kind)
        for entry in entries.values() if isinstance(entries, dict) else entries:
            header = "[[proxy.routes]]" if kind == "routes" else f"[proxy.{kind}.{_key(entry.name)}]"
            lines += ["", f"{header}  # {entry.origin}", *_members(entry)]
    for ivr in config.ivrs.values():
        lines += ["", f"# ivr {_key(ivr.name)}: {ivr.origin}"]
    return "\n".join(lines).strip() + "\n"


def dump_files(config: Config) -> str:
    """Every file that was read, one a line, with its kind."""
    lines = [f"main {config.document.shown}"] if config.path else []
    for kind, documents in config.files.items():
        lines += [
            f"{kind} {document.shown}{' (generated)' if document.generated else ''}" for document in documents
        ]
    return "".join(f"{line}\n" for line in lines)


def _derived(config: Config) -> dict[KeyPath, Any]:
    """Values that follow from other keys when they are not given."""
    proxy = config.proxy
    derived: dict[KeyPath, Any] = {("proxy", "t1x64_timer"): proxy.t1x64}
    if not proxy.has_listener_key:
        derived[("proxy", "udp_port")] = proxy.all_udp_ports[0]
    return derived


def _table(table: Table, path: KeyPath, document: Document, derived: dict[KeyPath, Any]) -> Iterator[str]:
    below = []
    for name in type(table).model_fields:
        value = getattr(table, name)
        here = (*path, name)
        value = derived.get(here) if value is None else value
        if isinstance(value, Table):
            below.append((name, value))
        elif value is not None and not (path == ("proxy",) and name in _KINDS):
            yield f"{_key(name)} = {_shown(here, value)}{_source(document, here)}"
    for name, value in below:
        here = (*path, name)
        yield ""
        yield f"[{'.'.join(_key(str(part)) for part in here)}]"
        yield from _table(value, here, document, derived)


def _members(entry: Entry[Any]) -> Iterator[str]:
    for name in type(entry.value).model_fields:
        if name in entry.value.model_fields_set:
            path = (*entry.path, name)
            value = _shown(path, getattr(entry.value, name))
            yield f"{_key(name)} = {value}{_source(entry.document, path)}"


def _source(document: Document, path: KeyPath) -> str:
    line = document.positions.lines.get(path)
    return "" if line is None else f"  # {document.shown}:{line}"


def _shown(path: KeyPath, value: Any) -> str:
    if isinstance(value, SecretStr):
        return f'"{MASK}"'
    if isinstance(value, Table):
        given = [name for name in type(value).model_fields if getattr(value, name) is not None]
        members = (f"{_key(name)} = {_shown((*path, name), getattr(value, name))}" for name in given)
        return "{ " + ", ".join(members) + " }"
    if isinstance(value, dict):
        return (
            "{ "
            + ", ".join(f"{_key(k)} = {_shown((*path, k), member)}" for k, member in value.items())
            + " }"
        )
    if isinstance(value, list) and any(isinstance(member, Table) for member in value):
        members = (f"    {_shown((*path, number), member)},\n" for number, member in enumerate(value))
        return "[\n" + "".join(members) + "]"
    if isinstance(value, list):
        return "[" + ", ".join(_shown((*path, number), member) for number, member in enumerate(value)) + "]"
    # A JSON string is a TOML string as well, but for DEL, which no value of ours can hold.
    return json.dumps(masked(path, value), ensure_ascii=False)


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("-", "a").replace("_", "a").isalnum()
    return name if bare else json.dumps(name, ensure_ascii=False)
