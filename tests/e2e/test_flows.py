"""The call flows of RFC 3665 and RFC 5359 through a live server (reliability D1, D2)."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.e2e.agent import Agent
from tests.e2e.conftest import OPEN, QUICK, ServerFactory
from tests.e2e.flow import FLOWS, Ladder, load

USERS = {"alice": "1001", "bob": "1002", "carol": "1003"}
ALL = sorted(FLOWS.glob("*.flow"))


def test_all_flows_are_found() -> None:
    assert len(ALL) >= 14


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_flow(start: ServerFactory, path: Path, transport: str) -> None:
    _, settings, steps = load(path)
    proxy: dict[str, object] = {**QUICK, "max_registrar_expires": 3600}
    if "open" in settings:
        proxy |= OPEN
    if "t1x64_timer" in settings:
        proxy["t1x64_timer"] = int(settings["t1x64_timer"])
    if "routed" in settings:
        router = Path(path.parent, "..", "routers", "unreachable_first.py").resolve()
        proxy["router"] = str(router)
    server = start(proxy)

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            agents = {}
            for name, user in USERS.items():
                password = settings.get("password", "secret")
                agent = Agent(user, server.address, transport=transport, password=password)
                agents[name] = await stack.enter_async_context(agent)
                if "registered" not in settings:
                    await agent.register()
            await Ladder(agents).play(steps)

    asyncio.run(scenario())
