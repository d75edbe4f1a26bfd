"""The RTP port range used up and given back (reliability F9)."""

import asyncio

from tests.e2e.agent import Agent, Dialog, call, hang_up, sdp
from tests.e2e.conftest import OPEN, QUICK, ServerFactory
from tests.e2e.ports import free_port
from tests.e2e.server import PbxServer

CALLS = 10
CYCLES = 1000


def small_range() -> dict[str, int]:
    """Ports for ten anchored calls: a pair (RTP and RTCP) for each of their two legs."""
    first = free_port(span=4 * CALLS)
    return {"rtp_start_port": first, "rtp_end_port": first + 4 * CALLS - 1}


def test_f9_ports_run_out_with_503_and_come_back_after_bye(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as caller, Agent("1002", server.address) as callee:
            await callee.register(expires=50)
            up: list[tuple[Dialog, Dialog]] = [await call(caller, callee) for _ in range(CALLS)]
            for _ in range(CALLS):
                invite = caller.send(caller.make("INVITE", "1002", body=sdp(4000)))
                refused = await caller.response(invite)
                caller.ack_failure(invite, refused)
                assert refused.status == 503
                assert int(refused.header("retry-after")) >= 1
            for there, here in up:
                await hang_up(there, here)
            for cycle in range(CYCLES):
                if cycle % 200 == 0:
                    await callee.register(expires=50)
                there, here = await call(caller, callee)
                await hang_up(here, there)
                caller.inbox.clear()
                callee.inbox.clear()

    asyncio.run(scenario(start(OPEN | QUICK | {"media_proxy": "all"}, small_range())))
