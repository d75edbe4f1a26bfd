"""Requests for dialogs nobody has (reliability D3)."""

import asyncio
import time

import pytest

from tests.e2e.agent import Agent, Dialog, sdp
from tests.e2e.conftest import ServerFactory
from tests.e2e.server import PbxServer


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_d3_requests_of_unknown_dialogs_get_481_within_a_second(start: ServerFactory, transport: str) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address, transport=transport) as agent:
            for method in ("BYE", "INFO", "UPDATE", "INVITE"):
                dialog = Dialog(
                    agent, local=f"<{agent.uri('1001')}>;tag=mine", remote=f"<{agent.uri('1002')}>;tag=gone",
                    call_id=f"unknown-{method}", target=agent.uri("1002"),
                )  # fmt: skip
                body = sdp(4000) if method in ("INVITE", "UPDATE") else b""
                began = time.monotonic()
                request = agent.send(dialog.make(method, body=body))
                response = await agent.response(request, seconds=1)
                assert response.status == 481, (method, response)
                assert time.monotonic() - began < 1
                if method == "INVITE":
                    agent.ack_failure(request, response)

    asyncio.run(scenario(start()))
