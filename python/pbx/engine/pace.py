"""Which handlers block: measured, not declared."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pbx.routing import Handler

BLOCKING_SECS = 0.020
"""A handler that keeps its thread this long is not asked on the decision thread again."""
MAX_QUICK_RUNS = 200
"""Quick runs in a row after which it is trusted again."""
QUICK_SECS = 0.002


class Pace:
    """The record of every handler that blocked."""

    def __init__(self) -> None:
        self._quick_runs: dict[Handler, int] = {}
        self.blocked_total = 0

    def is_blocking(self, handler: Handler) -> bool:
        """Whether the handler was seen to block lately."""
        return handler in self._quick_runs

    def blocked(self, handler: Handler) -> bool:
        """The handler kept its thread too long. True: this is news."""
        news = handler not in self._quick_runs
        self._quick_runs[handler] = 0
        self.blocked_total += 1
        return news

    def clear(self) -> None:
        """Forget everything: other handlers are in force."""
        self._quick_runs.clear()

    @contextmanager
    def timed(self, handler: Handler) -> Iterator[None]:
        """Measure one run of a handler that is known to block."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._ran(handler, time.monotonic() - began)

    def _ran(self, handler: Handler, secs: float) -> None:
        runs = self._quick_runs.get(handler)
        if runs is None:
            return
        if secs > QUICK_SECS:
            self._quick_runs[handler] = 0
        elif runs + 1 < MAX_QUICK_RUNS:
            self._quick_runs[handler] = runs + 1
        else:
            self._quick_runs.pop(handler, None)
