"""The decision thread: drains all waiting questions in one wake-up and runs quick handlers on the spot.

A leader whose handler blocks is deposed: another takes the queue over at once, and the old one ends when its handler
returns. So a hop between threads is paid only for handlers that were seen to block.
"""

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any

from pbx.engine.border import Forget, LogLine
from pbx.engine.interrupt import Interrupted, raise_in
from pbx.engine.job import Job
from pbx.engine.pace import BLOCKING_SECS
from pbx.routing import Forward, Handler, Reject

if TYPE_CHECKING:
    from pbx.engine.decider import Decider

MAX_TURN = 256
"""Items taken in one wake-up; tasks get their turn between two wake-ups."""

_PLAIN = frozenset((Forward, Reject, type(None)))

Step = tuple[Handler, Awaitable[object]]


class Leader(threading.Thread):
    """One decision thread with its own event loop."""

    def __init__(self, decider: "Decider") -> None:
        super().__init__(name="pbx-decide", daemon=True)
        self._decider = decider
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unstarted: dict[int, tuple[Job, Step]] = {}
        self._ended = False
        self.deposed = False
        self.turns = 0
        self.job: Job | None = None
        self.entered_at: float | None = None

    def run(self) -> None:
        """Serve until deposed or stopped."""
        loop = self._loop
        asyncio.set_event_loop(loop)
        loop.set_exception_handler(self._on_loop_exception)
        loop.add_reader(self._decider.descriptor, self.on_readable)
        # What a deposed predecessor had taken but not begun.
        loop.call_soon(self.on_readable)
        while not self._ended:
            try:
                loop.run_forever()
            except Interrupted:
                continue
            except BaseException as error:  # noqa: BLE001 - SystemExit of a handler's background task ends up here
                self._decider.failures.report("-", "-", "background task", error)
        self._close()

    def depose(self) -> None:
        """Let another leader take over; this one finishes what it has begun. Called from another thread."""
        self.deposed = True
        self.call(self._end_when_done)

    def stop(self) -> None:
        """End, cancelling what has not finished. Called from another thread."""
        self.deposed = True
        self.call(self._end)

    def surrender(self) -> list[Job]:
        """Jobs whose async handler has not run a single step: free to be asked again by another leader."""
        jobs: list[Job] = []
        for number in list(self._unstarted):
            # Whoever removes the entry owns the job; removing is one step under the interpreter lock.
            owned = self._unstarted.pop(number, None)
            if owned is None:
                continue
            job, (_handler, awaitable) = owned
            if inspect.iscoroutine(awaitable):
                awaitable.close()
            job.rewind()
            jobs.append(job)
        return jobs

    def interrupt(self, query: int) -> None:
        """Raise inside the handler this thread is stuck in, if it is that call's. Only for a deposed leader."""
        job = self.job
        if job is not None and job.id == query and self.deposed and self.entered_at is not None:
            job.forget()
            raise_in(self)

    def enter(self, job: Job) -> None:
        """User code begins."""
        self.job = job
        self.entered_at = time.monotonic()

    def leave(self, job: Job) -> None:
        """User code has ended or waits for something."""
        began, self.entered_at = self.entered_at, None
        self.job = None
        if began is not None and time.monotonic() - began > BLOCKING_SECS:
            self._decider.handler_blocked(job.handler)

    def on_readable(self) -> None:
        """Take what waits and serve it."""
        decider = self._decider
        self.turns += 1
        if decider.watchdog_sleeps:
            decider.wake_watchdog()
        if self.deposed:
            self._end_when_done()
            return
        pending = decider.pending
        pending.extend(decider.bridge.take(MAX_TURN))
        while pending and not self.deposed:
            item = pending.popleft()
            if isinstance(item, LogLine):
                decider.on_line(item)
            elif isinstance(item, Forget):
                decider.forget(item.id)
            elif isinstance(item, Job):
                self.ask(item)
            else:
                self.ask(decider.job(item))
        if pending:
            # Deposed in between: taken after the successor had looked.
            decider.nudge()

    def ask(self, job: Job) -> None:
        """Run quick handlers now and make a task of an async one."""
        step = self._advance(job)
        if step is None:
            return
        if not self._decider.admit(job):
            job.refuse()
            return
        if step[0].is_async:
            self._unstarted[job.id] = job, step
        job.loop = self._loop
        job.task = task = self._loop.create_task(self._follow(job, step))
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _advance(self, job: Job) -> Step | None:
        """Run handlers until the job is done (`None`) or one of them waits."""
        while True:
            self.enter(job)
            try:
                matched = job.next_match()
                if matched is None:
                    job.finish_unhandled()
                    return None
                handler, arguments = matched
                if self._decider.pace.is_blocking(handler):
                    self._decider.lanes.submit(job, handler, arguments)
                    return None
                verdict = handler.function(job.invite, **arguments)
                if type(verdict) not in _PLAIN and inspect.isawaitable(verdict):
                    return handler, verdict
                if job.finish(verdict, handler):
                    return None
            except BaseException as error:  # noqa: BLE001 - whatever a handler raises costs its own call only
                job.fail(job.handler, error)
                return None
            finally:
                self.leave(job)

    async def _follow(self, job: Job, first: Step) -> None:
        step: Step | None = first
        if first[0].is_async and self._unstarted.pop(job.id, None) is None:
            return
        try:
            while step is not None:
                handler, awaitable = step
                verdict = await _Stepped(self, job, awaitable)
                step = None if job.finish(verdict, handler) else self._advance(job)
        except BaseException as error:  # noqa: BLE001 - let through, SystemExit would end the thread
            job.fail(job.handler, error)
        finally:
            self._decider.dismiss(job)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self.deposed:
            self._end_when_done()

    def _on_loop_exception(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception") or RuntimeError(str(context.get("message", "")))
        self._decider.failures.report("-", "-", "background task", error)

    def call(self, function: Callable[[], None]) -> None:
        """Run a function on this thread. May be called from any thread."""
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            # The loop is closed: the thread has ended already.
            return

    def _end_when_done(self) -> None:
        self._loop.remove_reader(self._decider.descriptor)
        if not self._tasks:
            self._end()

    def _end(self) -> None:
        self._ended = True
        self._loop.stop()

    def _close(self) -> None:
        loop = self._loop
        loop.remove_reader(self._decider.descriptor)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        try:
            # One turn, so that cancelled handlers run their `finally`; those that refuse to end are left behind.
            loop.call_soon(loop.stop)
            loop.run_forever()
        except BaseException as error:  # noqa: BLE001 - the handlers' last words
            self._decider.failures.report("-", "-", "shutdown", error)
        finally:
            loop.close()
        self._decider.leader_ended(self)


class _Stepped:
    """Awaits what a handler returned, telling the leader when its code runs and when it waits."""

    __slots__ = ("_awaitable", "_job", "_leader")

    def __init__(self, leader: Leader, job: Job, awaitable: Awaitable[object]) -> None:
        self._leader = leader
        self._job = job
        self._awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, object]:
        inner = _wait(self._awaitable).__await__()
        error: BaseException | None = None
        while True:
            self._leader.enter(self._job)
            try:
                waits_for = inner.send(None) if error is None else inner.throw(error)
            except StopIteration as stop:
                return stop.value
            finally:
                self._leader.leave(self._job)
            try:
                yield waits_for
                error = None
            except BaseException as thrown:  # noqa: BLE001 - cancellation has to reach the handler
                error = thrown


async def _wait(awaitable: Awaitable[object]) -> object:
    return await awaitable
