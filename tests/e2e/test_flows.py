"""The call flows of RFC 3665 and RFC 5359 through a live server (reliability D1, D2)."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.e2e.agent import Agent
from tests.e2e.conftest import OPEN, QUICK, ServerFactory
from tests.e2e.flow import FLOWS, Ladder, Step, load
from tests.e2e.server import PbxServer

USERS = {"alice": "1001", "bob": "1002", "carol": "1003"}
ALL = sorted(FLOWS.glob("*.flow"))


def test_all_flows_are_found() -> None:
    assert len(ALL) >= 16


@pytest.mark.parametrize(("transport", "threads"), [("udp", 1), ("tcp", 1), ("udp", 3)])
@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_flow(start: ServerFactory, path: Path, transport: str, threads: int) -> None:
    _, settings, steps = load(path)
    proxy: dict[str, object] = {**QUICK, "max_registrar_expires": 3600, "sip_worker_threads": threads}
    if "open" in settings:
        proxy |= OPEN
    if "t1x64_timer" in settings:
        proxy["t1x64_timer"] = int(settings["t1x64_timer"])
    if "routed" in settings:
        router = Path(path.parent, "..", "routers", "unreachable_first.py").resolve()
        proxy["router"] = str(router)
    server = start(proxy)

    asyncio.run(_play(server, steps, settings, transport))


def test_a_message_that_is_not_drawn_fails_the_flow(start: ServerFactory) -> None:
    _, settings, steps = load(FLOWS / "rfc3665-3.11.flow")
    steps = [step for step in steps if step.line != "alice < 180"]
    with pytest.raises(AssertionError, match=r"180 .* came"):
        asyncio.run(_play(start({**QUICK, **OPEN}), steps, settings, "udp"))


async def _play(server: PbxServer, steps: list[Step], settings: dict[str, str], transport: str) -> None:
    async with AsyncExitStack() as stack:
        agents = {}
        for name, user in USERS.items():
            password = settings.get("password", "secret")
            agent = Agent(user, server.address, transport=transport, password=password)
            agents[name] = await stack.enter_async_context(agent)
            if "registered" not in settings:
                await agent.register()
        await Ladder(agents).play(steps)
