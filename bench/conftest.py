"""Options and fixtures of the benchmarks."""

import shutil
import statistics
from collections.abc import Callable
from typing import Any, Protocol

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--peers", action="store_true", help="run the yardsticks beside our server")
    parser.addoption("--rounds", type=int, default=3, help="runs of each load; the median is quoted")


PEER_PROGRAMS = {"kamailio": "kamailio", "rtpengine": "rtpengine"}


@pytest.fixture
def wants(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Leave a yardstick out unless it is asked for; asked for, it must be installed."""

    def check(server: str) -> None:
        if server.startswith("pbx") or server == "forwarder":
            return
        if not request.config.getoption("--peers"):
            pytest.skip("a yardstick: make bench PEERS=1")
        program = PEER_PROGRAMS[server.split("-", maxsplit=1)[0]]
        if shutil.which(program) is None and not shutil.which(f"/usr/sbin/{program}"):
            pytest.fail(
                f"{program} is missing: apt-get install kamailio kamailio-python3-modules rtpengine-daemon"
            )

    return check


Measure = Callable[[], dict[str, float]]


class Report(Protocol):
    """Runs a load and keeps its figures; `rounds` overrides the option of that name."""

    def __call__(self, server: str, measure: Measure, rounds: int | None = None) -> None: ...


@pytest.fixture
def report(benchmark: Any, request: pytest.FixtureRequest) -> Report:
    """Run a load some times and keep each figure's values in the saved JSON."""

    def run(server: str, measure: Measure, rounds: int | None = None) -> None:
        found: list[dict[str, float]] = []
        count = rounds or int(request.config.getoption("--rounds"))
        benchmark.pedantic(lambda: found.append(measure()), rounds=count, iterations=1)
        benchmark.extra_info["server"] = server
        benchmark.extra_info["figures"] = {name: [each[name] for each in found] for name in found[0]}
        medians = {name: round(statistics.median(each[name] for each in found), 6) for name in found[0]}
        print(f"\n{server}: {medians}")

    return run
