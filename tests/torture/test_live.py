"""The torture messages of RFC 4475 and RFC 5118 against a running server (reliability P1, P2).

Many of the files share a branch and would be retransmissions of each other, so each meets a fresh server.
"""

import asyncio
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.agent import Agent, Message
from tests.e2e.server import PbxServer

HERE = Path(__file__).parent
REALMS = [
    "example.com", "example.net", "example.org", "example.edu", "company.com", "services.example.com",
    "registrar.example.com", "sip.example.com", "host5.example.com", "host5.example.net", "ss1.example.net",
    "biloxi.example.com", "atlanta.example.com", "east.example.com", "example53.example.net",
]  # fmt: skip
CLOSED_AFTER = {"clerr.dat": 33.0, "ncl.dat": 2.0, "mcl01.dat": 2.0}
"""Streams that cannot be framed any further, and the seconds until they must be closed (30 s is the idle limit)."""
NEVER = {500, 505}
"""Not the fault of a lenient message, so never its outcome unless the index says so."""


def rows(name: str) -> list[dict[str, Any]]:
    index = tomllib.loads((HERE / name / "INDEX.toml").read_text(encoding="utf-8"))
    return [row | {"path": HERE / name / row["file"]} for row in index["message"]]


def is_for_stream(row: dict[str, Any]) -> bool:
    return row.get("top_via_transport") == "TCP" or row["file"] in {"dblreq.dat", *CLOSED_AFTER}


EVERY = [*rows("rfc4475"), *rows("rfc5118")]
CASES = [
    *(pytest.param(row, "udp", id=f"{row['file']}-udp") for row in EVERY),
    *(pytest.param(row, "tcp", id=f"{row['file']}-tcp") for row in EVERY if is_for_stream(row)),
]


def reply_port(octets: bytes) -> int:
    """Where a UDP answer goes: the port of the topmost Via."""
    found = re.search(
        rb"^(?:via|v)\s*:[^\r\n]*?UDP\s+(?:\[[^\]]*\]|[^:;\s]+)(?::(\d+))?",
        octets,
        re.IGNORECASE | re.MULTILINE,
    )
    return int(found.group(1) or 5060) if found else 5060


def assert_outcome(row: dict[str, Any], finals: list[Message]) -> None:
    statuses = {message.status for message in finals}
    is_response = row["path"].read_bytes().startswith(b"SIP/2.0 ")
    if is_response:
        assert not statuses, "a response was answered"
        return
    if not row["silence_ok"]:
        assert statuses, "no answer"
    assert not statuses & set(row["status_none"]), statuses
    if not row["status_any"]:
        return
    allowed = set(row["status_any"])
    if row["class"] == "lenient":
        assert all(status in allowed or status not in NEVER for status in statuses), statuses
    else:
        assert statuses <= allowed, statuses


@pytest.mark.parametrize(("row", "transport"), CASES)
def test_outcome_is_the_one_of_the_index(row: dict[str, Any], transport: str, tmp_path: Path) -> None:
    octets = row["path"].read_bytes()

    async def scenario(server: PbxServer) -> None:
        local = ("127.0.0.2", row.get("reply_port") or reply_port(octets))
        async with (
            Agent("tester", server.address, transport=transport, local=local) as sender,
            Agent("stranger", server.address) as stranger,
        ):
            sender.send_bytes(octets)
            found = await final(sender, seconds=0.3 if is_silent(row, transport) else 2)
            if found or not is_silent(row, transport):
                assert_outcome(row, [found] if found else [])
            if row["file"] == "dblreq.dat":
                await assert_second_request(sender, transport)
            if transport == "tcp" and row["file"] in CLOSED_AFTER:
                await sender.wait_closed(CLOSED_AFTER[row["file"]])
            options = stranger.send(stranger.make("OPTIONS", "anyone"))
            assert (await stranger.response(options, seconds=1)).status == 200

    proxy = {"modules": ["acl", "registrar", "call"], "realms": REALMS, "t1_timer": 50, "t1x64_timer": 400}
    with PbxServer(tmp_path, proxy) as server:
        asyncio.run(scenario(server))
        server.assert_at_rest(2)


def is_silent(row: dict[str, Any], transport: str) -> bool:
    """Whether no answer is right. On a stream a body that never comes is waited for."""
    return bool(row["silence_ok"]) or (transport == "tcp" and row["file"] == "clerr.dat")


async def assert_second_request(sender: Agent, transport: str) -> None:
    """Octets behind a datagram's message are nothing; on a stream they are the next request."""
    second = await final(sender, seconds=2 if transport == "tcp" else 0.3)
    if transport == "udp":
        assert second is None
    else:
        assert second is not None
        assert second.call_id == "dblreq.0ha0isnda977644900765@192.0.2.15"


async def final(agent: Agent, seconds: float) -> Message | None:
    """The next final response, or nothing within this time."""
    try:
        return await agent.wait_for(lambda message: message.status >= 200, seconds)
    except AssertionError:
        return None
