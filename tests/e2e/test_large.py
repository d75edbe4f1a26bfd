"""Messages larger than one packet, and larger than any may be (reliability P9, T11; RFC 3261 §18.1.1)."""

import asyncio
import fcntl
import os
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

from tests.e2e.agent import Agent, Message, sdp
from tests.e2e.conftest import OPEN, QUICK, ServerFactory
from tests.e2e.ports import free_port
from tests.e2e.server import PbxServer
from tests.e2e.streams import connect, masked, upgraded

LIMIT = 4096
ALONE = "PBX_TEST_SMALL_PACKETS"
"""Set in the process that runs in a network namespace of its own."""
MTU = 1500


def sized(agent: Agent, octets: int, method: str = "OPTIONS") -> bytes:
    """A request of exactly this length."""
    request = agent.make(method, "1002", headers=[("Content-Type", "text/plain")])
    length = octets - len(request.to_bytes())
    request.body = b"x" * (length - len(str(length)) + 1)
    found = request.to_bytes()
    assert len(found) == octets
    return found


def limited(start: ServerFactory, **proxy: object) -> PbxServer:
    return start({**OPEN, "max_message_size": LIMIT, **proxy})


def refusals(server: PbxServer, source: str) -> list[str]:
    """What the log says of refused messages from there."""
    lines = [line for line in server.log if f"event=refused source={source}" in line]
    assert all("reason=too_large code=513" in line for line in lines), lines
    return lines


def test_p9_datagram_over_the_limit_is_refused_and_logged_once(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address, local=("127.0.0.5", 0)) as agent:
            agent.send_bytes(sized(agent, LIMIT))
            assert (await agent.wait_for(lambda message: message.is_response)).status == 200
            for _ in range(3):
                agent.send_bytes(sized(agent, LIMIT + 1))
                assert (await agent.wait_for(lambda message: message.is_response)).status == 513
            # No head to answer: dropped.
            agent.send_bytes(b"OPTIONS sip:1002@127.0.0.1 SIP/2.0\r\nX: " + b"x" * LIMIT)
            await agent.silence(0.2)
            agent.send_bytes(sized(agent, LIMIT))
            assert (await agent.wait_for(lambda message: message.is_response)).status == 200

    server = limited(start)
    asyncio.run(scenario(server))
    assert len(refusals(server, "127.0.0.5")) == 1


def test_p9_stream_over_the_limit_is_refused_closed_and_logged_once(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        for is_whole in (True, False, True):
            async with Agent("1001", server.address, transport="tcp") as agent:
                agent.send_bytes(sized(agent, LIMIT))
                assert (await agent.wait_for(lambda message: message.is_response)).status == 200
                octets = sized(agent, LIMIT + 1)
                # The head tells the length: nobody waits for the rest.
                agent.send_bytes(octets if is_whole else octets[:1000])
                assert (await agent.wait_for(lambda message: message.is_response)).status == 513
                await agent.wait_closed(2)

    server = limited(start)
    asyncio.run(scenario(server))
    assert len(refusals(server, "127.0.0.1")) == 1


def test_p9_frame_over_the_limit_ends_its_web_socket_and_is_logged_once(start: ServerFactory) -> None:
    port = free_port()
    server = limited(start, ws_port=port)
    for _ in range(2):
        with upgraded(connect(port)) as stream:
            stream.sendall(masked(b"OPTIONS sip:1002@127.0.0.1 SIP/2.0\r\n" + b"x" * LIMIT))
            assert stream.recv(4) == b"\x88\x02" + struct.pack("!H", 1009)
            assert stream.recv(1) == b""
    server.wait_for_log("event=refused source=127.0.0.1 reason=too_large")
    assert len(refusals(server, "127.0.0.1")) == 1


def test_p9_the_greatest_datagram_is_served_by_default(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as agent:
            agent.send_bytes(sized(agent, 65_507))
            assert (await agent.wait_for(lambda message: message.is_response)).status == 200

    asyncio.run(scenario(start(OPEN)))


def router(directory: Path, target: str) -> str:
    path = directory / "to_target.py"
    path.write_text(
        "from pbx.routing import Forward, Invite, Router\n\nrouter = Router()\n\n\n"
        f"@router.invite()\ndef away(call: Invite) -> Forward:\n    return Forward(targets=[{target!r}])\n",
        encoding="utf-8",
    )
    return str(path)


def large_offer() -> bytes:
    """Over 1,300 octets."""
    return sdp(4000) + b"".join(b"a=x-filler:%03d %s\r\n" % (n, b"x" * 60) for n in range(20))


async def take_invite(listener: socket.socket) -> tuple[Message, list[bytes]]:
    """The INVITE that comes over TCP, and what follows our 486."""
    loop = asyncio.get_running_loop()
    stream, _ = await asyncio.wait_for(loop.sock_accept(listener), 5)
    with stream:
        octets = b""
        while not (head := octets.partition(b"\r\n\r\n"))[1] or len(head[2]) < declared(head[0]):
            octets += await asyncio.wait_for(loop.sock_recv(stream, 65_536), 5)
        invite = Message.parse(octets)
        lines = [("Via", value) for value in invite.all("via")]
        lines += [("From", invite.header("from")), ("To", invite.header("to") + ";tag=busy")]
        lines += [("Call-ID", invite.call_id), ("CSeq", invite.cseq)]
        await loop.sock_sendall(stream, Message("SIP/2.0 486 Busy Here", lines).to_bytes())
        return invite, [await asyncio.wait_for(loop.sock_recv(stream, 65_536), 5)]


def declared(head: bytes) -> int:
    found = re.search(rb"(?i)content-length:\s*(\d+)", head)
    assert found
    return int(found.group(1))


def test_t11_large_request_to_a_target_with_tcp_goes_there_by_tcp(
    start: ServerFactory, tmp_path: Path
) -> None:
    port = free_port()

    async def scenario(server: PbxServer, listener: socket.socket) -> None:
        async with (
            Agent("1001", server.address) as caller,
            Agent("x", server.address, local=("127.0.0.1", port)) as udp,
        ):
            request = caller.send(caller.make("INVITE", "1002", body=large_offer()))
            invite, after = await take_invite(listener)
            assert len(invite.to_bytes()) > 1300
            assert "SIP/2.0/TCP" in invite.header("via")
            assert b"a=x-filler:019" in invite.body
            assert after[0].startswith(b"ACK ")
            final = await caller.response(request)
            assert final.status == 486
            caller.ack_failure(request, final)
            await udp.silence(0.1)

    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.setblocking(False)
        target = f"sip:x@127.0.0.1:{port};transport=udp"
        asyncio.run(scenario(start({**OPEN, **QUICK, "router": router(tmp_path, target)}), listener))


def test_t11_large_request_to_a_target_without_tcp_arrives_whole_by_udp(
    start: ServerFactory, tmp_path: Path
) -> None:
    port = free_port()

    async def scenario(server: PbxServer) -> None:
        async with (
            Agent("1001", server.address) as caller,
            Agent("x", server.address, local=("127.0.0.1", port)) as callee,
        ):
            request = caller.send(caller.make("INVITE", "1002", body=large_offer()))
            incoming = await callee.request("INVITE")
            assert "SIP/2.0/UDP" in incoming.header("via")
            assert len(incoming.body) == declared(incoming.octets.partition(b"\r\n\r\n")[0])
            assert b"a=x-filler:019" in incoming.body
            callee.answer(incoming, 486, tag="busy")
            await callee.request("ACK")
            caller.ack_failure(request, await caller.response(request))

    asyncio.run(scenario(start({**OPEN, **QUICK, "router": router(tmp_path, f"sip:x@127.0.0.1:{port}")})))


def set_up_loopback() -> None:
    """What `ip link set lo mtu 1500 up` does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for command, value in (
            (0x8922, struct.pack("16si12x", b"lo", MTU)),
            (0x8914, struct.pack("16sh14x", b"lo", 1)),
        ):
            fcntl.ioctl(any_socket, command, value)


def fragments_made() -> int:
    names, values = [
        line.split()
        for line in Path("/proc/net/snmp").read_text("ascii").splitlines()
        if line.startswith("Ip:")
    ]
    return int(values[names.index("FragCreates")])


def fragments_of(octets: bytes) -> int:
    """Packets that carry a datagram: 20 octets of each are the header of IP, 8 of the first that of UDP."""
    return -(-(len(octets) + 8) // (MTU - 20))


def test_t11_large_responses_arrive_whole_through_fragments(start: ServerFactory) -> None:
    if ALONE not in os.environ:
        name = f"{__file__}::{test_t11_large_responses_arrive_whole_through_fragments.__name__}"
        command = [
            "unshare",
            "--net",
            "--map-root-user",
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            name,
        ]
        child = subprocess.run(
            command, env={**os.environ, ALONE: "1"}, capture_output=True, text=True, timeout=60, check=False
        )
        assert child.returncode == 0, f"{' '.join(command)}:\n{child.stdout}{child.stderr}"
        return
    set_up_loopback()
    server = start(OPEN)

    async def scenario() -> None:
        async with Agent("1001", server.address) as agent:
            for count in (10, 40, 150):
                further = [
                    ("Via", f"SIP/2.0/UDP hop{n}.test;branch=z9hG4bK{'x' * 150}{n}") for n in range(count)
                ]
                request = agent.make("OPTIONS", "1002", headers=further)
                request.headers = [("Via", agent.via()), *request.headers]
                before = fragments_made()
                sent = agent.send(request).to_bytes()
                response = await agent.response(request)
                assert response.status == 200
                assert response.all("via")[1:] == [value for _, value in further]
                assert len(response.octets) > MTU
                assert fragments_made() - before == fragments_of(sent) + fragments_of(response.octets)

    asyncio.run(scenario())
