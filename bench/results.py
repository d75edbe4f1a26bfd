"""Saved runs: reading them, and the table of figures beside the targets."""

import json
import statistics
from pathlib import Path

from bench.targets import ROWS, Row

RESULTS = Path(__file__).parent / "results"
Figures = dict[tuple[str, str], list[float]]


def read(path: Path) -> Figures:
    """Values of every figure, by server and name; the saved run of pytest-benchmark."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    found: Figures = {}
    for benchmark in saved["benchmarks"]:
        extra = benchmark.get("extra_info", {})
        for name, values in extra.get("figures", {}).items():
            found[extra["server"], name] = values
    return found


def newest() -> list[Path]:
    """Saved runs, newest first."""
    return sorted(RESULTS.glob("*.json"), reverse=True)


def number(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def measured(values: list[float], row: Row) -> str:
    scaled = sorted(value * row.scale for value in values)
    text = f"{number(statistics.median(scaled))} {row.unit}".strip()
    return text if len(scaled) == 1 else f"{text} ({number(scaled[0])}–{number(scaled[-1])})"


def target(row: Row, value: float, limit: float | None) -> str:
    if limit is None:
        return "–"
    met = value >= limit if row.more else value <= limit
    return f"{'≥' if row.more else '≤'} {number(limit)} {'✓' if met else '✗'}"


def table(figures: Figures) -> list[list[str]]:
    """Rows of text: figure, measured, three targets, the yardsticks with their ratios."""
    lines = [["figure", "measured", "first calls", "product", "moonshot", "beside it (ratio)"]]
    for row in ROWS:
        values = figures.get((row.server, row.figure))
        if not values:
            continue
        median = statistics.median(values)
        beside = []
        for peer in row.peers:
            theirs = figures.get((peer, row.figure))
            if theirs:
                yardstick = statistics.median(theirs)
                ratio = f" ({median / yardstick:.2f}×)" if yardstick else ""
                beside.append(f"{peer} {number(yardstick * row.scale)}{ratio}")
        limits = [target(row, median * row.scale, limit) for limit in row.targets]
        if row.targets[0] is None:
            limits[0] = "report"
        lines.append([row.label, measured(values, row), *limits, ", ".join(beside)])
    return lines


def render(lines: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rows = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([rows[0], "  ".join("-" * width for width in widths), *rows[1:]])
