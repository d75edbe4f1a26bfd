"""Two baresip phones register, call each other and hear each other: judged by the tone in what each recorded."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.baresip import Baresip
from tests.e2e.conftest import QUICK, ServerFactory
from tests.e2e.ports import free_port
from tests.e2e.server import PASSWORD, PbxServer, md5_users
from tests.e2e.streams import make_pair
from tests.e2e.tone import seconds_with_tone

LOW, HIGH = 440, 880
TALK_SECONDS = 2.5


def port_of(server: PbxServer, transport: str) -> int:
    """Where phones of this transport find the server."""
    return server.tls_port if transport == "tls" else server.port


async def talk(alice: Baresip, bob: Baresip, server: PbxServer, *, caller_hangs_up: bool) -> None:
    """One call from alice to bob. The phones' own events say when it is up and when it is over."""
    calls = alice.seen("CALL_CLOSED")
    await alice.command(
        "dial", f"sip:{bob.user}@127.0.0.1:{port_of(server, alice.transport)};transport={alice.transport}"
    )
    await alice.wait("CALL_ESTABLISHED", count=calls + 1)
    await bob.wait("CALL_ESTABLISHED", count=calls + 1)
    await asyncio.sleep(TALK_SECONDS)
    await (alice if caller_hangs_up else bob).command("hangup")
    await alice.wait("CALL_CLOSED", count=calls + 1)
    await bob.wait("CALL_CLOSED", count=calls + 1)


async def both_registered(server: PbxServer) -> None:
    """The phones' own events may have gone out before anybody listened, so the server is asked."""
    async with asyncio.timeout(10):
        while server.health()["sipserver"]["registrations"] < 2:
            await asyncio.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("media_proxy", ["all", "none"])
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_two_phones_hear_each_other_and_leave_nothing_behind(
    start: ServerFactory, peer: Callable[[str], None], tmp_path: Path, transport: str, media_proxy: str
) -> None:
    peer("baresip")

    async def scenario(server: PbxServer) -> None:
        alice = Baresip(tmp_path / "alice", user="1001", hertz=LOW, transport=transport)
        bob = Baresip(tmp_path / "bob", user="1002", hertz=HIGH, transport=transport)
        for phone in (alice, bob):
            phone.configure(domain=f"127.0.0.1:{port_of(server, transport)}", password=PASSWORD)
        async with alice, bob:
            await both_registered(server)
            for caller_hangs_up in (True, False):
                await talk(alice, bob, server, caller_hangs_up=caller_hangs_up)
                server.assert_at_rest()
        for phone, theirs in ((alice, HIGH), (bob, LOW)):
            rate, samples = phone.heard()
            assert seconds_with_tone(samples, theirs, rate) > 2 * TALK_SECONDS * 0.8, (
                phone.user,
                len(samples),
            )
            assert seconds_with_tone(samples, phone.hertz, rate) == 0, phone.user

    proxy = QUICK | {"media_proxy": media_proxy, "user_backends": md5_users("1001", "1002")}
    top = make_pair(tmp_path, "pbx") if transport == "tls" else {}
    server = start(proxy | ({"tls_port": free_port()} if transport == "tls" else {}), top)
    asyncio.run(scenario(server))
    relayed = server.health()["media"].get("packets")
    assert relayed is None or (relayed > 0) == (media_proxy == "all")
    server.assert_at_rest(6.4 + 5, transactions=True)
