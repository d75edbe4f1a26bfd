"""F4 at the level of the decision loop: a handler that blocks delays nobody else."""

import asyncio
import threading
import time

import pytest

from pbx.engine.lane import MAX_LANES
from pbx.routing import Forward


def _p99(values):
    return sorted(values)[int(len(values) * 0.99)]


def _mixed(rig, slow_count=200, fast_count=200):
    """Slow questions in one burst, quick ones spread over the time they take."""
    slow = [rig.bridge.ask(to_user="slow") for _ in range(slow_count)]
    fast = []
    for _ in range(fast_count):
        fast.append(rig.bridge.ask(to_user="fast"))
        rig.bridge.wait(fast[-1:])
    return slow, fast


def _assert_quick(rig, fast):
    assert _p99([rig.bridge.latency[number] for number in fast]) < 0.2


@pytest.mark.parametrize("kind", ["two handlers", "one handler", "async"])
def test_quick_calls_stay_quick_beside_two_hundred_that_sleep(rig, kind):
    release = threading.Event()

    def sleep(call):
        release.wait(30)
        return Forward(to_user="late")

    if kind == "one handler":

        @rig.router.invite()
        def both(call):
            return sleep(call) if call.to_user == "slow" else Forward()

    elif kind == "async":

        @rig.router.invite(to_user="slow")
        async def slow(call):
            return sleep(call)

        @rig.router.invite()
        async def fast(call):
            await asyncio.sleep(0)
            return Forward()

    else:
        rig.router.invite(to_user="slow")(sleep)

        @rig.router.invite()
        def fast_sync(call):
            return Forward()

    rig.start()
    slow_numbers, fast_numbers = _mixed(rig)
    _assert_quick(rig, fast_numbers)
    release.set()
    assert {answer[1][0][0][1] for answer in rig.bridge.wait(slow_numbers)} == {"late"}


def test_given_up_sleepers_answer_nothing(rig):
    release = threading.Event()

    @rig.router.invite()
    def slow(call):
        release.wait(30)
        return Forward()

    rig.start()
    numbers = [rig.bridge.ask() for _ in range(50)]
    for number in numbers:
        rig.bridge.give_up(number)
    time.sleep(0)
    release.set()
    last = rig.bridge.ask()
    rig.bridge.decided(last)
    assert rig.lines("handler_failed") == []


def test_calls_beyond_the_threads_are_refused_at_once(rig):
    release = threading.Event()

    @rig.router.invite()
    def slow(call):
        release.wait(30)
        return Forward()

    rig.start()
    first = rig.bridge.ask()
    second = rig.bridge.ask()
    numbers = [first, second, *(rig.bridge.ask() for _ in range(MAX_LANES + 20))]
    deadline = time.monotonic() + 20
    while (
        sum(a == ("overdue",) for a in list(rig.bridge.answers.values())) < 20 and time.monotonic() < deadline
    ):
        rig.bridge.wait([], 0.1)
    release.set()
    answers = rig.bridge.wait(numbers)
    assert 20 <= sum(answer == ("overdue",) for answer in answers) <= 22
    assert sum(answer[0] == "forward" for answer in answers) >= MAX_LANES


def test_handler_is_trusted_again_after_quick_runs(rig):
    @rig.router.invite()
    def mixed(call):
        if call.to_user == "slow":
            time.sleep(0.05)
        return Forward()

    rig.start()
    rig.bridge.decided(rig.bridge.ask(to_user="slow"))
    handler = rig.router.handlers[0]
    rig.bridge.decided(rig.bridge.ask())
    assert rig.decider.pace.is_blocking(handler)
    deadline = time.monotonic() + 10
    while rig.decider.pace.is_blocking(handler) and time.monotonic() < deadline:
        rig.bridge.decided(rig.bridge.ask())
    assert not rig.decider.pace.is_blocking(handler)


def test_news_of_a_blocking_handler_is_one_line(rig):
    @rig.router.invite()
    def slow(call):
        time.sleep(0.03)
        return Forward()

    rig.start()
    rig.bridge.wait([rig.bridge.ask() for _ in range(5)])
    assert len(rig.lines("handler_blocking")) == 1


def test_idle_decider_wakes_for_a_question_that_blocks_at_once(rig):
    release = threading.Event()

    @rig.router.invite(to_user="slow")
    def slow(call):
        release.wait(30)
        return Forward()

    rig.start()
    deadline = time.monotonic() + 10
    while not rig.decider.watchdog_sleeps and time.monotonic() < deadline:
        time.sleep(0.05)
    assert rig.decider.watchdog_sleeps
    slow_number = rig.bridge.ask(to_user="slow")
    number = rig.bridge.ask(to_user="1")
    assert rig.bridge.decided(number, timeout=2) == ("not_handled",)
    release.set()
    assert rig.bridge.decided(slow_number)[0] == "forward"
