"""`python -m bench.compare [OLD [NEW]]`: two saved runs, figure by figure; without arguments the last two."""

import statistics
import sys
from pathlib import Path

from bench.results import newest, number, read, render

NOISE = 0.10


def main() -> int:
    given = [Path(word) for word in sys.argv[1:]]
    saved = newest()
    if len(given) < 2 and len(saved) < 2 - len(given):
        print("bench: needs two saved runs; `make bench` saves one each time", file=sys.stderr)
        return 2
    old, new = (given + saved[: 2 - len(given)][::-1])[:2]
    before, after = read(old), read(new)
    lines = [["server", "figure", old.stem, new.stem, "change"]]
    for key in sorted(before.keys() & after.keys()):
        was, now = statistics.median(before[key]), statistics.median(after[key])
        change = (now - was) / was if was else 0.0
        mark = "" if abs(change) <= NOISE else "  !"
        lines.append([*key, number(was), number(now), f"{change:+.1%}{mark}"])
    print(render(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
