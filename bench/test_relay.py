"""RTP: 500 two-way streams through a relay on one core, generator and sink on the other."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.conftest import Report
from bench.load import SPLIT, bind, run_audio
from bench.servers import Forwarder, Rtpengine, pbx
from tests.e2e.agent import Agent, call
from tests.e2e.ports import free_port

STREAMS = (500, 50)
SECONDS = 10
Routes = list[tuple[int, int]]


def generator_ports(count: int) -> list[tuple[int, int]]:
    first = free_port(span=4 * count)
    return [(first + 4 * index, first + 4 * index + 2) for index in range(count)]


@contextmanager
def relay(server: str, directory: Path, ports: list[tuple[int, int]]) -> Iterator[tuple[int | None, Routes]]:
    """A relay with one call for each pair of ports: its process and where each port sends to."""
    if server == "bare":
        yield None, [route for a, b in ports for route in ((a, b), (b, a))]
    elif server == "forwarder":
        with Forwarder(directory, SPLIT.server, ports) as forwarder:
            pairs = zip(ports, forwarder.ports, strict=True)
            yield forwarder.pid, [route for (a, b), (ra, rb) in pairs for route in ((a, ra), (b, rb))]
    elif server == "rtpengine":
        with Rtpengine(directory, SPLIT.server) as engine:
            found = [engine.open_call(index, pair) for index, pair in enumerate(ports)]
            yield (
                engine.pid,
                [
                    route
                    for (a, b), (ra, rb) in zip(ports, found, strict=True)
                    for route in ((a, ra), (b, rb))
                ],
            )
    else:
        with pbx(directory, SPLIT.server, media_proxy="all") as running:
            yield running.pid, asyncio.run(calls_through(running.port, ports))


async def calls_through(port: int, ports: list[tuple[int, int]]) -> Routes:
    """Real calls through our server, one for each pair of ports."""
    async with Agent("1001", ("127.0.0.1", port)) as caller, Agent("1002", ("127.0.0.1", port)) as callee:
        await asyncio.to_thread(bind, port, "1002", callee.port)
        routes: Routes = []
        for pair in ports:
            there, here = await call(caller, callee, rtp=pair)
            routes += [(pair[0], there.remote_port), (pair[1], here.remote_port)]
    return routes


@pytest.mark.parametrize("streams", STREAMS)
@pytest.mark.parametrize("server", ["pbx", "forwarder", "bare", "rtpengine"])
def test_relay(
    report: Report, wants: Callable[[str], None], tmp_path: Path, server: str, streams: int
) -> None:
    if server != "bare":
        wants(server)
    ports = generator_ports(streams)
    with relay(server, tmp_path / "server", ports) as (pid, routes):
        run_audio(tmp_path / "warm", pid, routes, seconds=1, core=SPLIT.generator)

        def measure() -> dict[str, float]:
            run = run_audio(tmp_path / "load", pid, routes, seconds=SECONDS, core=SPLIT.generator)
            return {
                f"relay{streams}_cpu_s_per_million": run.cpu_per_million,
                f"relay{streams}_core_share": run.cpu_share,
                f"relay{streams}_loss": run.loss,
                f"relay{streams}_latency_p50_us": run.latency_p50_us,
                f"relay{streams}_latency_p99_us": run.latency_p99_us,
                f"relay{streams}_generator": run.generator_share,
            }

        report(server, measure)
