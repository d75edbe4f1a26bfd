"""Trunks: unique ids, fallbacks that end, listeners they need."""

from collections.abc import Iterator

from pbx.config.config import Config
from pbx.config.entry import Entry
from pbx.config.problem import Problem
from pbx.config.tables.trunk import Trunk

_LISTENERS = {"udp": ("udp_port", "udp_ports"), "tcp": ("tcp_port",), "tls": ("tls_port",)}


def check_trunks(config: Config) -> Iterator[Problem]:
    """Rules about the trunks together."""
    yield from _unique_ids(config)
    for entry in config.trunks.values():
        yield from _fallback(config, entry)
        yield from _listener(config, entry)
        if not entry.value.tls_verify:
            yield entry.problem(
                ("tls_verify",), "certificates of this trunk are not checked", severity="warning"
            )
        if entry.value.video_policy == "transcode":
            message = '"transcode": video is passed through'
            yield entry.problem(("video_policy",), message, severity="warning")


def _unique_ids(config: Config) -> Iterator[Problem]:
    owners: dict[int, str] = {}
    for name, entry in config.trunks.items():
        if entry.value.id is not None and owners.setdefault(entry.value.id, name) != name:
            yield entry.problem(
                ("id",), f'{entry.value.id} is the id of trunk "{owners[entry.value.id]}" as well'
            )


def _fallback(config: Config, entry: Entry[Trunk]) -> Iterator[Problem]:
    seen = [entry.name]
    following = entry.value.fallback
    while following in config.trunks:
        if following == entry.name:
            key = (
                "health_check_fallback_trunk" if entry.value.health_check_fallback_trunk else "fallback_trunk"
            )
            yield entry.problem((key,), f"the fallbacks form a ring: {' to '.join([*seen, following])}")
        if following in seen:
            return
        seen.append(following)
        following = config.trunks[following].value.fallback


def _listener(config: Config, entry: Entry[Trunk]) -> Iterator[Problem]:
    needed = _LISTENERS.get(entry.value.transport or "")
    if needed is None or entry.value.disabled or not config.proxy.has_listener_key:
        return
    if all(getattr(config.proxy, name) is None for name in needed):
        message = f'"{entry.value.transport}": there is no {entry.value.transport} listener'
        yield entry.problem(("transport",), message, severity="warning")
