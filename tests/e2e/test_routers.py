"""A user's router that is slow, wrong or hostile costs its own call and nothing else (reliability F4, F5)."""

import asyncio
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.c_programs import compiled
from bench.process import resident_octets
from tests.e2e.agent import Agent, Dialog, Message, call, hang_up, sdp
from tests.e2e.conftest import OPEN, QUICK, ServerFactory
from tests.e2e.ports import free_port
from tests.e2e.server import PbxServer
from tests.e2e.sipp_process import SCENARIOS, Sipp
from tests.e2e.test_transactions import cancel_of

ROUTER = str(Path(__file__).parent / "routers" / "faulty.py")
FAULTY = OPEN | QUICK | {"router": ROUTER}
SLEEPERS = 200
CALLS = 100


def worst(values: list[float], share: float = 0.99) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def time_options(server: PbxServer, *, until: asyncio.Event) -> list[float]:
    """Seconds each OPTIONS of a stranger took, one every 20 ms until told to stop."""
    taken = []
    async with Agent("probe", server.address) as probe:
        while not until.is_set():
            began = time.monotonic()
            request = probe.send(probe.make("OPTIONS", "1001"))
            answer = await probe.response(request, seconds=5)
            taken.append(answer.arrived_at - began)
            await asyncio.sleep(0.02)
    return taken


async def time_fast(server: PbxServer, *, until: asyncio.Event) -> list[float]:
    """Seconds until a call that a quick handler refuses got its final answer, twenty a second."""
    taken = []
    async with Agent("1003", server.address) as agent:
        while not until.is_set():
            began = time.monotonic()
            invite = agent.send(agent.make("INVITE", "fast", body=sdp(4000)))
            final = await agent.response(invite)
            assert final.status == 486, final
            taken.append(final.arrived_at - began)
            agent.ack_failure(invite, final)
            await asyncio.sleep(0.05)
    return taken


async def sleepers(
    server: PbxServer, agent: Agent, user: str, count: int
) -> tuple[list[float], list[Message]]:
    """Place `count` calls to a blocking handler: seconds to each 100, and the INVITEs."""
    sent = []
    for _ in range(count):
        sent.append((time.monotonic(), agent.send(agent.make("INVITE", user, body=sdp(4000)))))
        await asyncio.sleep(0.002)
    trying = [
        (await agent.response(invite, status=100, final=False)).arrived_at - began for began, invite in sent
    ]
    return trying, [invite for _, invite in sent]


async def cancelled_in(agent: Agent, user: str) -> float:
    """Seconds from CANCEL to 487 of a call that waits for a blocked handler."""
    invite = agent.send(agent.make("INVITE", user, body=sdp(4000)))
    await agent.response(invite, status=100, final=False)
    began = time.monotonic()
    cancel = cancel_of(agent, invite)
    final = await agent.response(invite)
    assert final.status == 487, final
    await agent.response(cancel)
    agent.ack_failure(invite, final)
    return final.arrived_at - began


class Streams:
    """A hundred anchored calls with audio both ways while the block lasts."""

    def __init__(self, server: PbxServer, directory: Path) -> None:
        self.server = server
        self.map = directory / "streams.map"
        self.sides: list[tuple[Dialog, Dialog]] = []

    async def begin(self, caller: Agent, callee: Agent, seconds: float) -> None:
        program = compiled("rtpgen")
        first = free_port(span=4 * CALLS)
        lines = []
        for index in range(CALLS):
            ports = (first + 4 * index, first + 4 * index + 2)
            there, here = await call(caller, callee, rtp=ports)
            self.sides.append((there, here))
            lines += [f"{port} {side.remote_port}" for port, side in zip(ports, (there, here), strict=True)]
        self.map.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.process = await asyncio.create_subprocess_exec(
            str(program), str(self.map), str(seconds), stdout=subprocess.PIPE
        )

    async def end(self) -> dict[str, float]:
        output, _ = await self.process.communicate()
        for there, here in self.sides:
            await hang_up(there, here)
        result = json.loads(output)
        assert isinstance(result, dict)
        return result


def rtp_ports() -> dict[str, int]:
    first = free_port(span=8 * CALLS)
    return {"rtp_start_port": first, "rtp_end_port": first + 8 * CALLS - 1}


@pytest.mark.slow
@pytest.mark.parametrize("user", ["sleep", "hold-gil"])
def test_f4_blocked_handler_delays_nobody_else(start: ServerFactory, tmp_path: Path, user: str) -> None:
    count = SLEEPERS if user == "sleep" else 1

    async def scenario(server: PbxServer) -> None:
        async with (
            Agent("1001", server.address) as caller,
            Agent("1002", server.address) as callee,
            Agent("1004", server.address) as blocked,
        ):
            await callee.register()
            streams = Streams(server, tmp_path)
            await streams.begin(caller, callee, seconds=6)
            over = asyncio.Event()
            probing = asyncio.create_task(time_options(server, until=over))
            fast = asyncio.create_task(time_fast(server, until=over)) if user == "sleep" else None
            trying, invites = await sleepers(server, blocked, user, count)
            assert max(trying) < 0.2, max(trying)
            assert await cancelled_in(blocked, user) < 0.5
            for invite in invites:
                final = await blocked.response(invite, seconds=8)
                blocked.ack_failure(invite, final)
                assert 500 <= final.status < 600 or (user == "hold-gil" and final.status == 486), final
            over.set()
            assert worst(await probing) < 0.05
            if fast:
                assert worst(await fast) < 0.2
            heard = await streams.end()
            assert heard["received"] == heard["sent"], heard
            assert heard["latency_p99_us"] <= 10_000, heard
            assert [
                line for line in server.log if "deadline" in line or "timeout" in line
            ] or user == "hold-gil"

    asyncio.run(scenario(start(FAULTY | {"media_proxy": "all"}, rtp_ports())))


WRONG = (
    "exception", "system-exit", "keyboard-interrupt", "memory-error", "cancelled", "wrong-type", "surrogate", "crlf",
    "huge", "reentrant", "never",
)  # fmt: skip


@pytest.mark.parametrize("user", WRONG)
def test_f5_handler_that_goes_wrong_costs_its_call_one_5xx(start: ServerFactory, user: str) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as caller, Agent("1002", server.address) as callee:
            await callee.register()
            invite = caller.send(caller.make("INVITE", user, body=sdp(4000)))
            final = await caller.response(invite, seconds=6)
            caller.ack_failure(invite, final)
            assert 500 <= final.status < 600, final
            octets = final.to_bytes()
            assert not any(word in octets for word in (b"Traceback", b'File "', b"not today", b"X-Forged")), (
                octets
            )
            await callee.silence(0.2, lambda message: message.method == "INVITE")
            there, here = await call(caller, callee)
            await hang_up(there, here)

    server = start(FAULTY)
    asyncio.run(scenario(server))
    told = [line for line in server.log if user in line or "event=handler" in line]
    assert told, server.log


@pytest.mark.slow
def test_f5_ten_thousand_failures_leave_memory_flat(
    start: ServerFactory, peer: Callable[[str], None], tmp_path: Path
) -> None:
    peer("sipp")
    server = start(FAULTY)
    scenario = tmp_path / "uac_500.xml"
    text = (SCENARIOS / "uac_failed.xml").read_text(encoding="utf-8")
    scenario.write_text(text.replace("STATUS", "500"), encoding="utf-8")

    def burst(calls: int) -> int:
        with Sipp(tmp_path, scenario, port=free_port(), remote=f"127.0.0.1:{server.port}").with_arguments(
            "-s", "exception", "-r", 500, "-m", calls
        ) as sipp:
            result = sipp.wait(60)
            assert result.successful == calls, f"{result}\n{sipp.explanation()}"
        server.assert_at_rest(12, transactions=True)
        return resident_octets(server.pid)

    # The first burst fills the pools that every later one reuses.
    before = burst(5000)
    assert burst(10_000) - before < 5_000_000
