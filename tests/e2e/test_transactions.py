"""Retransmissions, late messages and races on the wire (reliability T2, T3, T4, T7, T12)."""

import asyncio
import itertools
import time

from tests.e2e.agent import Agent, Dialog, Message, call, hang_up, new_branch, sdp
from tests.e2e.conftest import OPEN, QUICK, ServerFactory
from tests.e2e.server import PbxServer


async def ring(caller: Agent, callee: Agent) -> tuple[Message, Message]:
    """An INVITE that rings at the callee: both sides' view of it."""
    invite = caller.send(caller.make("INVITE", callee.user, body=sdp(4000)))
    incoming = await callee.request("INVITE")
    callee.answer(incoming, 180, "Ringing", tag="callee")
    await caller.response(invite, status=180, final=False)
    return invite, incoming


def test_t2_2xx_without_ack_is_repeated_for_64_t1_then_both_legs_get_bye(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as caller, Agent("1002", server.address) as callee:
            await callee.register()
            invite, incoming = await ring(caller, callee)
            callee.answer(incoming, 200, "OK", tag="callee", body=sdp(4002))
            first = await caller.response(invite)
            await callee.request("ACK")
            to_callee = await callee.request("BYE", seconds=36)
            to_caller = await caller.request("BYE", seconds=2)
            callee.answer(to_callee, 200)
            caller.answer(to_caller, 200)
            copies = [first, *(m for m in caller.inbox if m.status == 200 and m.branch == invite.branch)]
            assert len(copies) in (10, 11), len(copies)
            gaps = [b.arrived_at - a.arrived_at for a, b in itertools.pairwise(copies)]
            for gap, expected in zip(gaps, (0.5, 1, 2, 4, 4, 4, 4, 4, 4, 4), strict=False):
                assert abs(gap - expected) < 0.3, gaps
            assert 31 < to_caller.arrived_at - first.arrived_at < 34

    asyncio.run(scenario(start(OPEN)))


def test_t3_failure_without_ack_is_repeated_by_timer_g_until_h_without_bye(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as caller, Agent("1002", server.address) as callee:
            await callee.register()
            invite, incoming = await ring(caller, callee)
            callee.answer(incoming, 486, "Busy Here", tag="callee")
            assert (await callee.request("ACK")).branch == incoming.branch
            began = time.monotonic()
            first = await caller.response(invite)
            assert first.status == 486
            await asyncio.sleep(6.4 + 4.5)
            copies = [first, *(m for m in caller.inbox if m.status == 486)]
            # T1 = 0.1 s: sent at 0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3 s, then H ends it at 6.4 s.
            assert len(copies) in (7, 8), len(copies)
            assert copies[-1].arrived_at - began < 7
            assert not [m for m in caller.inbox + callee.inbox if m.method == "BYE"]

    asyncio.run(scenario(start(OPEN | QUICK)))


def test_t4_late_invite_copy_makes_no_second_leg_and_2xx_copy_is_acked_again(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as caller, Agent("1002", server.address) as callee:
            await callee.register()
            invite, incoming = await ring(caller, callee)
            answer = callee.answer(incoming, 200, "OK", tag="callee", body=sdp(4002))
            there = Dialog.of_caller(caller, invite, await caller.response(invite))
            there.ack()
            await callee.request("ACK")
            callee.send(answer, incoming.source)
            again = await callee.request("ACK")
            assert again.call_id == incoming.call_id
            await asyncio.sleep(10)
            caller.send(invite)
            await callee.silence(0.5, lambda message: message.method == "INVITE")
            assert server.health()["sipserver"]["calls"] == 1
            await hang_up(there, Dialog.of_callee(callee, incoming, answer))

    asyncio.run(scenario(start(OPEN)))


def cancel_of(agent: Agent, invite: Message) -> Message:
    kept = [
        (n, v) for n, v in invite.headers if n.lower() in ("via", "max-forwards", "from", "to", "call-id")
    ]
    return agent.send(
        Message(f"CANCEL {invite.uri} SIP/2.0", [*kept, ("CSeq", f"{invite.cseq_number} CANCEL")])
    )


def test_t7_cancel_crossing_the_200_ends_the_answered_leg_with_bye(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as caller, Agent("1002", server.address) as callee:
            await callee.register()
            invite, incoming = await ring(caller, callee)
            cancel = cancel_of(caller, invite)
            assert (await caller.response(cancel)).status == 200
            arrived = await callee.request("CANCEL")
            # The 200 to the INVITE crosses the CANCEL, which then has nothing left to stop.
            callee.answer(incoming, 200, "OK", tag="callee", body=sdp(4002))
            callee.answer(arrived, 200, "OK", tag="callee")
            final = await caller.response(invite)
            assert final.status == 487
            caller.ack_failure(invite, final)
            await callee.request("ACK")
            callee.answer(await callee.request("BYE"), 200)

    asyncio.run(scenario(start(OPEN)))


def test_t7_cancel_before_provisional_is_held_back(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as caller, Agent("1002", server.address) as callee:
            await callee.register()
            invite = caller.send(caller.make("INVITE", "1002", body=sdp(4000)))
            incoming = await callee.request("INVITE")
            cancel = cancel_of(caller, invite)
            assert (await caller.response(cancel)).status == 200
            await callee.silence(0.4, lambda message: message.method == "CANCEL")
            callee.answer(incoming, 180, "Ringing", tag="callee")
            callee.answer(await callee.request("CANCEL"), 200, tag="callee")
            callee.answer(incoming, 487, "Request Terminated", tag="callee")
            await callee.request("ACK")
            final = await caller.response(invite)
            assert final.status == 487
            caller.ack_failure(invite, final)

    asyncio.run(scenario(start(OPEN)))


def test_t7_cancel_without_a_transaction_is_answered_481(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as caller:
            assert (await caller.response(cancel_of(caller, caller.make("INVITE", "1002")))).status == 481

    asyncio.run(scenario(start(OPEN)))


def test_t12_late_and_foreign_responses_do_not_touch_the_live_call(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as caller, Agent("1002", server.address) as callee:
            await callee.register()
            invite, incoming = await ring(caller, callee)
            answer = callee.answer(incoming, 200, "OK", tag="callee", body=sdp(4002))
            there = Dialog.of_caller(caller, invite, await caller.response(invite))
            there.ack()
            await callee.request("ACK")
            here = Dialog.of_callee(callee, incoming, answer)
            # 100 ms, 1 s and longer than 64 * T1 (6.4 s) after the answer.
            for pause in (0.1, 0.9, 7):
                await asyncio.sleep(pause)
                for stray in strays(callee, incoming):
                    callee.send(stray, incoming.source)
            await asyncio.sleep(0.3)
            assert not [m for m in caller.inbox if m.status > 100 or m.method == "BYE"], caller.inbox
            assert not [m for m in callee.inbox if m.method == "BYE"], callee.inbox
            assert server.health()["sipserver"]["calls"] == 1
            await hang_up(here, there)

    def strays(callee: Agent, incoming: Message) -> list[Message]:
        late = [callee.reply(incoming, status, tag="callee") for status in (180, 486, 603)]
        other_cseq = callee.reply(incoming, 486, tag="callee")
        other_cseq.headers = [(n, "77 INVITE" if n.lower() == "cseq" else v) for n, v in other_cseq.headers]
        foreign = callee.reply(incoming, 200, tag="callee")
        foreign.headers = [
            (n, v.replace(incoming.branch, new_branch()) if n.lower() == "via" else v)
            for n, v in foreign.headers
        ]
        return [*late, other_cseq, foreign]

    asyncio.run(scenario(start(OPEN | QUICK)))


def test_call_and_hang_up_from_either_side_leave_nothing_behind(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        for transport in ("udp", "tcp"):
            async with (
                Agent("1001", server.address, transport=transport) as caller,
                Agent("1002", server.address, transport=transport) as callee,
            ):
                await caller.register()
                await callee.register()
                there, here = await call(caller, callee)
                await hang_up(there, here)
                there, here = await call(caller, callee)
                await hang_up(here, there)

    server = start(QUICK)
    asyncio.run(scenario(server))
    server.assert_at_rest(6.4 + 5, transactions=True)
