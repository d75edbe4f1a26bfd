"""CPU time and memory of a server: its processes and all their children, read from /proc."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> list[int]:
    """The process and all its living descendants."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split() if int(child) not in found]
    return found


def cpu_seconds(pid: int) -> float:
    """User plus system seconds of the whole family since it began."""
    total = 0
    for member in family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(") ")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def resident_octets(pid: int) -> int:
    """Resident memory of the whole family; pages shared between its members count once."""
    total = shared = 0
    for member in family(pid):
        _, resident, common = (int(word) for word in Path(f"/proc/{member}/statm").read_text().split()[:3])
        total += (resident - common) * PAGE
        shared = max(shared, common * PAGE)
    return total + shared
