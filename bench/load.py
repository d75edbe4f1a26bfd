"""Loads: calls and registrations by SIPp, audio by our own generator; each returns what was measured."""

import asyncio
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.c_programs import compiled
from bench.process import cpu_seconds, resident_octets
from tests.e2e.agent import Agent
from tests.e2e.ports import free_port
from tests.e2e.sipp_process import Sipp, SippResult

RING_AND_HOLD = 0.15
"""Seconds one call of the scenarios lasts."""
CLEAN_RETRANSMISSIONS = 0.01
CLEAN_RATE = 0.97


@dataclass(frozen=True)
class Cores:
    """Where server and generators run. `one` core for both, or split."""

    server: int
    generator: int


ONE = Cores(0, 0)
SPLIT = Cores(0, 1)


@dataclass(frozen=True)
class CallRun:
    """One run of calls at a fixed rate."""

    calls: int
    result: SippResult
    cpu: float
    achieved: float
    generator_share: float

    @property
    def cpu_per_1000(self) -> float:
        return self.cpu / self.calls * 1000

    def is_clean(self, rate: int) -> bool:
        return (
            self.result.exit_status == 0
            and self.result.failed == 0
            and self.result.retransmissions < CLEAN_RETRANSMISSIONS * self.calls
            and self.achieved >= CLEAN_RATE * rate
        )


def bind(port: int, user: str, contact_port: int) -> None:
    """Register `user` at `contact_port`."""

    async def scenario() -> None:
        async with Agent(user, ("127.0.0.1", port)) as agent:
            request = agent.make(
                "REGISTER",
                user,
                headers=[("Contact", f"<sip:{user}@127.0.0.1:{contact_port}>"), ("Expires", "3600")],
            )
            response = await agent.response(agent.send(request))
            assert response.status == 200, response

    asyncio.run(scenario())


def run_calls(
    directory: Path, server: int, pid: int, callee_port: int, *, rate: int, seconds: float, core: int
) -> CallRun:
    """Place `rate` calls a second from a SIPp on `core` to a SIPp on the same core."""
    calls = int(rate * seconds)
    caller = Sipp(directory, "uac.xml", port=free_port(), remote=f"127.0.0.1:{server}").on_core(core)
    # The screen-saver limits of SIPp are for people: more calls at once, and no more sockets.
    caller.with_arguments(
        "-s", "1002", "-r", rate, "-m", calls, "-l", 20_000, "-timeout", int(seconds * 3 + 20)
    )
    with Sipp(directory, "uas.xml", port=callee_port).on_core(core) as callee, caller:
        assert callee.process is not None
        assert caller.process is not None
        began, used, load = time.monotonic(), cpu_seconds(pid), 0.0
        while caller.process.poll() is None:
            load = cpu_seconds(caller.process.pid) + cpu_seconds(callee.process.pid)
            time.sleep(0.05)
        took = time.monotonic() - began
        result = caller.wait(1)
        cpu = cpu_seconds(pid) - used
    elapsed = calls / result.rate if result.rate else took
    return CallRun(calls, result, cpu, calls / max(elapsed - RING_AND_HOLD, 0.001), load / took)


def run_registrations(
    directory: Path, server: int, pid: int, *, users: int, rate: int, count: int, core: int
) -> CallRun:
    """Register `users` users over and over with digest, `rate` a second."""
    directory.mkdir(parents=True, exist_ok=True)
    injected = directory / "users.csv"
    rows = (f"user{n:05d};[authentication username=user{n:05d} password=secret]" for n in range(users))
    injected.write_text("\n".join(["SEQUENTIAL", *rows]) + "\n", encoding="utf-8")
    phones = Sipp(directory, "register.xml", port=free_port(), remote=f"127.0.0.1:{server}").on_core(core)
    phones.with_arguments(
        "-inf", injected, "-r", rate, "-m", count, "-l", 20_000, "-timeout", int(count / rate * 3 + 20)
    )
    with phones:
        assert phones.process is not None
        began, used, load = time.monotonic(), cpu_seconds(pid), 0.0
        while phones.process.poll() is None:
            load = cpu_seconds(phones.process.pid)
            time.sleep(0.05)
        took = time.monotonic() - began
        result = phones.wait(1)
        return CallRun(count, result, cpu_seconds(pid) - used, result.rate, load / took)


@dataclass(frozen=True)
class RelayRun:
    """One run of audio through a relay."""

    cpu_per_million: float
    cpu_share: float
    loss: float
    latency_p50_us: int
    latency_p99_us: int
    generator_share: float


def run_audio(
    directory: Path, pid: int | None, routes: list[tuple[int, int]], *, seconds: float, core: int
) -> RelayRun:
    """Send from each local port to its remote port, 50 packets a second, and time what comes back."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "streams.map"
    path.write_text("".join(f"{local} {remote}\n" for local, remote in routes), encoding="utf-8")
    used = cpu_seconds(pid) if pid else 0.0
    command = ["taskset", "-c", str(core), str(compiled("rtpgen")), str(path), str(seconds)]
    output = subprocess.run(command, check=True, capture_output=True, timeout=seconds + 30).stdout
    cpu = (cpu_seconds(pid) - used) if pid else 0.0
    seen = json.loads(output)
    return RelayRun(
        cpu_per_million=cpu / max(seen["received"], 1) * 1e6,
        cpu_share=cpu / seen["seconds"],
        loss=1 - seen["received"] / max(seen["sent"], 1),
        latency_p50_us=seen["latency_p50_us"],
        latency_p99_us=seen["latency_p99_us"],
        generator_share=seen["generator_core_share"],
    )


__all__ = [
    "ONE", "SPLIT", "CallRun", "Cores", "RelayRun", "bind", "resident_octets", "run_audio", "run_calls",
    "run_registrations",
]  # fmt: skip
