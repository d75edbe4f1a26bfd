"""Menus that exist and can be reached, queues whose fallbacks end, texts that can be spoken."""

from collections.abc import Iterator
from typing import Any

from pbx.config.config import Config
from pbx.config.entry import Entry
from pbx.config.merge import queue_key
from pbx.config.model_walk import all_values
from pbx.config.positions import KeyPath
from pbx.config.problem import Problem
from pbx.config.suggest import nearest
from pbx.config.tables.ivr import Ivr
from pbx.config.tables.ivr_action import EnterMenu
from pbx.config.tables.queue import QueueBody
from pbx.config.tables.table import Table


def check_menus(config: Config) -> Iterator[Problem]:
    """Rules about IVRs and queues as graphs."""
    for ivr in config.ivrs.values():
        yield from _menus(ivr)
        yield from _texts(ivr)
    for queue in config.queues.values():
        yield from _queue_ring(config, queue)


def _menus(entry: Entry[Ivr]) -> Iterator[Problem]:
    nodes = {"root": entry.value.root, **entry.value.menus}
    for path, name in _entered(entry.value):
        if name not in nodes:
            yield entry.problem(path, f'no menu named "{name}"', suggestion=nearest(name, nodes))
    reached, waiting = {"root"}, ["root"]
    waiting += [name for _, name in _entered(entry.value.business_hours)]
    while waiting:
        node = nodes.get(waiting.pop())
        following = {name for _, name in _entered(node) if name in nodes} - reached if node else set()
        reached |= following
        waiting += following
    for name in entry.value.menus:
        if name not in reached:
            yield entry.problem(("menus", name), "no action leads to this menu", severity="warning")


def _entered(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, EnterMenu):
        yield (*path, "menu"), value.menu
    elif isinstance(value, Table):
        for name in type(value).model_fields:
            yield from _entered(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _entered(member, (*path, name))
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from _entered(member, (*path, number))


def _texts(entry: Entry[Ivr]) -> Iterator[Problem]:
    if entry.value.tts is not None:
        return
    for path, _ in all_values(entry.value):
        if str(path[-1]).endswith("_text"):
            yield entry.problem(path, "a text needs the table tts")


def _queue_ring(config: Config, entry: Entry[QueueBody]) -> Iterator[Problem]:
    seen = [entry.name]
    following = _next_queue(entry.value)
    while following in config.queues:
        if following == entry.name:
            message = f"the fallbacks form a ring: {' to '.join([*seen, following])}"
            yield entry.problem(("fallback", "queue_ref"), message)
        if following in seen:
            return
        seen.append(following)
        following = _next_queue(config.queues[following].value)


def _next_queue(queue: QueueBody) -> str | None:
    reference = queue.fallback.queue_ref if queue.fallback else None
    return None if reference is None else queue_key(reference)
