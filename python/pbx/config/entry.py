"""A named thing of the configuration together with the place it was written at."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from pbx.config.document import Document
from pbx.config.positions import KeyPath
from pbx.config.problem import Problem, Severity

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A route, trunk, queue, IVR or access rule, after merging."""

    name: str
    value: T
    document: Document
    path: KeyPath

    @property
    def origin(self) -> str:
        """File and line, as logs and explanations show them."""
        line = self.document.positions.line(self.path)
        return self.document.shown if line is None else f"{self.document.shown}:{line}"

    def problem(
        self, path: KeyPath, message: str, *, suggestion: str | None = None, severity: Severity = "error"
    ) -> Problem:
        """A finding at a key inside this entry."""
        return self.document.problem((*self.path, *path), message, suggestion=suggestion, severity=severity)
