"""Streams of every kind against a running server (`config.md` §2.2, reliability S1 to S7)."""

import os
import signal
import subprocess
from pathlib import Path

from tests.e2e.conftest import OPEN, ServerFactory
from tests.e2e.server import pbx_command
from tests.e2e.streams import KINDS, UPGRADE, Ports, connect, make_pair, masked, request, secure, upgraded


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
