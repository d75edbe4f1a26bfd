"""The live panel of `pbx run` on a terminal."""

import os
import re
import time
from typing import TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.panel import Panel as Box
from rich.table import Table
from rich.text import Text

from pbx.engine import Instance
from pbx.errors import PbxError

_OUTCOMES = ("answered", "cancelled", "failed", "refused")
_LINE = re.compile(r"ts=\S+T(\d\d:\d\d:\d\d)\S* level=\w+ event=(\S+)(.*)")
_MESSAGE = re.compile(r' message="((?:[^"\\]|\\.)*)"')
_PAGE = os.sysconf("SC_PAGE_SIZE")


class _AbovePanel:
    """Log lines, printed above the panel."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> int:
        self._console.print(text.rstrip("\n"), markup=False, highlight=False, soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""


class Panel:
    """Listeners, registrations, calls, rates, CPU, memory and the last warnings, renewed each second."""

    def __init__(self) -> None:
        self._console = Console()
        self._live: Live | None = None
        self._instance: Instance | None = None
        self._last: tuple[float, float, int, int] | None = None

    @property
    def stream(self) -> TextIO:
        """Where log lines go while the panel is shown."""
        return cast("TextIO", _AbovePanel(self._console))

    def start(self, instance: Instance) -> None:
        """Begin to draw."""
        self._instance = instance
        self._live = Live(self._render(), console=self._console, auto_refresh=False, transient=True)
        self._live.start()

    def stop(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def update(self) -> None:
        """Draw again."""
        if self._live is not None:
            self._live.update(self._render(), refresh=True)

    def _render(self) -> Box:
        instance = self._instance
        assert instance is not None
        try:
            health, media = instance.health(), instance.media_counters()
        except PbxError as error:
            return Box(str(error), title="pbx")
        counters = dict(health["counters"])
        invites = sum(counters.get(f"calls_total{{{outcome}}}", 0) for outcome in _OUTCOMES)
        cpu, calls_rate, packet_rate = self._rates(int(invites), media["packets"])
        rows = Table.grid(padding=(0, 2))
        rows.add_row("listeners", ", ".join(f"{kind} {address}" for kind, address in instance.listeners()))
        rows.add_row("registrations", str(health["registrations"]))
        rows.add_row(
            "calls", f"{health['calls']}   {calls_rate:.0f} new/s   {health['transactions']} transactions"
        )
        rows.add_row("media", f"{health['media_sessions']} sessions   {packet_rate:.0f} packets/s")
        rows.add_row("process", f"CPU {cpu:.0f} %   {_resident() >> 20} MiB   up {_age(instance)}")
        for line in list(instance.log.last_warnings):
            # Two rows at most, so that five of them leave the rest in sight on a small terminal.
            text = Text(_brief(line), overflow="fold")
            text.truncate(max(20, 2 * (self._console.width - 22)), overflow="ellipsis")
            rows.add_row(Text("warning", style="yellow"), text)
        title, subtitle = f"pbx {instance.version}", "Ctrl-C ends it"
        if instance.draining:
            title, subtitle = f"{title}   draining", "Ctrl-C again ends it at once"
        return Box(rows, title=title, subtitle=subtitle, title_align="left")

    def _rates(self, calls: int, packets: int) -> tuple[float, float, float]:
        now, cpu = time.monotonic(), sum(os.times()[:2])
        before, self._last = self._last, (now, cpu, calls, packets)
        if before is None or now <= before[0]:
            return 0.0, 0.0, 0.0
        span = now - before[0]
        return (cpu - before[1]) / span * 100, (calls - before[2]) / span, (packets - before[3]) / span


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * _PAGE


def _brief(line: str) -> str:
    """A log line for a narrow place: time, event, and of its fields only the message if there is one."""
    found = _LINE.match(line)
    if found is None:
        return line
    time_of_day, event, fields = found.groups()
    message = _MESSAGE.search(fields)
    shown = message[1].replace('\\"', '"') if message else fields.strip()
    return f"{time_of_day} {event} {shown}"


def _age(instance: Instance) -> str:
    secs = int(time.monotonic() - instance.started_at)
    return f"{secs // 3600}:{secs // 60 % 60:02}:{secs % 60:02}"
