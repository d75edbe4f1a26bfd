"""Linphone phones register with SHA-256, call each other and baresip, and hear each other through the relay."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.baresip import Baresip
from tests.e2e.conftest import QUICK, ServerFactory
from tests.e2e.linphone import Linphone
from tests.e2e.ports import free_port
from tests.e2e.server import PASSWORD, PbxServer, md5_users
from tests.e2e.streams import make_pair
from tests.e2e.test_baresip import HIGH, LOW, TALK_SECONDS, both_registered, port_of
from tests.e2e.tone import seconds_with_tone

RELAYED = QUICK | {"media_proxy": "all"}
ESTABLISHED = r"Media streams established"
ENDED = r"Call \d+ with \S+ ended \(No error\)"


def assert_heard(phone: Linphone | Baresip, theirs: float, *, calls: int) -> None:
    """What it recorded is the other's tone, and never its own."""
    rate, samples = phone.heard()
    seconds = seconds_with_tone(samples, theirs, rate)
    assert seconds > calls * TALK_SECONDS * 0.8, (phone.user, seconds, len(samples))
    assert seconds_with_tone(samples, phone.hertz, rate) == 0, phone.user


async def talk(caller: Linphone, callee: Linphone, server: PbxServer, *, caller_hangs_up: bool) -> None:
    """One call, answered by hand. What the phones write says when it is up and when it is over."""
    calls = caller.seen(ENDED) + 1
    caller.dial(callee.user, port_of(server, caller.transport))
    await callee.wait(r"Receiving new incoming call", count=callee.seen(r"Receiving new incoming call") + 1)
    await caller.wait(r"ringing\.")
    callee.command("answer")
    await caller.wait(ESTABLISHED, count=calls)
    await callee.wait(ESTABLISHED, count=calls)
    await asyncio.sleep(TALK_SECONDS)
    (caller if caller_hangs_up else callee).command("terminate")
    await caller.wait(ENDED, count=calls)
    await callee.wait(ENDED, count=calls)


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_two_linphones_call_both_ways_and_hear_each_other(
    start: ServerFactory, peer: Callable[[str], None], tmp_path: Path, transport: str
) -> None:
    peer("linphonec")
    # Linphone compares the subject of the certificate with the address it was told.
    pair = make_pair(tmp_path, "pbx", subject="127.0.0.1") if transport == "tls" else {}
    server = start(RELAYED | ({"tls_port": free_port()} if transport == "tls" else {}), pair)

    async def scenario() -> None:
        alice = Linphone(tmp_path / "alice", user="1001", hertz=LOW, transport=transport)
        bob = Linphone(tmp_path / "bob", user="1002", hertz=HIGH, transport=transport)
        for phone in (alice, bob):
            phone.configure(
                address=f"127.0.0.1:{port_of(server, transport)}",
                password=PASSWORD,
                authority=pair.get("ssl_certificate", ""),
            )
        async with alice, bob:
            await both_registered(server)
            await talk(alice, bob, server, caller_hangs_up=False)
            server.assert_at_rest()
            await talk(bob, alice, server, caller_hangs_up=False)
            server.assert_at_rest()
            await talk(alice, bob, server, caller_hangs_up=True)
            server.assert_at_rest()
        assert_heard(alice, HIGH, calls=3)
        assert_heard(bob, LOW, calls=3)

    asyncio.run(scenario())
    health = server.health()
    assert health["media"]["packets"] > 0
    assert health["sipserver"]["registrations"] == 0, (
        "the phones took their bindings back when they were ended"
    )
    server.assert_at_rest(6.4 + 5, transactions=True)


@pytest.mark.slow
def test_linphone_over_tls_and_baresip_over_udp_hear_each_other(
    start: ServerFactory, peer: Callable[[str], None], tmp_path: Path
) -> None:
    peer("linphonec")
    peer("baresip")
    pair = make_pair(tmp_path, "pbx", subject="127.0.0.1")
    server = start(RELAYED | {"tls_port": free_port(), "user_backends": md5_users("1001", "1002")}, pair)

    async def scenario() -> None:
        alice = Linphone(tmp_path / "alice", user="1001", hertz=LOW, transport="tls")
        bob = Baresip(tmp_path / "bob", user="1002", hertz=HIGH)
        alice.configure(
            address=f"127.0.0.1:{server.tls_port}", password=PASSWORD, authority=pair["ssl_certificate"]
        )
        bob.configure(domain=f"127.0.0.1:{server.port}", password=PASSWORD)
        async with alice, bob:
            await both_registered(server)
            alice.dial("1002", server.tls_port)
            await alice.wait(ESTABLISHED)
            await bob.wait("CALL_ESTABLISHED")
            await asyncio.sleep(TALK_SECONDS)
            await bob.command("hangup")
            await alice.wait(ENDED)
            server.assert_at_rest()
            await bob.command("dial", f"sip:1001@127.0.0.1:{server.port}")
            await alice.wait(r"Receiving new incoming call")
            alice.command("answer")
            await bob.wait("CALL_ESTABLISHED", count=2)
            await asyncio.sleep(TALK_SECONDS)
            alice.command("terminate")
            await bob.wait("CALL_CLOSED", count=2)
            server.assert_at_rest()
        assert_heard(alice, HIGH, calls=2)
        assert_heard(bob, LOW, calls=2)

    asyncio.run(scenario())
    server.assert_at_rest(6.4 + 5, transactions=True)
