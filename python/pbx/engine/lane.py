"""Threads for handlers that were seen to block: each waits in a thread of its own instead of in everybody's."""

import asyncio
import contextlib
import inspect
import queue
import threading
import time
from collections.abc import Coroutine
from typing import Any

from pbx.engine.interrupt import Interrupted, raise_in
from pbx.engine.job import Job
from pbx.engine.pace import Pace
from pbx.routing import Handler

MAX_LANES = 256
"""Handlers blocked at the same time. When all are, a call for a blocking handler is refused at once with 503."""
IDLE_SECS = 10.0

Work = tuple[Job, Handler, dict[str, str]]


class Lane(threading.Thread):
    """One thread. It serves a job at a time and ends after ten idle seconds, or after it had to be interrupted."""

    def __init__(self, lanes: "Lanes", first: Work) -> None:
        super().__init__(name="pbx-lane", daemon=True)
        self._lanes = lanes
        self._work: Work | None = first
        self._lock = threading.Lock()
        self._serving: Job | None = None
        self._interrupted = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self) -> None:
        """Serve until idle for long."""
        try:
            while self._work is not None and not self._interrupted:
                job, handler, arguments = self._work
                self._work = None
                self._serve(job, handler, arguments)
                del job, arguments
                if not self._interrupted:
                    self._work = self._lanes.wait_for_work()
            if self._interrupted:
                # It may still be on its way; `ended` must not be torn.
                time.sleep(0.001)
        except Interrupted:
            pass
        self._lanes.ended(self)

    def interrupt(self, job: Job) -> None:
        """Raise `Interrupted` where this thread is, if it still serves that job."""
        with self._lock:
            if self._serving is not job or self._interrupted:
                return
            self._interrupted = True
            raise_in(self)
            loop = self._loop
        if loop is not None:
            # A loop that sleeps in the kernel would notice only when something else wakes it.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_nothing)

    def _serve(self, job: Job, handler: Handler, arguments: dict[str, str]) -> None:
        with self._lock:
            if job.forgotten:
                return
            self._serving = job
        self._lanes.begin(job, self)
        try:
            self._ask(job, handler, arguments)
        finally:
            with self._lock:
                self._serving = None
            self._lanes.end(job)

    def _ask(self, job: Job, handler: Handler, arguments: dict[str, str]) -> None:
        matched: tuple[Handler, dict[str, str]] | None = (handler, arguments)
        while matched is not None:
            handler, arguments = matched
            try:
                with self._lanes.pace.timed(handler):
                    verdict: object = handler.function(job.invite, **arguments)
                    if inspect.isawaitable(verdict):
                        verdict = self._run(_wait(verdict))
                if job.finish(verdict, handler):
                    return
                matched = job.next_match()
            except BaseException as error:  # noqa: BLE001 - whatever a handler raises costs its own call only
                job.fail(handler, error)
                return
        job.finish_unhandled()

    def _run(self, coroutine: Coroutine[Any, Any, object]) -> object:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            try:
                return runner.run(coroutine)
            finally:
                self._loop = None


class Lanes:
    """The bounded set of threads and the jobs handed to them."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._lock = threading.Lock()
        self._threads: set[Lane] = set()
        self._idle = 0
        self._handover: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._serving: dict[int, tuple[Lane, Job]] = {}
        self._stopped = False
        self.refused_total = 0

    def __len__(self) -> int:
        return len(self._threads)

    def submit(self, job: Job, handler: Handler, arguments: dict[str, str]) -> bool:
        """Run the handler, and those after it, in a thread. False: all threads are taken and the call was refused."""
        with self._lock:
            if self._idle > 0:
                self._idle -= 1
                self._handover.put((job, handler, arguments))
                return True
            if len(self._threads) < MAX_LANES and not self._stopped and self._start(job, handler, arguments):
                return True
            self.refused_total += 1
        job.refuse()
        return False

    def forget(self, query: int) -> None:
        """Interrupt the handler of a call that no longer waits."""
        entry = self._serving.get(query)
        if entry is not None:
            lane, job = entry
            job.forget()
            lane.interrupt(job)

    def stop(self) -> None:
        """Take no more work, end idle threads, interrupt the others. One stuck in C keeps its (daemon) thread."""
        with self._lock:
            self._stopped = True
            for _ in range(self._idle):
                self._handover.put(None)
            self._idle = 0
        for query in list(self._serving):
            self.forget(query)

    def begin(self, job: Job, lane: Lane) -> None:
        """A thread starts to serve."""
        self._serving[job.id] = (lane, job)

    def end(self, job: Job) -> None:
        """A thread has served."""
        self._serving.pop(job.id, None)

    def ended(self, lane: Lane) -> None:
        """A thread is gone."""
        with self._lock:
            self._threads.discard(lane)
            for query in [query for query, (owner, _) in list(self._serving.items()) if owner is lane]:
                self._serving.pop(query, None)

    def wait_for_work(self) -> Work | None:
        """The next job for an idle thread; `None`: it shall end."""
        with self._lock:
            if self._stopped:
                return None
            self._idle += 1
        try:
            return self._handover.get(timeout=IDLE_SECS)
        except queue.Empty:
            with self._lock:
                if self._idle > 0:
                    self._idle -= 1
                    return None
        # Somebody counted on this thread at the last moment: the job is on its way.
        return self._handover.get()

    def _start(self, job: Job, handler: Handler, arguments: dict[str, str]) -> bool:
        lane = Lane(self, (job, handler, arguments))
        self._threads.add(lane)
        try:
            lane.start()
        except RuntimeError:
            # The system has no thread left.
            self._threads.discard(lane)
            return False
        return True


async def _wait(awaitable: Any) -> object:
    return await awaitable


def _nothing() -> None:
    pass
