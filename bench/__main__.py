"""`python -m bench [--peers] [PYTEST ARGUMENT …]`: run the benchmarks, save them, print the table."""

import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime

from bench.results import RESULTS, read, render, table

COMMANDS = (["sipp", "-v"], ["kamailio", "-v"], ["rtpengine", "--version"])


def versions() -> str:
    """First telling line of each installed program that takes part."""
    found = []
    for command in COMMANDS:
        if shutil.which(command[0]):
            shown = subprocess.run(command, check=False, capture_output=True, text=True)
            lines = [line.strip() for line in (shown.stdout + shown.stderr).splitlines() if line.strip()]
            found += [line.rstrip(".") for line in lines[:1]]
    return "; ".join(found)


def main() -> int:
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    status = subprocess.run(
        [sys.executable, "-m", "pytest", "bench", "-q", "-s", f"--benchmark-json={path}", "--benchmark-disable-gc",
         "--benchmark-quiet", *sys.argv[1:]],
        check=False,
    ).returncode  # fmt: skip
    if not path.exists():
        return status
    print(
        f"\n{platform.processor() or platform.machine()}, {platform.system()} {platform.release()}; saved as {path.name}"
    )
    print(versions())
    print("layout one: server and generator on one core; split: on two. Median (lowest–highest).\n")
    print(render(table(read(path))))
    return status


if __name__ == "__main__":
    sys.exit(main())
