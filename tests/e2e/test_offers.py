"""Answers that do not fit, and offers that come late (reliability D4, D5)."""

import asyncio
import re
import time

import pytest

from tests.e2e.agent import Agent, Dialog, Message, audio_port, hang_up, sdp
from tests.e2e.conftest import OPEN, QUICK, ServerFactory
from tests.e2e.ports import free_port
from tests.e2e.server import PbxServer
from tests.e2e.test_corpus import Audio, audio_socket

VIDEO = b"m=video 4010 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
ANSWERS = {
    "no description": b"",
    "a line too few": sdp(4002),
    "a line too many": sdp(4002) + VIDEO + VIDEO,
    "video refused": sdp(4002) + VIDEO.replace(b"4010", b"0"),
    "all refused": sdp(0) + VIDEO.replace(b"4010", b"0"),
}


def lines(body: bytes) -> list[tuple[bytes, bool]]:
    """Kind of each media line, and whether it is used."""
    return [(kind, port != b"0") for kind, port in re.findall(rb"(?m)^m=(\w+) (\d+)", body)]


@pytest.mark.parametrize("media_proxy", ["all", "none"])
@pytest.mark.parametrize("kind", ANSWERS)
def test_d4_both_legs_agree_on_what_comes_of_an_odd_answer(
    start: ServerFactory, media_proxy: str, kind: str
) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as caller, Agent("1002", server.address) as callee:
            await callee.register()
            invite = caller.send(caller.make("INVITE", "1002", body=sdp(4000) + VIDEO))
            incoming = await callee.request("INVITE")
            answer = callee.answer(incoming, 200, "OK", tag="callee", body=ANSWERS[kind])
            final = await caller.response(invite)
            await callee.request("ACK")
            if final.status == 200:
                assert ANSWERS[kind]
                there = Dialog.of_caller(caller, invite, final)
                there.ack()
                # Without us in between the caller judges by himself; else he gets one line for each of his.
                assert media_proxy == "none" or [name for name, _ in lines(final.body)] == [
                    b"audio",
                    b"video",
                ]
                assert media_proxy == "all" or final.body == ANSWERS[kind]
                await hang_up(there, Dialog.of_callee(callee, incoming, answer))
                return
            assert kind in ("no description", "all refused"), final
            assert final.status == 488
            caller.ack_failure(invite, final)
            callee.answer(await callee.request("BYE"), 200)

    asyncio.run(scenario(start(OPEN | QUICK | {"media_proxy": media_proxy})))


async def first_heard(sender: asyncio.DatagramTransport, relay: int, heard: Audio, since: float) -> float:
    """Seconds from `since` until the far end hears what is sent to the relay every 20 ms."""
    for sequence in range(1, 60):
        sender.sendto(Audio.packet(sequence), ("127.0.0.1", relay))
        await asyncio.sleep(0.02)
        if heard.heard:
            return time.monotonic() - since
    raise AssertionError("nothing was heard")


def test_d5_offer_in_the_answer_and_answer_in_the_ack_give_audio_both_ways_at_once(
    start: ServerFactory,
) -> None:
    async def scenario(server: PbxServer) -> None:
        first = free_port(span=4)
        async with Agent("1001", server.address) as caller, Agent("1002", server.address) as callee:
            await callee.register()
            invite: Message = caller.send(caller.make("INVITE", "1002"))
            incoming = await callee.request("INVITE")
            assert not incoming.body
            answer = callee.answer(incoming, 200, "OK", tag="callee", body=sdp(first + 2))
            final = await caller.response(invite)
            assert final.status == 200
            there = Dialog.of_caller(caller, invite, final)
            there.ack(body=sdp(first))
            since = time.monotonic()
            ack = await callee.request("ACK")
            from_caller, heard_by_caller = await audio_socket(first)
            from_callee, heard_by_callee = await audio_socket(first + 2)
            to_callee, to_caller = await asyncio.gather(
                first_heard(from_caller, audio_port(final.body), heard_by_callee, since),
                first_heard(from_callee, audio_port(ack.body), heard_by_caller, since),
            )
            assert max(to_callee, to_caller) < 0.5
            from_caller.close()
            from_callee.close()
            await hang_up(there, Dialog.of_callee(callee, incoming, answer))

    asyncio.run(scenario(start(OPEN | QUICK | {"media_proxy": "all"})))
