"""Several answers to one INVITE (reliability T5)."""

import asyncio
import time

import pytest

from tests.e2e.agent import Agent, Dialog, Message, hang_up, sdp
from tests.e2e.conftest import OPEN, ServerFactory
from tests.e2e.server import PbxServer


@pytest.mark.parametrize("answers", [2, 5])
def test_t5_one_answer_is_bridged_and_the_others_are_acked_and_ended(
    start: ServerFactory, answers: int
) -> None:
    async def scenario(server: PbxServer) -> None:
        async with (
            Agent("1001", server.address) as caller,
            Agent("1002", server.address) as callee,
            Agent("1002", server.address) as pending,
        ):
            await callee.register()
            await pending.register()
            invite = caller.send(caller.make("INVITE", "1002", body=sdp(4000)))
            incoming, other = await callee.request("INVITE"), await pending.request("INVITE")
            callee.answer(incoming, 180, tag="leg0")
            pending.answer(other, 180, tag="pending")
            await caller.response(invite, status=180, final=False)
            sent = [callee.answer(incoming, 200, tag=f"leg{n}", body=sdp(4002)) for n in range(answers)]
            began = time.monotonic()
            cancelled = await pending.request("CANCEL", seconds=1)
            pending.answer(cancelled, 200, tag="pending")
            pending.answer(other, 487, tag="pending")
            await pending.request("ACK")
            response = await caller.response(invite)
            there = Dialog.of_caller(caller, invite, response)
            there.ack()
            acked = {(await callee.request("ACK", seconds=1)).to_tag for _ in sent}
            assert acked == {f"leg{n}" for n in range(answers)}
            ended: list[Message] = [await callee.request("BYE", seconds=1) for _ in sent[1:]]
            assert time.monotonic() - began < 1.5
            for bye in ended:
                callee.answer(bye, 200)
            bridged = {f"leg{n}" for n in range(answers)} - {bye.to_tag for bye in ended}
            assert len(bridged) == 1
            await caller.silence(0.3, lambda m: m.status >= 200 and m.to_tag != response.to_tag)
            winner = next(answer for answer in sent if answer.to_tag in bridged)
            await hang_up(there, Dialog.of_callee(callee, incoming, winner))

    asyncio.run(scenario(start(OPEN)))
