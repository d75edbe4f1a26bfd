"""Joins inline tables, files and generated files: a later entry replaces an earlier one of the same name as a whole."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from pbx.config.document import Document
from pbx.config.entry import Entry
from pbx.config.messages import validate
from pbx.config.problem import Problem
from pbx.config.tables.ivr import Ivr, IvrDocument
from pbx.config.tables.main import AclFile, Main, RouteFile, TrunkFile
from pbx.config.tables.queue import QueueBody, QueueDocument
from pbx.config.tables.route import Route
from pbx.config.tables.trunk import Trunk

T = TypeVar("T")
Found = tuple[list[Entry[T]], list[Problem]]


def queue_key(name: str) -> str:
    """The form in which queue names are compared."""
    return name.strip().lower()


def inline_routes(main: Main, document: Document) -> Iterator[Entry[Route]]:
    for number, route in enumerate(main.proxy.routes):
        yield Entry(route.name, route, document, ("proxy", "routes", number))


def inline_trunks(main: Main, document: Document) -> Iterator[Entry[Trunk]]:
    for name, trunk in main.proxy.trunks.items():
        yield Entry(name, trunk, document, ("proxy", "trunks", name))


def inline_queues(main: Main, document: Document) -> Iterator[Entry[QueueBody]]:
    for name, queue in main.proxy.queues.items():
        yield Entry(queue_key(name), queue, document, ("proxy", "queues", name))


def inline_acl(main: Main, document: Document) -> Iterator[Entry[str]]:
    for number, rule in enumerate(main.proxy.acl_rules or []):
        yield Entry(rule, rule, document, ("proxy", "acl_rules", number))


def file_routes(document: Document) -> Found[Route]:
    model, problems = validate(RouteFile, document)
    routes = model.routes if model else []
    return [
        Entry(route.name, route, document, ("routes", number)) for number, route in enumerate(routes)
    ], problems


def file_trunks(document: Document) -> Found[Trunk]:
    model, problems = validate(TrunkFile, document)
    trunks = model.trunks if model else {}
    return [Entry(name, trunk, document, ("trunks", name)) for name, trunk in trunks.items()], problems


def file_queues(document: Document) -> Found[QueueBody]:
    model, problems = validate(QueueDocument, document)
    return [Entry(queue_key(model.name), model.queue, document, ("queue",))] if model else [], problems


def file_ivrs(document: Document) -> Found[Ivr]:
    model, problems = validate(IvrDocument, document)
    return [Entry(model.ivr.name, model.ivr, document, ("ivr",))] if model else [], problems


def file_acl(document: Document) -> Found[str]:
    model, problems = validate(AclFile, document)
    rules = model.acl_rules if model else []
    return [Entry(rule, rule, document, ("acl_rules", number)) for number, rule in enumerate(rules)], problems


def merged(
    inline: list[Entry[T]], documents: list[Document], read: Callable[[Document], Found[T]]
) -> tuple[dict[str, Entry[T]], list[Problem]]:
    """Entries by name, in load order, with what was found wrong or replaced."""
    problems: list[Problem] = []
    entries = list(inline)
    for document in documents:
        found, faults = read(document)
        entries += found
        problems += faults
    by_name: dict[str, Entry[T]] = {}
    for entry in entries:
        if earlier := by_name.pop(entry.name, None):
            problems.append(entry.problem((), f"override of {earlier.origin}", severity="info"))
        by_name[entry.name] = entry
    return by_name, problems
