"""F5 at the level of the decision loop: whatever a handler does costs its own call one 5xx and a line in the log."""

import asyncio
import gc
import threading
import time

import pytest

from pbx.routing import Forward, Reject

RAISED = [
    Exception,
    SystemExit,
    KeyboardInterrupt,
    MemoryError,
    asyncio.CancelledError,
    GeneratorExit,
    StopIteration,
]


class _HostileError(Exception):
    def __str__(self):
        raise RuntimeError("no text for you")


class _Subclass(Forward):
    @property
    def targets(self):
        raise SystemExit


RETURNED = {
    "wrong type": "1002",
    "number": 486,
    "lone surrogate": Forward(to_user="\ud800"),
    "line break in header": Forward(headers={"X-A": "1\r\nX-B: 2"}),
    "line break in name": Forward(headers={"X-A: 1\r\nX-B": "2"}),
    "nul in reason": Reject(480, "a\0b"),
    "10 MB": Forward(headers={"X-A": "x" * 10_000_000}),
    "10 MB target": Forward(to_user="x" * 10_000_000),
    "engine's header": Forward(headers={"Via": "SIP/2.0/UDP x"}),
    "success status": Reject(200),
    "boolean status": Reject(True),
    "text as targets": Forward(targets="1002"),
    "numbers as targets": Forward(targets=[1002]),
    "empty target": Forward(to_user=""),
    "too many targets": Forward(targets=["1"] * 17),
    "headers no mapping": Forward(headers=[("X-A", "1")]),
    "negative ring time": Forward(ring_timeout=-1),
    "float ring time": Forward(ring_timeout=1.5),
    "unknown mode": Forward(media_proxy="sometimes"),
    "class": Forward,
}


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("error", [*RAISED, _HostileError], ids=lambda error: error.__name__)
def test_whatever_is_raised_costs_its_own_call_only(rig, error, kind):
    @rig.router.invite(to_user="bad-sync")
    def bad(call):
        raise error

    @rig.router.invite(to_user="bad-async")
    async def bad_later(call):
        await asyncio.sleep(0)
        raise error

    @rig.router.invite()
    def good(call):
        return Forward()

    rig.start()
    assert rig.bridge.decided(rig.bridge.ask(to_user=f"bad-{kind}")) == ("failed",)
    assert rig.bridge.decided(rig.bridge.ask(to_user="1"))[0] == "forward"
    assert "traceback=" in rig.wait_lines("handler_failed", 1)[0]


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("answer", RETURNED.values(), ids=RETURNED)
def test_whatever_is_returned_costs_its_own_call_only(rig, answer, kind):
    @rig.router.invite(to_user="bad-sync")
    def bad(call):
        return answer

    @rig.router.invite(to_user="bad-async")
    async def bad_later(call):
        return answer

    rig.start()
    assert rig.bridge.decided(rig.bridge.ask(to_user=f"bad-{kind}")) == ("failed",)
    assert len(rig.wait_lines("handler_failed", 1)[0]) < 20_000


def test_background_task_that_exits_does_not_end_the_decision_thread(rig):
    async def bad():
        raise SystemExit

    @rig.router.invite()
    async def handler(call):
        call_later.append(asyncio.create_task(bad()))
        return Forward()

    call_later = []
    rig.start()
    rig.bridge.wait([rig.bridge.ask() for _ in range(20)])
    assert rig.bridge.decided(rig.bridge.ask())[0] == "forward"


def test_traceback_is_shown_once_and_every_call_gets_a_line(rig):
    @rig.router.invite()
    def bad(call):
        raise ValueError("same every time")

    rig.start()
    rig.bridge.wait([rig.bridge.ask(call_id=f"c{n}") for n in range(20)])
    lines = rig.wait_lines("handler_failed", 20)
    assert sum("traceback=" in line for line in lines) == 1
    assert "test_failing_handlers" in lines[0]
    assert len({line.split("call_id=")[1].split()[0] for line in lines}) == 20


def test_lines_of_failures_are_limited_and_the_rest_is_counted(rig):
    @rig.router.invite()
    def bad(call):
        raise ValueError

    rig.start()
    rig.bridge.wait([rig.bridge.ask() for _ in range(2000)], timeout=30)
    assert rig.decider.failures.failed_total == 2000
    assert len(rig.lines("handler_failed")) < 2000


def _resident():
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def test_memory_stays_flat_over_ten_thousand_failures(rig):
    @rig.router.invite(to_user="raise")
    def bad(call):
        local = "x" * 10_000
        raise ValueError(local)

    @rig.router.invite(to_user="nonsense")
    async def worse(call):
        return Forward(headers={"X": "y\n" * 1000})

    rig.start()

    def burst(count):
        numbers = [rig.bridge.ask(to_user="raise" if n % 2 else "nonsense") for n in range(count)]
        rig.bridge.wait(numbers, timeout=60)
        rig.bridge.answers.clear()
        rig.bridge.latency.clear()
        rig.bridge._asked_at.clear()

    burst(2000)
    before = _resident()
    for _ in range(10):
        burst(1000)
    assert _resident() - before < 5 * 1024 * 1024


def test_async_handler_that_never_returns_ends_when_the_call_gives_up(rig):
    ended = threading.Event()

    @rig.router.invite(to_user="never")
    async def never(call):
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    rig.start()
    number = rig.bridge.ask(to_user="never")
    assert rig.bridge.decided(rig.bridge.ask(to_user="1")) == ("not_handled",)
    rig.bridge.give_up(number)
    assert ended.wait(5)
    assert number not in rig.bridge.answers
    assert rig.lines("handler_failed") == []


def test_spinning_handler_is_ended_when_the_call_gives_up(rig):
    ended = threading.Event()

    @rig.router.invite(to_user="spin")
    def spin(call):
        try:
            while True:
                pass
        finally:
            ended.set()

    rig.start()
    for _ in range(3):
        ended.clear()
        number = rig.bridge.ask(to_user="spin")
        assert rig.bridge.decided(rig.bridge.ask(to_user="1")) == ("not_handled",)
        rig.bridge.give_up(number)
        assert ended.wait(5)
    assert rig.lines("handler_failed") == []


def test_handler_may_run_the_router_inside_itself(rig):
    @rig.router.invite(to_user="in")
    def inside(call):
        return asyncio.run(rig.router.decide(call)).verdict if call.from_user == "again" else Forward()

    @rig.router.invite(to_user="out")
    def outside(call):
        from pbx.routing import Invite, InviteFields

        coroutine = rig.router.decide(Invite(InviteFields(to_user="in")))
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value.verdict

    rig.start()
    assert rig.bridge.decided(rig.bridge.ask(to_user="out"))[0] == "forward"


def test_threads_of_ended_handlers_are_given_back(rig):
    @rig.router.invite()
    def slow(call):
        time.sleep(0.03)
        return Forward()

    rig.start()
    rig.bridge.wait([rig.bridge.ask() for _ in range(30)])
    rig.bridge.wait([rig.bridge.ask() for _ in range(30)])
    assert len(rig.decider.lanes) <= 60
