"""Static routes as the engine reads them."""

from collections.abc import Iterable
from typing import Any

from pbx.config.effective import MEDIA_MODES, inert_keys
from pbx.config.entry import Entry
from pbx.config.tables.route import Route

Json = dict[str, Any]

_PATTERN = "proxy.routes[]"
# Keys that say how, not whether and where to; without effect they leave a call as the rule wants it.
_HARMLESS = {"disable_ice_servers", "recording", "select", "hash_key", "auto_answer", "media_proxy"}
_UNAVAILABLE = {"kind": "reject", "code": 503, "reason": "Route Not Available", "headers": []}


def compile_routes(entries: Iterable[Entry[Route]]) -> list[Json]:
    """Enabled routes in order of judgement: by priority, then as loaded."""
    enabled = [entry for entry in entries if not entry.value.disabled and not _can_never_match(entry.value)]
    return [_route(entry) for entry in sorted(enabled, key=lambda entry: -entry.value.priority)]


def _can_never_match(route: Route) -> bool:
    # No source is a trunk in this release.
    return bool(route.source_trunks or route.source_trunk_ids)


def _route(entry: Entry[Route]) -> Json:
    route = entry.value
    return {
        "name": route.name,
        "origin": entry.origin,
        "direction": route.direction,
        "matchers": [
            {"field": _field(name), "pattern": str(pattern)} for name, pattern in route.match.items()
        ],
        "action": _action(entry),
        "max_ring_secs": route.max_ring_time,
        "codecs": route.codecs,
        "media": route.media_proxy if route.media_proxy in MEDIA_MODES else None,
    }


def _field(name: str) -> Any:
    if name.startswith("header."):
        return {"header": name.removeprefix("header.")}
    return name.replace(".", "_")


def _action(entry: Entry[Route]) -> Json:
    route = entry.value
    # A rule that asks for what this release cannot do still decides the call: letting it fall through to a later
    # rule, or forwarding without the policy it carries, could allow what the administrator forbade.
    if any(path[0] not in _HARMLESS for path in inert_keys(entry, _PATTERN)):
        return dict(_UNAVAILABLE)
    if route.action == "reject":
        reject = route.reject
        headers = [list(pair) for pair in reject.headers.items()]
        return {"kind": "reject", "code": reject.code, "reason": reject.reason, "headers": headers}
    if route.action == "busy":
        return {"kind": "busy"}
    return {"kind": "forward", "to_user": _fixed_user(route.rewrite.get("to.user"))}


def _fixed_user(template: str | None) -> str | None:
    return None if template is None else template.replace("{{", "{").replace("}}", "}")
