"""What a handler answers is what the engine is told."""

import asyncio

import pytest

from pbx.routing import Forward, Reject


def test_forward_without_target_leaves_it_to_the_request_uri(rig):
    @rig.router.invite()
    def everyone(call):
        return Forward()

    rig.start()
    answer = rig.bridge.decided(rig.bridge.ask(to_user="1002"))
    assert answer == ("forward", ([], False, None, None, None, [], False, None))


def test_options_of_a_forward_cross_the_border(rig):
    @rig.router.invite(to_user=r"^9(\d+)$")
    def outbound(call, digits):
        return Forward(
            targets=[f"sip:{digits}@192.0.2.1", "1002"],
            strategy="parallel",
            ring_timeout=40,
            media_proxy="all",
            codecs=["pcma"],
            headers={"X-Account": "7"},
            with_original_headers=False,
            caller_contact="gw",
        )

    rig.start()
    kind, forward = rig.bridge.decided(rig.bridge.ask(to_user="95551234"))
    assert kind == "forward"
    assert forward == (
        [(True, "sip:5551234@192.0.2.1"), (False, "1002")],
        True,
        40,
        "all",
        ["pcma"],
        [("X-Account", "7")],
        True,
        "gw",
    )


def test_reject_carries_code_reason_and_headers(rig):
    @rig.router.invite()
    async def nobody(call):
        await asyncio.sleep(0)
        return Reject(486, "Gone Fishing", {"Retry-After": "60"})

    rig.start()
    answer = rig.bridge.decided(rig.bridge.ask(to_user="1"))
    assert answer == ("reject", 486, "Gone Fishing", [("Retry-After", "60")])


def test_none_asks_the_next_handler_and_at_the_end_the_engine(rig):
    asked = []

    @rig.router.invite()
    def first(call):
        asked.append("first")

    @rig.router.invite()
    async def second(call):
        asked.append("second")

    @rig.router.invite(to_user="7")
    def third(call):
        return Reject(404)

    rig.start()
    assert rig.bridge.decided(rig.bridge.ask(to_user="6")) == ("not_handled",)
    assert asked == ["first", "second"]
    assert rig.bridge.decided(rig.bridge.ask(to_user="7"))[:2] == ("reject", 404)


def test_no_handler_at_all_is_not_handled(rig):
    rig.start()
    assert rig.bridge.decided(rig.bridge.ask(to_user="1")) == ("not_handled",)


@pytest.mark.parametrize("count", [1, 1000])
def test_every_question_of_a_burst_is_answered_once(rig, count):
    @rig.router.invite(from_user="async")
    async def slowly(call):
        await asyncio.sleep(0.001)
        return Reject(480)

    @rig.router.invite()
    def at_once(call):
        return Forward()

    rig.start()
    numbers = [rig.bridge.ask(to_user="1", from_user="async" if n % 2 else "sync") for n in range(count)]
    answers = rig.bridge.wait(numbers)
    assert {answer[0] for answer in answers} <= {"forward", "reject"}


def test_handlers_can_be_replaced_between_two_questions(rig):
    @rig.router.invite()
    def old(call):
        return Reject(404)

    rig.start()
    assert rig.bridge.decided(rig.bridge.ask())[1] == 404
    rig.decider.set_handlers(())
    assert rig.bridge.decided(rig.bridge.ask()) == ("not_handled",)
