"""Ports of our own on loopback: taken from a range below the ephemeral one, each handed out once in this process."""

import os
import socket

FIRST = 20_000
LAST = 31_999
_next = FIRST + (os.getpid() * 97) % (LAST - FIRST)


def free_port(span: int = 1) -> int:
    """Return an even port such that it and the `span - 1` after it are free for UDP and TCP."""
    global _next  # noqa: PLW0603
    for _ in range(LAST - FIRST):
        start = _next + _next % 2
        _next = start + span
        if _next > LAST:
            _next = FIRST
            continue
        if all(_is_free(port) for port in range(start, start + span)):
            return start
    raise RuntimeError("no free port on loopback")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
