"""The torture messages on TCP connections to a running server (reliability P1, P2, S5)."""

import asyncio
import re
import time
from collections.abc import Iterator

import pytest

from tests.e2e.agent import Agent
from tests.e2e.server import PbxServer
from tests.torture.index import EVERY, PROXY, Row, assert_outcome, assert_served, final
from tests.torture.role import assert_role

IDLE_SECONDS = 30
"""A started message must be whole by then."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PbxServer]:
    with PbxServer(tmp_path_factory.mktemp("pbx"), PROXY) as running:
        before = running.footprint()
        yield running
        running.assert_back_to(before)


def declared_lengths(octets: bytes) -> list[bytes]:
    head = octets.partition(b"\r\n\r\n")[0]
    return re.findall(
        rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*$", head.replace(b"\r\n", b"\n")
    )


def is_framed(octets: bytes) -> bool:
    """Whether a stream shows where the message ends: one Content-Length, and it is a number."""
    lengths = declared_lengths(octets)
    return len(lengths) == 1 and lengths[0].isdigit()


def is_short(octets: bytes) -> bool:
    """Whether the rest of the head, or of the body that was declared, never comes."""
    _, end, body = octets.partition(b"\r\n\r\n")
    return not end or (is_framed(octets) and int(declared_lengths(octets)[0]) > len(body))


WHOLE = [
    row for row in EVERY if is_framed(row["path"].read_bytes()) and not is_short(row["path"].read_bytes())
]
UNFRAMED = [
    row for row in EVERY if not is_framed(row["path"].read_bytes()) and not is_short(row["path"].read_bytes())
]
SHORT = [row for row in EVERY if is_short(row["path"].read_bytes())]


@pytest.mark.parametrize("row", WHOLE, ids=lambda row: row["file"])
def test_outcome_on_a_stream_is_the_one_of_the_index(row: Row, server: PbxServer) -> None:
    async def scenario() -> None:
        async with (
            Agent("tester", server.address, transport="tcp") as sender,
            Agent("stranger", server.address) as stranger,
        ):
            sender.send_bytes(row["path"].read_bytes())
            found = await final(sender, seconds=0.2 if row["silence_ok"] else 2)
            assert_outcome(row, found)
            if found is not None:
                await assert_role(row["file"], found, stranger)
            if row["file"] == "dblreq.dat":
                # Octets behind a message are the next request.
                second = await final(sender, seconds=2)
                assert second is not None
                assert second.call_id == "dblreq.0ha0isnda977644900765@192.0.2.15"
            await assert_served(stranger)

    asyncio.run(scenario())
    # Of files that share a branch the next would be a retransmission before.
    server.assert_at_rest(2, transactions=True)


@pytest.mark.parametrize("row", UNFRAMED, ids=lambda row: row["file"])
def test_message_without_a_usable_length_is_refused_and_its_stream_closed(
    row: Row, server: PbxServer
) -> None:
    async def scenario() -> None:
        async with Agent("tester", server.address, transport="tcp") as sender:
            sender.send_bytes(row["path"].read_bytes())
            found = await final(sender, seconds=1)
            assert found is not None
            # RFC 3261 §18.3 wants a Content-Length on streams, whatever the index allows in a datagram.
            assert found.status == 400, found
            await sender.wait_closed(1)

    asyncio.run(scenario())
    server.assert_at_rest(2, transactions=True)


def test_stream_whose_message_never_ends_is_closed_at_the_limit(server: PbxServer) -> None:
    async def until_closed(row: Row) -> float:
        async with Agent("tester", server.address, transport="tcp") as sender:
            began_at = time.monotonic()
            sender.send_bytes(row["path"].read_bytes())
            await sender.wait_closed(IDLE_SECONDS + 3)
            assert not sender.inbox, row["file"]
            return time.monotonic() - began_at

    async def scenario() -> list[float]:
        return list(await asyncio.gather(*(until_closed(row) for row in SHORT)))

    assert {row["file"] for row in SHORT} == {"clerr.dat", "baddn.dat"}
    assert all(seconds > IDLE_SECONDS - 1 for seconds in asyncio.run(scenario()))
    server.assert_at_rest(2, transactions=True)
