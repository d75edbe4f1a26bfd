"""Connections of every kind to a server, octet by octet: TCP, TLS, and WebSocket on either."""

import os
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.e2e.ports import free_port
from tests.e2e.server import PbxServer

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

    def __init__(self, directory: Path, begin: Callable[[Mapping[str, object]], PbxServer]) -> None:
        self.tls, self.ws = free_port(), free_port()
        self.pair = make_pair(directory, "pbx")
        self.server = begin({**self.pair, "tls_port": self.tls, "ws_port": self.ws})

    def connect(self, kind: str, source: str = "127.0.0.1") -> socket.socket:
        """An open connection of a kind."""
        if kind == "tls":
            return secure(self.tls, source)
        if kind == "ws":
            return upgraded(connect(self.ws, source))
        return connect(self.server.port, source)


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


def resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
