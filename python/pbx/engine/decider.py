"""The decision side of the engine: who runs handlers, and who notices when one blocks."""

import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from pbx.engine.border import Bridge, Item, LogLine, Query
from pbx.engine.failure_log import FailureLog
from pbx.engine.job import Job
from pbx.engine.lane import Lanes
from pbx.engine.leader import Leader
from pbx.engine.pace import BLOCKING_SECS, Pace
from pbx.log import EventLog
from pbx.routing import Handler

MAX_TASKS = 10_000
"""Async handlers waiting at the same time; above it calls are refused with 503."""
MAX_DEPOSED = 32
"""Leaders stuck in handlers. With that many, decisions wait for one of them to come back."""
_TICK_SECS = 0.020
_QUIET_TICKS = 100
_MAX_IDLE_TICKS = 3


class Decider:
    """Answers every question of the bridge by asking the handlers in force. Handlers may be replaced at any time."""

    def __init__(self, bridge: Bridge, log: EventLog, on_line: Callable[[LogLine], None]) -> None:
        self.bridge = bridge
        # Asked once: a stopped engine has no descriptor any more, but threads that come back late unregister it.
        self.descriptor = bridge.fileno()
        self.on_line = on_line
        self.failures = FailureLog(log)
        self.pace = Pace()
        self.lanes = Lanes(self.pace)
        self.pending: deque[Item | Job] = deque()
        self.watchdog_sleeps = False
        self.asked_total = 0
        self._log = log
        self._handlers: Sequence[Handler] = ()
        self._waiting: dict[int, Job] = {}
        self._leader = Leader(self)
        self._deposed: list[Leader] = []
        self._stopping = False
        self._wake = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="pbx-watchdog", daemon=True)

    def set_handlers(self, handlers: Sequence[Handler]) -> None:
        """Put handlers in force for the next question; those being asked go on."""
        self._handlers = tuple(handlers)
        self.pace.clear()

    def start(self) -> None:
        """Begin to answer."""
        self._leader.start()
        self._watchdog.start()

    def stop(self) -> None:
        """End all threads that can be ended; waits a second at most. Questions still open are the engine's business."""
        self._stopping = True
        self._wake.set()
        self._watchdog.join(timeout=1)
        self.lanes.stop()
        self._leader.stop()
        self._leader.join(timeout=1)

    def job(self, query: Query) -> Job:
        """Begin to answer a question."""
        self.asked_total += 1
        return Job(query, self._handlers, self.bridge, self.failures)

    def admit(self, job: Job) -> bool:
        """Count an async handler as waiting; False when too many wait."""
        if len(self._waiting) >= MAX_TASKS:
            return False
        self._waiting[job.id] = job
        return True

    def dismiss(self, job: Job) -> None:
        """An async handler has ended."""
        self._waiting.pop(job.id, None)

    def forget(self, query: int) -> None:
        """The call no longer waits: end its handler."""
        job = self._waiting.get(query)
        if job is not None and job.task is not None and job.loop is not None:
            job.forget()
            if not job.loop.is_closed():
                job.loop.call_soon_threadsafe(job.task.cancel)
        self.lanes.forget(query)
        for leader in self._deposed:
            leader.interrupt(query)

    def handler_blocked(self, handler: Handler) -> None:
        """From now on the handler runs in a thread of its own."""
        if self.pace.blocked(handler):
            self._log.warning("handler_blocking", handler=handler.name, limit_ms=int(BLOCKING_SECS * 1000))

    def leader_ended(self, leader: Leader) -> None:
        """A deposed leader has come back and gone."""
        if leader in self._deposed:
            self._deposed.remove(leader)

    def nudge(self) -> None:
        """Make the leader look at `pending` again."""
        leader = self._leader
        leader.call(leader.on_readable)

    def wake_watchdog(self) -> None:
        """Watch again: questions are being asked."""
        self.watchdog_sleeps = False
        self._wake.set()

    def _watch(self) -> None:
        quiet = 0
        idle_ticks = 0
        turns = -1
        while not self._stopping:
            leader = self._leader
            has_work = self._has_work()
            moved = leader.turns != turns
            turns = leader.turns
            idle_ticks = 0 if moved or not has_work else idle_ticks + 1
            quiet = 0 if moved or has_work or leader.entered_at is not None else quiet + 1
            if _is_stuck(leader) or idle_ticks >= _MAX_IDLE_TICKS:
                self._replace(leader)
                turns, idle_ticks = -1, 0
            if quiet >= _QUIET_TICKS:
                self._doze(leader, turns)
                quiet = 0
            else:
                time.sleep(_TICK_SECS)

    def _doze(self, leader: Leader, turns: int) -> None:
        self._wake.clear()
        self.watchdog_sleeps = True
        # A turn that began before the flag was seen would go unwatched.
        if leader.turns == turns:
            self._wake.wait()
        self.watchdog_sleeps = False

    def _has_work(self) -> bool:
        if self.pending:
            return True
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def _replace(self, leader: Leader) -> None:
        if len(self._deposed) >= MAX_DEPOSED:
            return
        job = leader.job
        if job is not None:
            self.handler_blocked(job.handler)
        self._deposed.append(leader)
        leader.depose()
        surrendered = leader.surrender()
        for waiting in surrendered:
            self.dismiss(waiting)
        self.pending.extendleft(reversed(surrendered))
        self._leader = Leader(self)
        self._leader.start()


def _is_stuck(leader: Leader) -> bool:
    """Whether a handler keeps the decision thread, waiting work or not: its other tasks cannot go on either."""
    entered_at = leader.entered_at
    return entered_at is not None and time.monotonic() - entered_at > BLOCKING_SECS
