"""What the log says of handlers that fail: a line for every call, but each traceback once a minute only."""

import threading
import time
import traceback
from collections.abc import Callable

from pbx.log import EventLog

MAX_LINES_PER_SECOND = 50
"""Failing calls that get a line of their own; the others are counted in the first line of a later second."""
MAX_KINDS = 256
TRACEBACK_INTERVAL_SECS = 60.0
MAX_TRACEBACK = 8_192
MAX_MESSAGE = 256


class FailureLog:
    """Reports failures of handlers. Safe to use from any thread."""

    def __init__(self, log: EventLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._shown_at: dict[tuple[str, str, int], float] = {}
        self._second = 0
        self._lines = 0
        self._suppressed = 0
        self.failed_total = 0
        self.overdue_total = 0

    def report(self, call_id: str, to_user: str, handler: str, error: BaseException) -> None:
        """One failing call. Keeps no reference to the error, whose frames may hold anything."""
        with self._lock:
            self.failed_total += 1
            if not self._has_room():
                return
            suppressed, self._suppressed = self._suppressed, 0
            trace = self._traceback(handler, error)
        self._log.error(
            "handler_failed",
            call_id=call_id[:MAX_MESSAGE],
            to_user=to_user[:MAX_MESSAGE],
            handler=handler,
            error=f"{type(error).__name__}: {_message(error)}",
            suppressed=suppressed or None,
            traceback=trace,
        )

    def overdue(self, call_id: str, to_user: str, handler: str, deadline_ms: int) -> None:
        """One call whose handler did not answer in time; the engine has refused it with 503."""
        with self._lock:
            self.overdue_total += 1
            if not self._has_room():
                return
            suppressed, self._suppressed = self._suppressed, 0
        self._log.error(
            "handler_overdue",
            call_id=call_id[:MAX_MESSAGE],
            to_user=to_user[:MAX_MESSAGE],
            handler=handler,
            deadline_ms=deadline_ms,
            suppressed=suppressed or None,
        )

    def _has_room(self) -> bool:
        second = int(self._clock())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines <= MAX_LINES_PER_SECOND:
            return True
        self._suppressed += 1
        return False

    def _traceback(self, handler: str, error: BaseException) -> str | None:
        now = self._clock()
        kind = (handler, type(error).__name__, _last_line(error))
        if now - self._shown_at.get(kind, -TRACEBACK_INTERVAL_SECS) < TRACEBACK_INTERVAL_SECS:
            return None
        if len(self._shown_at) >= MAX_KINDS:
            self._shown_at.clear()
        self._shown_at[kind] = now
        frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), limit=-20)
        text = "".join(frames.format())[-MAX_TRACEBACK:]
        return f"{text}{type(error).__name__}: {_message(error)}"


def _last_line(error: BaseException) -> int:
    last = 0
    for _frame, line in traceback.walk_tb(error.__traceback__):
        last = line
    return last


def _message(error: BaseException) -> str:
    try:
        return str(error)[:MAX_MESSAGE]
    except BaseException:  # noqa: BLE001 - __str__ is the user's as well
        return "(no message)"
