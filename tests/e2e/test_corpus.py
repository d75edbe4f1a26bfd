"""Real-world bodies, headers and packets through a running server (the live half of reliability P3, P6, P10)."""

import asyncio
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.agent import Agent, Message, call, hang_up
from tests.e2e.conftest import OPEN, QUICK, ServerFactory
from tests.e2e.ports import free_port
from tests.e2e.server import PbxServer

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
needs_corpus = pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is no part of the repository")
EVERY_CODEC = [
    "opus", "g729", "g722", "pcmu", "pcma", "amr", "amr-wb", "evs", "g726-32", "gsm", "ilbc", "l16", "speex",
]  # fmt: skip


@cache
def index(kind: str) -> list[dict[str, Any]]:
    return list(tomllib.loads((CORPUS / "INDEX.toml").read_text(encoding="utf-8"))[kind])


async def offered(caller: Agent, callee: Agent, body: bytes) -> Message:
    """Offer `body`: the INVITE that reaches the callee, or the refusal. The call is ended either way."""
    invite = caller.send(caller.make("INVITE", callee.user, body=body))
    outcome: Message | None = None
    while outcome is None:
        if callee.inbox:
            outcome = await callee.request("INVITE")
            callee.answer(outcome, 486, "Busy Here", tag="busy")
            await callee.request("ACK")
        final = next((m for m in caller.inbox if m.status >= 200 and m.call_id == invite.call_id), None)
        if final is None:
            await asyncio.sleep(0.001)
            continue
        outcome = outcome or final
    final = await caller.response(invite)
    caller.ack_failure(invite, final)
    assert final.status < 500 or final.status == 503, (final, body[:200])
    caller.inbox.clear()
    return outcome


def media_lines(body: bytes) -> int:
    return len(re.findall(rb"^m=", body, re.MULTILINE))


@needs_corpus
@pytest.mark.parametrize("media_proxy", ["all", "none"])
def test_p6_every_good_body_passes_with_its_media_lines(start: ServerFactory, media_proxy: str) -> None:
    async def scenario(server: PbxServer) -> dict[str, int]:
        outcomes = {"passed": 0, "refused": 0}
        async with Agent("1001", server.address) as caller, Agent("1002", server.address) as callee:
            await callee.register(expires=50)
            for row in index("sdp"):
                if row["expect"] != "ok" or row["bytes"] > 20_000:
                    continue
                body = (CORPUS / row["file"]).read_bytes()
                there = await offered(caller, callee, body)
                if there.is_response:
                    assert there.status == 488, (row["file"], there)
                    assert media_proxy != "none", row["file"]
                    outcomes["refused"] += 1
                    continue
                outcomes["passed"] += 1
                if media_proxy == "none":
                    assert there.body == body, row["file"]
                else:
                    assert there.body.startswith(b"v=0\r\n"), row["file"]
                    assert media_lines(there.body) == len(row["media"]), row["file"]
                    assert b"\r\n\r\n" not in there.body, row["file"]
        return outcomes

    server = start(OPEN | QUICK | {"media_proxy": media_proxy, "audio_codecs": EVERY_CODEC})
    outcomes = asyncio.run(scenario(server))
    assert outcomes["passed"] > outcomes["refused"], outcomes


@pytest.mark.parametrize(
    "line",
    [
        "X-Plain: value",
        "X-Odd-Case-aBc:no space",
        "X-Blanks:    many   inner  blanks",
        'X-Signs: "quoted \\" text" <sip:a@b>;c=d, e',
        "X-Utf8: Grüße, 你好",
        "X-Empty:",
    ],
)
def test_p3_custom_header_reaches_the_other_leg_octet_for_octet(start: ServerFactory, line: str) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as caller, Agent("1002", server.address) as callee:
            await callee.register()
            octets = caller.make("INVITE", "1002").to_bytes()
            caller.send_bytes(octets.replace(b"\r\nContact:", b"\r\n" + line.encode() + b"\r\nContact:"))
            incoming = await callee.request("INVITE")
            name, _, value = line.encode().partition(b":")
            found = re.search(rb"\r\n" + re.escape(name) + rb"[ \t]*:([^\r\n]*)", incoming.octets)
            assert found, incoming.octets
            assert found.group(1).strip() == value.strip()
            callee.answer(incoming, 486, tag="busy")
            await callee.request("ACK")
            final = await caller.wait_for(lambda message: message.status >= 200)
            caller.ack_failure(Message.parse(octets), final)

    asyncio.run(scenario(start(OPEN | QUICK)))


class Audio(asyncio.DatagramProtocol):
    """One RTP socket."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(data)

    @staticmethod
    def packet(sequence: int) -> bytes:
        return (
            b"\x80\x00"
            + sequence.to_bytes(2, "big")
            + (160 * sequence).to_bytes(4, "big")
            + b"pbx!"
            + b"\xd5" * 160
        )


async def audio_socket(port: int) -> tuple[asyncio.DatagramTransport, Audio]:
    return await asyncio.get_running_loop().create_datagram_endpoint(Audio, local_addr=("127.0.0.1", port))


@needs_corpus
def test_p10_no_packet_of_the_corpus_harms_a_session(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        first = free_port(span=4)
        async with Agent("1001", server.address) as caller, Agent("1002", server.address) as callee:
            await callee.register()
            there, here = await call(caller, callee, rtp=(first, first + 2))
            from_caller, _ = await audio_socket(first)
            to_callee, heard = await audio_socket(first + 2)
            stranger, _ = await audio_socket(free_port())
            relay = ("127.0.0.1", there.remote_port)
            for sequence in range(1, 11):
                from_caller.sendto(Audio.packet(sequence), relay)
                await asyncio.sleep(0.005)
            for row in index("packet"):
                octets = (CORPUS / row["file"]).read_bytes()
                for sender in (stranger, from_caller):
                    sender.sendto(octets, relay)
                    sender.sendto(octets, (relay[0], relay[1] + 1))
                await asyncio.sleep(0.001)
            before = len(heard.heard)
            for sequence in range(11, 61):
                from_caller.sendto(Audio.packet(sequence), relay)
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.1)
            ours = [data for data in heard.heard[before:] if data[8:12] == b"pbx!"]
            assert len(ours) == 50, len(ours)
            for transport in (from_caller, to_callee, stranger):
                transport.close()
            await hang_up(there, here)

    asyncio.run(scenario(start(OPEN | QUICK | {"media_proxy": "all"})))
