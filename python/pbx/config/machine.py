"""What the configuration's defaults need to know about this machine and this start of the process."""

import contextlib
import ipaddress
import os
import re
import secrets
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_LOCAL_V4 = re.compile(r"\|-- (\S+)\n\s*/32 host LOCAL")


@dataclass(frozen=True, slots=True)
class Machine:
    """Addresses and cores of this machine. `identity` is drawn once for each start of the process."""

    addresses: tuple[str, ...]
    cores: int
    version: str
    identity: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def primary(self) -> str:
        """The address a peer elsewhere would most likely see: the first that is not loopback."""
        outward = (text for text in self.addresses if not ipaddress.ip_address(text).is_loopback)
        return next(outward, "127.0.0.1")


def this_machine() -> Machine:
    """Ask the system. A system that does not tell gives loopback and one core."""
    addresses = dict.fromkeys([*_ipv4(), *_ipv6()]) or {"127.0.0.1": None, "::1": None}
    return Machine(tuple(addresses), os.cpu_count() or 1, _version())


def _ipv4() -> list[str]:
    with contextlib.suppress(OSError):
        return _LOCAL_V4.findall(Path("/proc/net/fib_trie").read_text("ascii", "replace"))
    return []


def _ipv6() -> list[str]:
    found = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/net/if_inet6").read_text("ascii", "replace").splitlines():
            digits = line[:32]
            # A link-local address says nothing without its interface.
            if not digits.startswith("fe8"):
                found.append(str(ipaddress.IPv6Address(int(digits, 16))))
    return found


def _version() -> str:
    try:
        return version("pbx")
    except PackageNotFoundError:
        return "0"
