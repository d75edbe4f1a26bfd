"""What strangers on streams may cost, and that they cost others nothing (reliability S1, S2, S4, S5, S6)."""

import base64
import contextlib
import re
import resource
import selectors
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self

import pytest

from tests.e2e.conftest import FULL
from tests.e2e.server import PbxServer
from tests.e2e.streams import (
    KINDS,
    Ports,
    connect,
    counter,
    p99,
    request,
    resident_kib,
    secure,
    udp_latency,
    upgraded,
)

HELLO = base64.b64decode("FgMBAgABAAH8AwM=")
"""The first octets of a TLS ClientHello."""
KIB_EACH = 32
"""What an idle connection may cost."""


@contextlib.contextmanager
def latency(server: PbxServer) -> Iterator[list[float]]:
    """Times UDP OPTIONS meanwhile."""
    stop, taken = threading.Event(), list[float]()
    probe = threading.Thread(target=udp_latency, args=(server.port, stop, taken))
    probe.start()
    try:
        yield taken
    finally:
        stop.set()
        probe.join()


def allow_descriptors() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def serve_one(server: PbxServer) -> float:
    """Seconds a new client waits from its connect to its answer."""
    asked_at = time.monotonic()
    with connect(server.port) as stream:
        stream.sendall(request("OPTIONS", "TCP", 1))
        assert b"SIP/2.0 200 " in stream.recv(4096)
    return time.monotonic() - asked_at


@dataclass
class Slow:
    """A connection on which an octet comes every ten seconds, or none at all."""

    kind: str
    stream: socket.socket
    octets: bytes
    began_at: float = field(default_factory=time.monotonic)
    sent: int = 0

    def drip(self, now: float) -> None:
        """Send the octet that is due."""
        if self.sent < len(self.octets) and now >= self.began_at + 10 * self.sent:
            with contextlib.suppress(OSError):
                self.stream.send(self.octets[self.sent : self.sent + 1])
            self.sent += 1


SLOW: dict[str, tuple[Callable[[Ports, str], socket.socket], bytes, float]] = {
    "tcp, message": (lambda ports, source: connect(ports.server.port, source), b"OPTIONS", 30),
    "tls, no octet": (lambda ports, source: connect(ports.tls, source), b"", 10),
    "tls, handshake": (lambda ports, source: connect(ports.tls, source), HELLO, 10),
    "tls, message": (lambda ports, source: secure(ports.tls, source), b"OPTIONS", 30),
    "ws, no octet": (lambda ports, source: connect(ports.ws, source), b"", 10),
    "ws, handshake": (lambda ports, source: connect(ports.ws, source), b"GET /ws", 10),
    "ws, frame": (lambda ports, source: upgraded(connect(ports.ws, source)), b"\x81\xfe\x01\x00", 30),
}


def is_open(stream: socket.socket) -> bool:
    """Read what there is, session tickets and pings perhaps."""
    try:
        return bool(stream.recv(4096))
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False


class Watch:
    """Slow connections, and how long the server bore each."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.closed_after: dict[str, list[float]] = {kind: [] for kind in SLOW}

    @property
    def held(self) -> int:
        return len(self._selector.get_map())

    def add(self, slow: Slow) -> None:
        slow.stream.setblocking(False)
        self._selector.register(slow.stream, selectors.EVENT_READ, slow)

    def turn(self, seconds: float = 0) -> None:
        """Drip what is due and note what was closed."""
        now = time.monotonic()
        for key in list(self._selector.get_map().values()):
            key.data.drip(now)
        for key, _ in self._selector.select(seconds):
            if is_open(key.data.stream):
                continue
            self._selector.unregister(key.fileobj)
            self.closed_after[key.data.kind].append(time.monotonic() - key.data.began_at)


@pytest.mark.slow
def test_s1_each_slow_connection_is_closed_at_its_deadline(ports: Ports) -> None:
    count = 715 if FULL else 12
    allow_descriptors()
    before, watch = resident_kib(ports.server.pid), Watch()
    with contextlib.ExitStack() as stack:
        for number in range(count):
            for index, (kind, (begin, octets, _)) in enumerate(SLOW.items()):
                stream = stack.enter_context(begin(ports, f"127.0.{10 + index}.{1 + number // 200}"))
                watch.add(Slow(kind, stream, octets))
            if number % 50 == 0:
                watch.turn()
        held = watch.held
        each_kib = (resident_kib(ports.server.pid) - before) / held
        waited = serve_one(ports.server)
        give_up_at = time.monotonic() + 45
        while watch.held:
            assert time.monotonic() < give_up_at, watch.held
            watch.turn(0.2)
    shown = {kind: f"{min(times):.1f}-{max(times):.1f} s" for kind, times in watch.closed_after.items()}
    print(f"{held} slow connections, {each_kib:.1f} KiB each, new client {waited * 1000:.1f} ms: {shown}")
    for kind, times in watch.closed_after.items():
        assert len(times) == count, kind
        assert SLOW[kind][2] - 1 < min(times), shown
        assert max(times) < SLOW[kind][2] + 3, shown
    assert waited < 0.1
    assert each_kib <= KIB_EACH


def test_s1_one_source_has_its_share(ports: Ports) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(256):
            held.enter_context(connect(ports.server.port, "127.0.0.77"))
        for _ in range(3):
            with connect(ports.server.port, "127.0.0.77") as refused:
                assert refused.recv(1) == b""
        with connect(ports.server.port, "127.0.0.78") as other:
            other.sendall(request("OPTIONS", "TCP", 1))
            assert b"SIP/2.0 200 " in other.recv(4096)
    assert counter(ports.server, "refused_total{connections}") == 3
    ports.server.wait_for_log("event=refused source=127.0.0.77 reason=connections")
    assert len([line for line in ports.server.log if "reason=connections" in line]) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [400, pytest.param(5000, marks=pytest.mark.slow)])
def test_s1_idle_connections_are_light(ports: Ports, kind: str, count: int) -> None:
    allow_descriptors()
    with ports.connect(kind):
        before = resident_kib(ports.server.pid)
    with contextlib.ExitStack() as held:
        for number in range(count):
            held.enter_context(ports.connect(kind, f"127.0.1.{1 + number // 200}"))
        each = (resident_kib(ports.server.pid) - before) / count
        waited = serve_one(ports.server)
    print(f"{kind}: {each:.1f} KiB per idle connection of {count}, new client {waited * 1000:.1f} ms")
    assert waited < 0.1
    assert each <= KIB_EACH


def test_s2_handshakes_of_which_half_are_never_finished(ports: Ports) -> None:
    seconds = 60 if FULL else 6
    finished = failed = 0
    resident = {0.0: resident_kib(ports.server.pid)}
    began_at = time.monotonic()
    with latency(ports.server) as taken, contextlib.ExitStack() as unfinished:
        for number in range(200 * seconds):
            source = f"127.0.2.{1 + number % 100}"
            if number % 2:
                hello = unfinished.enter_context(connect(ports.tls, source))
                hello.sendall(HELLO)
            else:
                try:
                    with secure(ports.tls, source):
                        finished += 1
                except OSError:
                    failed += 1
            passed = time.monotonic() - began_at
            if passed > max(resident) + 1:
                resident[passed] = resident_kib(ports.server.pid)
            time.sleep(max(0.0, number / 200 - passed))
    rate = 200 * seconds / (time.monotonic() - began_at)
    # An unfinished one lives for ten seconds: by then as many end as begin.
    steady = [kib for passed, kib in resident.items() if passed > 15] or [max(resident.values())]
    print(
        f"{rate:.0f} handshakes/s, {failed} failed, UDP p99 {p99(taken) * 1000:.1f} ms; "
        f"resident {resident[0.0]} KiB before, steady {min(steady)}-{max(steady)} KiB"
    )
    assert rate > 180
    assert finished >= 0.95 * (finished + failed)
    assert p99(taken) <= 0.05, p99(taken)
    assert max(steady) - min(steady) < 5 * 1024, resident
    assert max(steady) - resident[0.0] < 20 * 1024 + 1000 * KIB_EACH, resident


def test_s4_a_peer_that_stops_reading_is_closed_and_others_are_served(ports: Ports) -> None:
    before = resident_kib(ports.server.pid)
    peak = owed = 0
    with latency(ports.server) as taken, ports.connect("tls") as greedy, contextlib.suppress(OSError):
        greedy.settimeout(10)
        octets = request("OPTIONS", "TLS", 1) * 50
        while owed < 64 << 20:
            greedy.sendall(octets)
            owed += len(octets)
            peak = max(peak, resident_kib(ports.server.pid) - before)
            if counter(ports.server, "connections_closed_total{slow}"):
                break
    print(
        f"closed when {owed >> 10} KiB were asked for, {peak} KiB more resident, UDP p99 {p99(taken) * 1000:.1f} ms"
    )
    assert counter(ports.server, "connections_closed_total{slow}") == 1
    assert peak < 20 * 1024
    assert p99(taken) <= 0.05, p99(taken)


WRAPPING = {
    "32 bits": str((1 << 32) + 2),
    "32 bits less one": str((1 << 32) - 1),
    "31 bits": str(1 << 31),
    "64 bits": str((1 << 64) + 2),
    "64 bits less one": str((1 << 64) - 1),
    "128 bits": str((1 << 128) + 2),
    "endless": "9" * 400,
    "negative": "-2",
    "signed": "+2",
    "hexadecimal": "0x2",
    "fraction": "2.0",
    "two": "2 2",
    "list": "2, 2",
    "blank": "",
    "twice": "2\r\nContent-Length: 200",
    "twice, compact": "2\r\nl: 200",
}
"""Lengths that become a small number, or none, when they are read without care."""


@pytest.mark.parametrize("kind", ["tcp", "tls"])
def test_s5_no_length_smuggles_a_request(ports: Ports, kind: str) -> None:
    for name, value in WRAPPING.items():
        head = f"Content-Length: {value}".encode()
        outer = request("OPTIONS", kind.upper(), 1, "hi").replace(b"Content-Length: 2", head)
        inner = request("OPTIONS", kind.upper(), 2).replace(b"Call-ID: ", b"Call-ID: smuggled-")
        answered = b""
        with ports.connect(kind) as stream:
            began_at = time.monotonic()
            stream.sendall(outer + inner)
            with contextlib.suppress(ConnectionError):
                while octets := stream.recv(65_536):
                    answered += octets
            assert time.monotonic() - began_at < 1, name
        assert b"smuggled" not in answered, name
        assert re.findall(rb"SIP/2\.0 (\d+)", answered) in ([b"400"], [b"513"]), (name, answered)
    serve_one(ports.server)


class Callee:
    """A phone that rings and never answers, and notes when each of its calls is ended."""

    def __init__(self, port: int) -> None:
        self.began_at: dict[bytes, float] = {}
        self.ended_at: dict[bytes, float] = {}
        self.connection_of: dict[bytes, int] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self._socket.connect(("127.0.0.1", port))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        own = self._socket.getsockname()[1]
        octets = request("REGISTER", "UDP", 1).replace(b"sip:1001@127.0.0.1", b"sip:1002@127.0.0.1")
        octets = octets.replace(b"127.0.0.1:5099;transport=tcp", b"127.0.0.1:%d" % own)
        self._socket.send(octets)
        assert b"SIP/2.0 200 " in self._socket.recv(4096)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                self._handle(self._socket.recv(65_536))

    def _handle(self, octets: bytes) -> None:
        method, head = octets.split(b" ", 1)[0], octets.partition(b"\r\n\r\n")[0]
        call = self._value(head, b"Call-ID")
        if method == b"INVITE":
            self.began_at.setdefault(call, time.monotonic())
            self.connection_of[call] = int(self._value(head, b"X-Connection"))
            self._answer(head, b"180 Ringing")
        elif method in (b"CANCEL", b"BYE"):
            self.ended_at.setdefault(call, time.monotonic())
            self._answer(head, b"200 OK")
            if method == b"CANCEL":
                self._answer(re.sub(rb"(CSeq: \d+) CANCEL", rb"\1 INVITE", head), b"487 Request Terminated")

    def _answer(self, head: bytes, status: bytes) -> None:
        kept = [
            line
            for line in head.split(b"\r\n")
            if re.match(rb"(?i)(via|from|call-id|cseq|record-route):", line)
        ]
        to = b"To: " + self._value(head, b"To")
        to += b"" if b";tag=" in to else b";tag=ringing"
        self._socket.send(b"\r\n".join([b"SIP/2.0 " + status, *kept, to, b"Content-Length: 0", b"", b""]))

    @staticmethod
    def _value(head: bytes, name: bytes) -> bytes:
        found = re.search(rb"(?im)^" + name + rb":[ ]*([^\r\n]*)", head)
        assert found, head
        return found.group(1)


def test_s6_callees_are_told_within_a_second_when_a_stream_breaks_in_the_middle_of_invites(
    ports: Ports,
) -> None:
    resets = 1000
    before = ports.server.footprint()
    reset_at: dict[int, float] = {}
    with Callee(ports.server.port) as callee:
        for number in range(resets):
            with connect(ports.server.port, f"127.0.0.{2 + number % 50}") as stream:
                mark = b"X-Connection: %d\r\nCall-ID" % number
                invites = b"".join(request("INVITE", "TCP", n).replace(b"Call-ID", mark) for n in range(10))
                # From nearly all of ten to a part of the first.
                stream.sendall(invites[: len(invites) - 1 - number * 7 % len(invites)])
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if number % 2:
                    time.sleep(0.005)
            reset_at[number] = time.monotonic()
        ports.server.assert_at_rest(10, transactions=False)
    assert len(callee.began_at) > resets, "hardly any call reached the callee"
    assert callee.began_at.keys() == callee.ended_at.keys()
    delays = [
        ended - max(reset_at[callee.connection_of[call]], callee.began_at[call])
        for call, ended in callee.ended_at.items()
    ]
    print(
        f"{len(delays)} calls of {resets} connections, the last told {max(delays) * 1000:.0f} ms after its reset"
    )
    assert max(delays) < 1
    ports.server.assert_at_rest(10)
    ports.server.assert_back_to(before)
