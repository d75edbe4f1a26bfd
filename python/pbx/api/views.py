"""What the read-only endpoints show."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from pbx.api.access import AccessError
from pbx.engine import Instance

Json = dict[str, Any]

MAX_LIMIT = 1000
MAX_PAGES = 32
"""Pages looked through for a filtered list; a reader goes on with the cursor he is given."""


def health(instance: Instance, http_address: str | None) -> Json:
    """State of the process. `degraded`: shutting down, or a thread of the engine is gone."""
    switch = instance.health()
    config = instance.config
    proxy = config.proxy
    listeners = [*instance.listeners(), *([("http", http_address)] if http_address else [])]
    return {
        "status": "ok" if instance.is_running() and not instance.draining else "degraded",
        "uptime": int(time.monotonic() - instance.started_at),
        "version": instance.version,
        "generation": switch["generation"],
        "draining": instance.draining,
        "listeners": [{"transport": transport, "address": address} for transport, address in listeners],
        "realms": proxy.realms,
        "modules": list(instance.generation.pipeline.names),
        "addons": [],
        "warnings": [str(problem) for problem in config.warnings],
        "storage": "memory",
        "sipserver": {
            name: switch[name]
            for name in (
                "transactions",
                "server_transactions",
                "dialogs",
                "calls",
                "registrations",
                "queries",
            )
        },
        "media": {
            "sessions": switch["media_sessions"],
            "ports_free": switch["ports_free"],
            "ports_used": switch["ports_used"],
            **instance.media_counters(),
        },
        "decisions": instance.decision_counters(),
        "rwi": {"sessions": 0},
        "callrecord": {"queued": 0, "written": 0, "failed": 0},
        "counters": dict(switch["counters"]),
    }


def calls(instance: Instance, query: Mapping[str, str]) -> tuple[list[Json], str | None]:
    """Calls and the cursor to go on with."""
    return _listed(query, lambda limit, after: instance.calls(limit, _number(after)), "id", ("from", "to"))


def dialogs(instance: Instance, query: Mapping[str, str]) -> tuple[list[Json], str | None]:
    """Dialogs and the cursor to go on with."""
    return _listed(query, lambda limit, after: instance.dialogs(limit, _number(after)), "id", ("source",))


def registrations(instance: Instance, query: Mapping[str, str]) -> tuple[list[Json], str | None]:
    """Bindings and the cursor to go on with."""
    return _listed(query, instance.registrations, "aor", ("aor",))


def _listed(
    query: Mapping[str, str],
    page: Callable[[int, str | None], list[Json]],
    key: str,
    user_fields: tuple[str, ...],
) -> tuple[list[Json], str | None]:
    limit, cursor = _limit(query), query.get("cursor") or None
    user = query.get("user")
    if query.get("trunk"):
        # There are no trunks, so no entry belongs to one.
        return [], None
    found: list[Json] = []
    for _ in range(MAX_PAGES):
        entries = page(limit, cursor)
        if not entries:
            return found, None
        cursor = str(entries[-1][key]).partition("/")[0]
        found += [entry for entry in entries if user is None or _is_of(user, entry, user_fields)]
        if len(entries) < limit:
            return found, None
        if len(found) >= limit:
            break
    return found, cursor


def _is_of(user: str, entry: Json, fields: tuple[str, ...]) -> bool:
    return any(_user_of(str(entry.get(name) or "")) == user for name in fields)


def _user_of(address: str) -> str:
    return (
        address.rpartition(":")[2].partition("@")[0]
        if "@" not in address
        else address.partition("@")[0].split(":")[-1]
    )


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", "100")
    if not text.isdecimal() or not 1 <= int(text) <= MAX_LIMIT:
        raise AccessError(400, "bad_request", f"limit is a number from 1 to {MAX_LIMIT}")
    return int(text)


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    text = cursor.partition("/")[0]
    if not text.isdecimal():
        raise AccessError(400, "bad_request", "the cursor is not one of ours")
    return int(text)
