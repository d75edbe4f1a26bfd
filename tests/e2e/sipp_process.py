"""SIPp as a load generator and as a peer: one process, one scenario, figures from its statistics file."""

import csv
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

SCENARIOS = Path(__file__).parent / "scenarios"


@dataclass(frozen=True)
class SippResult:
    """What one SIPp process reports; `rate` is calls per second over its whole run."""

    exit_status: int
    successful: int
    failed: int
    retransmissions: int
    rate: float

    def is_clean(self, calls: int) -> bool:
        return (
            self.exit_status == 0
            and self.successful == calls
            and not self.failed
            and not self.retransmissions
        )


class Sipp:
    """A SIPp process that runs until its calls are done (`wait`) or until the block ends."""

    def __init__(
        self, directory: Path, scenario: Path | str, *, port: int, remote: str = "127.0.0.1"
    ) -> None:
        self.directory = directory
        self.scenario = Path(scenario) if isinstance(scenario, Path) else SCENARIOS / scenario
        self.port = port
        self.remote = remote
        self.arguments: list[str] = []
        self.core: int | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def with_arguments(self, *arguments: object) -> Self:
        self.arguments += [str(argument) for argument in arguments]
        return self

    def on_core(self, core: int | None) -> Self:
        self.core = core
        return self

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        pinned = [] if self.core is None else ["taskset", "-c", str(self.core)]
        command = [
            *pinned, "sipp", "-sf", str(self.scenario), "-i", "127.0.0.1", "-p", str(self.port), "-nostdin",
            "-buff_size", "4194304", "-trace_stat", "-stf", str(self.statistics), "-fd", "1", "-trace_err",
            "-error_file", str(self.directory / f"{self.port}.errors"), *self.arguments, self.remote,
        ]  # fmt: skip
        with (self.directory / f"{self.port}.screen").open("wb") as screen:
            self.process = subprocess.Popen(
                command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=screen, stderr=subprocess.STDOUT
            )
        return self

    @property
    def statistics(self) -> Path:
        return self.directory / f"{self.port}.csv"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def wait(self, seconds: float) -> SippResult:
        """Wait for the end of the scenario's calls and return the figures."""
        assert self.process is not None
        status = self.process.wait(seconds)
        return self.result(status)

    def result(self, status: int = 0) -> SippResult:
        with self.statistics.open(newline="", encoding="latin-1") as lines:
            rows = list(csv.DictReader(lines, delimiter=";"))
        last = rows[-1] if rows else {}
        return SippResult(
            exit_status=status,
            successful=int(last.get("SuccessfulCall(C)") or 0),
            failed=int(last.get("FailedCall(C)") or 0),
            retransmissions=int(last.get("Retransmissions(C)") or 0),
            rate=float(last.get("CallRate(C)") or 0),
        )

    def explanation(self) -> str:
        """What SIPp wrote about its failures, for a failing assertion; at most 4,000 characters."""
        errors = self.directory / f"{self.port}.errors"
        text = errors.read_text(encoding="latin-1") if errors.exists() else ""
        screen = (self.directory / f"{self.port}.screen").read_text(encoding="latin-1")
        counts = re.findall(r"^ *\S+ -+>.*$|^ *\S+ <-+.*$", screen, re.MULTILINE)
        return "\n".join([text[:3000], *counts[-30:]])[:4000]
