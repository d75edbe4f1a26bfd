"""What the decision loop needs of the native engine, and the native types themselves. The only door to `_native`."""

from collections.abc import Sequence
from typing import Protocol

from pbx._native import Engine as NativeEngine
from pbx._native import Forget, LogLine, Query, SimulationReport, Uri, check_config, explain, simulate

ForwardTuple = tuple[
    list[tuple[bool, str]],
    bool,
    int | None,
    str | None,
    list[str] | None,
    list[tuple[str, str]],
    bool,
    str | None,
]
"""targets (is a URI, text), parallel, ring seconds, media mode, codecs, headers, drop original headers, Contact user."""

Item = Query | Forget | LogLine


class Bridge(Protocol):
    """The queue of questions and the calls that answer them. Each answer counts once; late ones are ignored."""

    def fileno(self) -> int:
        """Descriptor that is readable while items wait."""

    def take(self, limit: int) -> Sequence[Item]:
        """Items in order, never more than `limit`; does not wait."""

    def forward(self, query: int, forward: ForwardTuple) -> None:
        """Ring these targets."""

    def reject(self, query: int, code: int, reason: str | None, headers: list[tuple[str, str]]) -> None:
        """Refuse with a status."""

    def not_handled(self, query: int) -> None:
        """Let static routes and bindings decide."""

    def failed(self, query: int) -> None:
        """The handler failed: 500."""

    def overdue(self, query: int) -> None:
        """No handler had room or time: 503 with Retry-After."""


__all__ = [
    "Bridge",
    "Forget",
    "ForwardTuple",
    "Item",
    "LogLine",
    "NativeEngine",
    "Query",
    "SimulationReport",
    "Uri",
    "check_config",
    "explain",
    "simulate",
]
