"""Connections that are to become SIP over WebSocket leave the HTTP server with what it has read of them."""

import asyncio
import os
import socket

import pytest

from pbx.api import HttpServer, SipUpgrade, bind
from pbx.api.upgrade import client_of

REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: pbx.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: sip\r\n{further}\r\n"
)


async def plain_app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"plain"})


def exchange(path, *, further="", trusted=(), is_mounted=True):
    """What the client is answered, and what is handed over."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    handover = os.dup(theirs.fileno()) if is_mounted else None

    async def run():
        server = HttpServer(plain_app, bind("127.0.0.1:0"), SipUpgrade(handover, "/ws", lambda: trusted))
        await server.start()
        host, _, port = server.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(REQUEST.format(path=path, further=further).encode())
        try:
            packet, descriptors = b"", []
            for _ in range(40):
                await asyncio.sleep(0.05)
                try:
                    packet, descriptors, _, _ = socket.recv_fds(ours, 16_384, 1)
                    break
                except BlockingIOError:
                    if reader._buffer:
                        break
            for descriptor in descriptors:
                with socket.socket(fileno=descriptor) as taken:
                    taken.setblocking(False)
                    taken.send(b"HTTP/1.1 101 Taken\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), 5)
            source, _, head = packet.partition(b"\n")
            return answer.split(b"\r\n", 1)[0].decode(), source.decode(), head
        finally:
            writer.close()
            await server.stop()

    with ours, theirs:
        return asyncio.run(run())


def test_an_upgrade_to_the_path_is_handed_over():
    answer, source, head = exchange("/ws?x=1")
    assert answer == "HTTP/1.1 101 Taken"
    assert source.startswith("127.0.0.1:")
    assert head.startswith(b"GET /ws?x=1 HTTP/1.1\r\n")
    assert head.endswith(b"\r\n\r\n")
    assert b"dGhlIHNhbXBsZSBub25jZQ==" in head


@pytest.mark.parametrize(("path", "is_mounted"), [("/other", True), ("/ws/more", True), ("/ws", False)])
def test_any_other_upgrade_is_not_found(path, is_mounted):
    answer, source, _ = exchange(path, is_mounted=is_mounted)
    assert (answer, source) == ("HTTP/1.1 404 Not Found", "")


def test_a_trusted_proxy_names_the_client():
    further = "X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\n"
    assert exchange("/ws", further=further, trusted=("127.0.0.0/8",))[1].startswith("192.0.2.1:")
    assert exchange("/ws", further=further)[1].startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("10.0.0.2", "10.0.0.1"),
        ("203.0.113.9, unknown", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy(forwarded, client):
    head = f"GET /ws HTTP/1.1\r\nx-forwarded-for: {forwarded}\r\n\r\n".encode()
    assert client_of("10.0.0.1", head, ["10.0.0.0/8"]) == client
    assert client_of("192.0.2.5", head, ["10.0.0.0/8"]) == "192.0.2.5"
