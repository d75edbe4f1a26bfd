"""A bridge made by hand: questions are put in, answers are read, no engine runs."""

import os
import threading
import time
from collections import deque

from pbx.engine.border import Forget
from pbx.engine.decider import Decider
from pbx.log import EventLog
from pbx.routing import InviteFields, Router


class FakeQuery:
    def __init__(self, number, fields):
        self.id = number
        self.timeout_ms = 2000
        self._fields = fields

    def __getattr__(self, name):
        return getattr(self._fields, name)


class FakeBridge:
    def __init__(self):
        self.eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_SEMAPHORE)
        self.items = deque()
        self.answers = {}
        self.latency = {}
        self._asked_at = {}
        self._changed = threading.Condition()
        self._next = 0

    def ask(self, to_user="1", **fields):
        self._next += 1
        self._asked_at[self._next] = time.monotonic()
        self.put(FakeQuery(self._next, InviteFields(to_user=to_user, **fields)))
        return self._next

    def put(self, item):
        self.items.append(item)
        os.eventfd_write(self.eventfd, 1)

    def give_up(self, number):
        self.put(Forget(number))

    def wait(self, numbers, timeout=10.0):
        wanted = set(numbers)
        with self._changed:
            assert self._changed.wait_for(lambda: wanted <= self.answers.keys(), timeout), (
                f"{len(wanted - self.answers.keys())} of {len(wanted)} unanswered"
            )
        return [self.answers[number] for number in numbers]

    def decided(self, number, timeout=10.0):
        return self.wait([number], timeout)[0]

    def fileno(self):
        return self.eventfd

    def take(self, limit):
        taken = []
        while len(taken) < limit:
            try:
                os.eventfd_read(self.eventfd)
            except BlockingIOError:
                break
            taken.append(self.items.popleft())
        return taken

    def _answer(self, number, answer):
        with self._changed:
            assert number not in self.answers, "answered twice"
            self.answers[number] = answer
            self.latency[number] = time.monotonic() - self._asked_at[number]
            self._changed.notify_all()

    def forward(self, query, forward):
        self._answer(query, ("forward", forward))

    def reject(self, query, code, reason, headers):
        self._answer(query, ("reject", code, reason, headers))

    def not_handled(self, query):
        self._answer(query, ("not_handled",))

    def failed(self, query):
        self._answer(query, ("failed",))

    def overdue(self, query):
        self._answer(query, ("overdue",))

    def close(self):
        os.close(self.eventfd)


class Rig:
    """A decider over a fake bridge, with what it logs."""

    def __init__(self, stream):
        self.stream = stream
        self.bridge = FakeBridge()
        self.decider = Decider(self.bridge, EventLog("debug", stream=stream), on_line=lambda _line: None)
        self.router = Router()

    def start(self):
        self.decider.set_handlers(self.router.handlers)
        self.decider.start()

    def stop(self):
        self.decider.stop()
        self.bridge.close()

    def wait_lines(self, event, count, timeout=5.0):
        """The line follows the answer, so that no caller waits for a log."""
        deadline = time.monotonic() + timeout
        while len(self.lines(event)) < count and time.monotonic() < deadline:
            time.sleep(0.001)
        lines = self.lines(event)
        assert len(lines) == count
        return lines

    def lines(self, event):
        return [line for line in self.stream.getvalue().splitlines() if f" event={event} " in line]
