"""Calls: CPU at a steady rate (layout one), the maximum clean rate (layout split), latency at half load."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.conftest import Report
from bench.load import ONE, SPLIT, CallRun, bind, run_calls
from bench.servers import CALL_SERVERS, PEERS, pbx
from tests.e2e.ports import free_port

STEADY = 800
SECONDS = 10
RISING = (1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000)


@pytest.mark.parametrize("server", CALL_SERVERS)
def test_steady_calls(report: Report, wants: Callable[[str], None], tmp_path: Path, server: str) -> None:
    wants(server)
    callee = free_port()
    with CALL_SERVERS[server](tmp_path / "server", ONE.server, callee) as running:
        if server.startswith("pbx"):
            bind(running.port, "1002", callee)
        run_calls(
            tmp_path / "warm", running.port, running.pid, callee, rate=STEADY, seconds=2, core=ONE.generator
        )

        def measure() -> dict[str, float]:
            run = run_calls(
                tmp_path / "load",
                running.port,
                running.pid,
                callee,
                rate=STEADY,
                seconds=SECONDS,
                core=ONE.generator,
            )
            assert run.result.successful == run.calls, run
            return {
                "calls_cpu_s_per_1000": run.cpu_per_1000,
                "calls_retransmissions": run.result.retransmissions,
                "calls_achieved_per_s": run.achieved,
            }

        report(server, measure)


@pytest.mark.parametrize("kind", ["static", "python"])
def test_steady_calls_with_anchored_media(report: Report, tmp_path: Path, kind: str) -> None:
    callee = free_port()
    decided = {"routes": None, "router": str(PEERS / "pbx_router.py")} if kind == "python" else {}
    with pbx(tmp_path / "server", ONE.server, media_proxy="all", **decided) as running:
        bind(running.port, "1002", callee)
        run_calls(
            tmp_path / "warm", running.port, running.pid, callee, rate=STEADY, seconds=2, core=ONE.generator
        )

        def measure() -> dict[str, float]:
            run = run_calls(
                tmp_path / "load",
                running.port,
                running.pid,
                callee,
                rate=STEADY,
                seconds=SECONDS,
                core=ONE.generator,
            )
            assert run.result.successful == run.calls, run
            return {"anchored_calls_cpu_s_per_1000": run.cpu_per_1000}

        report(f"pbx-{kind}", measure)


def burst(directory: Path, server: str, rate: int) -> CallRun:
    """Four seconds at this rate on a fresh server: the transactions of earlier bursts would still be kept."""
    callee = free_port()
    with CALL_SERVERS[server](directory / "server", SPLIT.server, callee) as running:
        if server.startswith("pbx"):
            bind(running.port, "1002", callee)
        at = (directory / "load", running.port, running.pid, callee)
        run_calls(*at, rate=STEADY, seconds=1, core=SPLIT.generator)
        return run_calls(*at, rate=rate, seconds=4, core=SPLIT.generator)


@pytest.mark.parametrize("server", CALL_SERVERS)
def test_maximum_clean_rate(
    report: Report, wants: Callable[[str], None], tmp_path: Path, server: str
) -> None:
    wants(server)

    def measure() -> dict[str, float]:
        best: dict[str, float] = {}
        for rate in RISING:
            run = burst(tmp_path, server, rate)
            if not run.is_clean(rate):
                # Once more: a hiccup of the machine is no limit of the server.
                run = burst(tmp_path, server, rate)
            if best and not run.is_clean(rate):
                break
            best = {
                "calls_max_clean_per_s": rate if run.is_clean(rate) else 0,
                "calls_max_cpu_s_per_1000": run.cpu_per_1000,
                "calls_max_generator": run.generator_share,
            }
        return best

    report(server, measure)
