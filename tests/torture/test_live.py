"""The torture messages of RFC 4475 and RFC 5118 in datagrams to a running server (reliability P1, P2).

Many of the files share a branch and would be retransmissions of each other, so each meets a fresh server.
"""

import asyncio
import re
from pathlib import Path

import pytest

from tests.e2e.agent import Agent
from tests.e2e.server import PbxServer
from tests.torture.index import EVERY, HERE, PROXY, Row, assert_outcome, assert_served, final
from tests.torture.role import assert_role


def reply_port(octets: bytes) -> int:
    """Where a UDP answer goes: the port of the topmost Via."""
    found = re.search(
        rb"^(?:via|v)\s*:[^\r\n]*?UDP\s+(?:\[[^\]]*\]|[^:;\s]+)(?::(\d+))?",
        octets,
        re.IGNORECASE | re.MULTILINE,
    )
    return int(found.group(1) or 5060) if found else 5060


@pytest.mark.parametrize("row", EVERY, ids=lambda row: row["file"])
def test_outcome_in_a_datagram_is_the_one_of_the_index(row: Row, tmp_path: Path) -> None:
    octets = row["path"].read_bytes()

    async def scenario(server: PbxServer) -> None:
        local = ("127.0.0.2", row.get("reply_port") or reply_port(octets))
        async with (
            Agent("tester", server.address, local=local) as sender,
            Agent("stranger", server.address) as stranger,
        ):
            sender.send_bytes(octets)
            found = await final(sender, seconds=0.3 if row["silence_ok"] else 2)
            assert_outcome(row, found)
            if found is not None:
                await assert_role(row["file"], found, stranger)
            if row["file"] == "dblreq.dat":
                # Octets behind a datagram's message are nothing.
                await sender.silence(0.3, lambda message: message.status >= 200)
            await assert_served(stranger)

    with PbxServer(tmp_path, PROXY) as server:
        before = server.footprint()
        asyncio.run(scenario(server))
        server.assert_at_rest(2)
        server.assert_back_to(before)


def test_challenge_of_an_unknown_scheme_names_one_we_know(tmp_path: Path) -> None:
    octets = (HERE / "rfc4475" / "regaut01.dat").read_bytes()

    async def scenario(server: PbxServer) -> None:
        async with Agent("tester", server.address, transport="tcp") as sender:
            sender.send_bytes(octets)
            answer = await final(sender, seconds=2)
            assert answer is not None
            assert answer.status == 401
            assert all(value.startswith("Digest ") for value in answer.all("www-authenticate"))

    with PbxServer(tmp_path, {key: value for key, value in PROXY.items() if key != "modules"}) as server:
        asyncio.run(scenario(server))


def test_display_names_with_commas_are_judged_once_the_head_ends(tmp_path: Path) -> None:
    octets = (HERE / "rfc4475" / "baddn.dat").read_bytes() + b"\r\n"

    async def scenario(server: PbxServer) -> None:
        async with Agent("tester", server.address, transport="tcp") as sender:
            sender.send_bytes(octets)
            answer = await final(sender, seconds=2)
            assert answer is not None
            assert answer.status not in (500, 505)

    with PbxServer(tmp_path, PROXY) as server:
        asyncio.run(scenario(server))
