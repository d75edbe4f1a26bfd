"""How long the caller waits for the 100 and the callee for the INVITE while half of the sustainable load is on."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.conftest import Report
from bench.load import SPLIT, bind, run_calls
from bench.servers import PEERS, pbx
from tests.e2e.ports import free_port

HALF_LOAD = 1000
CALLS = 600


@pytest.mark.parametrize("kind", ["static", "python"])
def test_latency_at_half_load(report: Report, tmp_path: Path, kind: str) -> None:
    callee, probed = free_port(), free_port()
    decided = {"routes": None, "router": str(PEERS / "pbx_router.py")} if kind == "python" else {}
    with pbx(tmp_path / "server", SPLIT.server, **decided) as running:
        bind(running.port, "1002", callee)
        bind(running.port, "1003", probed)

        def measure() -> dict[str, float]:
            load = threading.Thread(
                target=run_calls,
                args=(tmp_path / "load", running.port, running.pid, callee),
                kwargs={"rate": HALF_LOAD, "seconds": 6, "core": SPLIT.generator},
            )
            load.start()
            command = [sys.executable, "-m", "bench.probe", str(running.port), str(probed), str(CALLS)]
            output = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
            load.join()
            seen = json.loads(output)
            assert seen["answered_share"] > 0.99, seen
            return {name: float(value) for name, value in seen.items() if name.endswith("_us")}

        report(f"pbx-{kind}", measure)
