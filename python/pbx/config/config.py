"""The configuration after loading: one main table, and everything else merged by name."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pbx.config.document import Document
from pbx.config.entry import Entry
from pbx.config.problem import Problem
from pbx.config.tables.ivr import Ivr
from pbx.config.tables.main import Main
from pbx.config.tables.proxy import Proxy
from pbx.config.tables.queue import QueueBody
from pbx.config.tables.route import Route
from pbx.config.tables.trunk import Trunk


@dataclass(frozen=True)
class Config:
    """What was loaded. Never printed as a whole: it holds secrets."""

    main: Main
    document: Document
    base: Path
    routes: tuple[Entry[Route], ...] = ()
    trunks: dict[str, Entry[Trunk]] = field(default_factory=dict)
    queues: dict[str, Entry[QueueBody]] = field(default_factory=dict)
    ivrs: dict[str, Entry[Ivr]] = field(default_factory=dict)
    acl_rules: tuple[Entry[str], ...] = ()
    files: dict[str, tuple[Document, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def __repr__(self) -> str:
        return f"Config({self.document.shown!r})"

    @property
    def proxy(self) -> Proxy:
        """The `[proxy]` table."""
        return self.main.proxy

    @property
    def path(self) -> Path | None:
        """The main file, None when there is none."""
        return self.document.path

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What the administrator should know, printed at each start."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")

    @property
    def infos(self) -> tuple[Problem, ...]:
        """What is worth a log line: entries replaced by later ones."""
        return tuple(problem for problem in self.problems if problem.severity == "info")

    def source(self, key: str) -> tuple[str, int | None] | None:
        """File and line of a key such as `proxy.udp_port` or `routes["a"].dest`; None: a default."""
        return self._sources.get(key)

    @cached_property
    def _sources(self) -> dict[str, tuple[str, int | None]]:
        return {
            document.render(path): (document.shown, line)
            for document in self.documents
            for path, line in document.positions.lines.items()
        }

    @property
    def documents(self) -> Iterator[Document]:
        """Every file that was read, in the order of merging."""
        yield self.document
        for documents in self.files.values():
            yield from documents

    def resolve(self, path: str) -> Path:
        """A path of the configuration: relative to the directory of the main file."""
        return self.base / path
