"""Streams of every kind against a running server (`config.md` §2.2, reliability S1 to S7)."""

import base64
import contextlib
import os
import resource
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import OPEN, ServerFactory
from tests.e2e.ports import free_port
from tests.e2e.server import PbxServer, pbx_command

UPGRADE = (
    "GET /ws HTTP/1.1\r\nHost: pbx.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)
KINDS = ("tcp", "tls", "ws")


def request(method: str, transport: str, number: int, body: str = "") -> bytes:
    return (
        f"{method} sip:1002@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} 127.0.0.1:5099;branch=z9hG4bK{method}{number}x{time.monotonic_ns()};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:1001@127.0.0.1>;tag={number}\r\nTo: <sip:1002@127.0.0.1>\r\n"
        f"Call-ID: {number}-{time.monotonic_ns()}\r\nCSeq: 1 {method}\r\n"
        f"Contact: <sip:1001@127.0.0.1:5099;transport=tcp>\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def make_pair(directory: Path, name: str, kind: str = "rsa:2048", *, subject: str = "") -> dict[str, str]:
    """A self-signed certificate for `subject`, else for `<name>.test`, and its key."""
    directory.mkdir(parents=True, exist_ok=True)
    files = {"ssl_certificate": f"{name}.pem", "ssl_private_key": f"{name}.key"}
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        kind,
        "-nodes",
        "-days",
        "2",
        "-subj",
        f"/CN={subject or name + '.test'}",
    ]
    command += ["-keyout", files["ssl_private_key"], "-out", files["ssl_certificate"]]
    subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=30)
    return {key: str(directory / file) for key, file in files.items()}


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


CONTEXT = client_context()


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))


def secure(port: int, source: str = "127.0.0.1") -> ssl.SSLSocket:
    return CONTEXT.wrap_socket(connect(port, source))


def upgraded(stream: socket.socket) -> socket.socket:
    stream.sendall(UPGRADE.encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        octets = stream.recv(1)
        assert octets, head
        head += octets
    assert head.startswith(b"HTTP/1.1 101 "), head
    return stream


def masked(payload: bytes) -> bytes:
    mask = os.urandom(4)
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
    return b"\x81" + length + mask + bytes(octet ^ mask[i % 4] for i, octet in enumerate(payload))


class Ports:
    """A server on every transport."""

    def __init__(self, tmp_path: Path, start: ServerFactory) -> None:
        self.tls, self.ws = free_port(), free_port()
        self.pair = make_pair(tmp_path, "pbx")
        self.server = start({**OPEN, **self.pair, "tls_port": self.tls, "ws_port": self.ws})

    def connect(self, kind: str, source: str = "127.0.0.1") -> socket.socket:
        """An open connection of a kind."""
        if kind == "tls":
            return secure(self.tls, source)
        if kind == "ws":
            return upgraded(connect(self.ws, source))
        return connect(self.server.port, source)


@pytest.fixture
def ports(tmp_path: Path, start: ServerFactory) -> Ports:
    return Ports(tmp_path, start)


def counter(server: PbxServer, name: str) -> int:
    return int(server.health()["counters"].get(name, 0))


def udp_latency(port: int, stop: threading.Event, taken: list[float]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(5)
        phone.connect(("127.0.0.1", port))
        number = 0
        while not stop.is_set():
            number += 1
            asked_at = time.monotonic()
            phone.send(request("OPTIONS", "UDP", number))
            phone.recv(65_536)
            taken.append(time.monotonic() - asked_at)
            stop.wait(0.02)


def p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def test_every_transport_is_listed_and_answers(ports: Ports) -> None:
    listed = {entry["transport"] for entry in ports.server.health()["listeners"]}
    assert listed >= {"udp", "tcp", "tls", "ws"}
    for kind in KINDS:
        with ports.connect(kind) as stream:
            octets = request("OPTIONS", kind.upper(), 1)
            stream.sendall(masked(octets) if kind == "ws" else octets)
            assert b"SIP/2.0 200 " in stream.recv(4096), kind
    with upgraded(secure(ports.ws)) as stream:
        stream.sendall(masked(request("OPTIONS", "WSS", 2)))
        assert b"SIP/2.0 200 " in stream.recv(4096)


def test_the_http_server_serves_sip_at_the_same_path(ports: Ports) -> None:
    ports.server.wait_for_log("event=mounted path=/ws ")
    with upgraded(connect(ports.server.http_port)) as stream:
        for number in range(3):
            stream.sendall(masked(request("OPTIONS", "WS", number)))
            assert b"SIP/2.0 200 " in stream.recv(4096)
            # The HTTP server itself goes on.
            assert ports.server.health()["status"]


def test_without_web_socket_keys_nothing_is_mounted(start: ServerFactory) -> None:
    server = start(OPEN)
    with connect(server.http_port) as stream:
        stream.sendall(UPGRADE.encode())
        assert stream.recv(4096).startswith(b"HTTP/1.1 404 ")


def test_a_pair_that_does_not_match_refuses_to_start(tmp_path: Path) -> None:
    first, second = make_pair(tmp_path, "first"), make_pair(tmp_path, "second")
    path = tmp_path / "pbx.toml"
    path.write_text(
        f'[proxy]\ntls_port = 0\nssl_certificate = "{first["ssl_certificate"]}"\n'
        f'ssl_private_key = "{second["ssl_private_key"]}"\n'
    )
    command = [pbx_command(), "run", "--config", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2, ended.stderr
    assert "proxy.ssl_private_key" in ended.stderr


def test_a_pair_is_replaced_in_service(ports: Ports, tmp_path: Path) -> None:
    def subject() -> bytes:
        with secure(ports.tls) as stream:
            return stream.getpeercert(binary_form=True) or b""

    old = ports.connect("tls")
    before = subject()
    new = make_pair(tmp_path / "new", "new")
    Path(ports.pair["ssl_certificate"]).write_text(Path(new["ssl_certificate"]).read_text())
    # Half of the new pair is none: the management interface refuses it, and so would the check of files.
    os.kill(ports.server.pid, signal.SIGHUP)
    ports.server.wait_for_log("event=(reload_refused|tls_pair_rejected)")
    assert subject() == before
    Path(ports.pair["ssl_private_key"]).write_text(Path(new["ssl_private_key"]).read_text())
    os.kill(ports.server.pid, signal.SIGHUP)
    ports.server.wait_for_log("event=tls_pair_loaded")
    assert subject() != before
    with old:
        old.sendall(request("OPTIONS", "TLS", 3))
        assert b"SIP/2.0 200 " in old.recv(4096)


def test_connections_reset_in_the_middle_of_invites_leave_nothing(ports: Ports) -> None:
    for number in range(1000):
        with connect(ports.server.port, f"127.0.0.{2 + number % 50}") as stream:
            invites = b"".join(request("INVITE", "TCP", n) for n in range(10))
            stream.sendall(invites[: len(invites) - number % len(invites)])
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    ports.server.assert_at_rest(10)


def test_a_peer_that_stops_reading_is_closed_and_others_are_served(ports: Ports) -> None:
    stop, taken = threading.Event(), list[float]()
    probe = threading.Thread(target=udp_latency, args=(ports.server.port, stop, taken))
    probe.start()
    try:
        with ports.connect("tls") as greedy, contextlib.suppress(OSError):
            greedy.settimeout(10)
            octets = request("OPTIONS", "TLS", 1) * 50
            for _ in range(2000):
                greedy.sendall(octets)
                if counter(ports.server, "connections_closed_total{slow}"):
                    break
    finally:
        stop.set()
        probe.join()
    assert counter(ports.server, "connections_closed_total{slow}") == 1
    assert p99(taken) < 0.2, p99(taken)


def resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def weigh(ports: Ports, kind: str, count: int) -> float:
    """KiB of the server for each of so many idle connections; a new client must be served meanwhile."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with ports.connect(kind):
        before = resident_kib(ports.server.pid)
    with contextlib.ExitStack() as held:
        for number in range(count):
            held.enter_context(ports.connect(kind, f"127.0.1.{1 + number // 200}"))
        each = (resident_kib(ports.server.pid) - before) / count
        asked_at = time.monotonic()
        with connect(ports.server.port) as stream:
            stream.sendall(request("OPTIONS", "TCP", 1))
            assert b"SIP/2.0 200 " in stream.recv(4096)
        assert time.monotonic() - asked_at < 0.1
    return each


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [400, pytest.param(5000, marks=pytest.mark.slow)])
def test_idle_connections_are_light(ports: Ports, kind: str, count: int) -> None:
    each = weigh(ports, kind, count)
    print(f"{kind}: {each:.1f} KiB per idle connection of {count}")
    assert each <= 32, each


def test_one_source_has_its_share(ports: Ports) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(256):
            held.enter_context(connect(ports.server.port, "127.0.0.77"))
        with connect(ports.server.port, "127.0.0.77") as refused:
            assert refused.recv(1) == b""
        with connect(ports.server.port, "127.0.0.78") as other:
            other.sendall(request("OPTIONS", "TCP", 1))
            assert b"SIP/2.0 200 " in other.recv(4096)
    assert counter(ports.server, "refused_total{connections}") == 1
    ports.server.wait_for_log("event=refused source=127.0.0.77 reason=connections")


@pytest.mark.parametrize("seconds", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_handshakes_of_which_half_are_never_finished(ports: Ports, seconds: int) -> None:
    stop, taken = threading.Event(), list[float]()
    probe = threading.Thread(target=udp_latency, args=(ports.server.port, stop, taken))
    probe.start()
    finished = failed = 0
    unfinished: list[socket.socket] = []
    began_at = time.monotonic()
    try:
        for number in range(200 * seconds):
            source = f"127.0.2.{1 + number % 100}"
            if number % 2:
                hello = connect(ports.tls, source)
                hello.sendall(base64.b64decode("FgMBAgABAAH8AwM="))
                unfinished.append(hello)
            else:
                try:
                    with secure(ports.tls, source):
                        finished += 1
                except OSError:
                    failed += 1
            time.sleep(max(0.0, began_at + number / 200 - time.monotonic()))
    finally:
        took = time.monotonic() - began_at
        stop.set()
        probe.join()
        for hello in unfinished:
            hello.close()
    print(
        f"{(finished + failed) / took * 2:.0f} handshakes/s, {failed} failed, UDP p99 {p99(taken) * 1000:.1f} ms"
    )
    assert finished >= 0.95 * (finished + failed)
    assert p99(taken) <= 0.1, p99(taken)
