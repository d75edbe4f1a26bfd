"""`python -m bench [--peers] [PYTEST ARGUMENT …]`: run the benchmarks, save them, print the table."""

import platform
import subprocess
import sys
from datetime import UTC, datetime

from bench.results import RESULTS, read, render, table


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
    print("layout one: server and generator on one core; split: on two. Median (lowest–highest).\n")
    print(render(table(read(path))))
    return status


if __name__ == "__main__":
    sys.exit(main())
