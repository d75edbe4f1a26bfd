"""What is held costs: octets of resident memory per established call and per binding."""

import time
from pathlib import Path

import pytest

from bench.conftest import Report
from bench.load import bind
from bench.process import resident_octets
from bench.servers import pbx
from tests.e2e.ports import free_port
from tests.e2e.server import PbxServer
from tests.e2e.sipp_process import Sipp

BINDINGS = 100_000
HOLD_SECONDS = 20


def hold_calls(directory: Path, server: PbxServer, calls: int, rate: int) -> dict[str, float]:
    """Bring `calls` calls up, all at once alive, and weigh them; then let them end."""
    callee = free_port()
    bind(server.port, "1002", callee)
    before = resident_octets(server.pid)
    caller = Sipp(directory, "uac_hold.xml", port=free_port(), remote=f"127.0.0.1:{server.port}")
    hold = calls / rate + HOLD_SECONDS
    caller.with_arguments("-s", "1002", "-r", rate, "-m", calls, "-l", calls + 10, "-d", int(hold * 1000))
    with Sipp(directory, "uas.xml", port=callee).with_arguments("-l", calls + 10), caller:
        deadline = time.monotonic() + hold
        while server.health()["sipserver"]["calls"] < calls:
            assert time.monotonic() < deadline, (server.health()["sipserver"], caller.explanation())
            time.sleep(0.2)
        time.sleep(1)
        held = resident_octets(server.pid)
        result = caller.wait(hold + 60)
        assert result.failed == 0, caller.explanation()
        assert result.successful == calls, result
    return {"octets": (held - before) / calls}


@pytest.mark.parametrize(("kind", "calls"), [("signalling", 10_000), ("relay", 1_500)])
def test_memory_of_established_calls(report: Report, tmp_path: Path, kind: str, calls: int) -> None:
    with pbx(tmp_path / "server", None, media_proxy="all" if kind == "relay" else "none") as running:

        def measure() -> dict[str, float]:
            return {f"octets_per_call_{kind}": hold_calls(tmp_path / "load", running, calls, 500)["octets"]}

        # Once: later rounds would find memory that the first has already claimed.
        report("pbx", measure, rounds=1)


def test_memory_of_bindings(report: Report, tmp_path: Path) -> None:
    with pbx(tmp_path / "server", None) as running:

        def measure() -> dict[str, float]:
            before = resident_octets(running.pid)
            phones = Sipp(
                tmp_path / "load", "register_open.xml", port=free_port(), remote=f"127.0.0.1:{running.port}"
            )
            with phones.with_arguments("-r", 4000, "-m", BINDINGS, "-l", 20_000):
                result = phones.wait(120)
            assert result.successful == BINDINGS, f"{result}\n{phones.explanation()}"
            assert running.health()["sipserver"]["registrations"] == BINDINGS
            return {"octets_per_binding": (resident_octets(running.pid) - before) / BINDINGS}

        # Once: later rounds would find memory that the first has already claimed.
        report("pbx", measure, rounds=1)
