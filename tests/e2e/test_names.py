"""Targets known by name, and resolvers that are of no help (reliability F3, RFC 3263)."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.e2e.agent import Agent, Dialog, call, hang_up, sdp
from tests.e2e.conftest import OPEN, ServerFactory
from tests.e2e.resolver import SRV, A, Answers, Resolver, address, service
from tests.e2e.server import PbxServer

ROUTER = Path(__file__).with_name("routers") / "by_name.py"
# What was sent to a server that is not there is awaited for as long as its transaction runs.
PROXY = {**OPEN, "router": str(ROUTER), "t1_timer": 100, "t1x64_timer": 1600}
SECONDS = 5


def silent(_name: str, _kind: int) -> None:
    return None


def nothing(_name: str, _kind: int) -> list[bytes]:
    return []


def two_hundred(_name: str, kind: int) -> list[bytes]:
    """Addresses nobody can be called at."""
    lies = ["0.0.0.0", "255.255.255.255", *(f"224.0.0.{number}" for number in range(1, 199))]
    return [address(lie) for lie in lies] if kind == A else []


@pytest.mark.parametrize(
    ("answers", "delay"), [(silent, 0), (nothing, 10), (nothing, 0), (two_hundred, 0)],
    ids=["silent", "after ten seconds", "no such name", "two hundred lies"],
)  # fmt: skip
def test_f3_that_call_ends_in_time_and_no_other_notices(
    start: ServerFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: Answers, delay: float
) -> None:
    async def scenario() -> None:
        async with Resolver(answers, delay=delay) as resolver:
            server = _start(start, tmp_path, monkeypatch, resolver)
            async with (
                Agent("1001", server.address) as alice,
                Agent("1002", server.address) as bob,
                Agent("1003", server.address) as carol,
            ):
                await bob.register()
                invite = carol.send(carol.make("INVITE", "outside", body=sdp(4000)))
                began = time.monotonic()
                setup = []
                for _ in range(20):
                    at = time.monotonic()
                    there, here = await call(alice, bob)
                    setup.append(time.monotonic() - at)
                    await hang_up(there, here)
                answer = await carol.response(invite, seconds=SECONDS)
                assert 400 <= answer.status < 600, answer
                assert time.monotonic() - began < SECONDS
                carol.ack_failure(invite, answer)
                assert sorted(setup)[-2] < 0.2, setup
                assert resolver.asked, "nobody was asked"

    asyncio.run(scenario())


def test_f3_the_second_server_of_a_name_takes_the_call(
    start: ServerFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        ports: list[int] = []

        def answers(name: str, kind: int) -> list[bytes]:
            if (name, kind) == ("_sip._udp.phones.test", SRV):
                # Nobody listens on port 9; the second one is Bob.
                return [service(1, 9, "a.phones.test"), service(2, ports[0], "b.phones.test")]
            return (
                [address("127.0.0.1")]
                if kind == A and name.endswith(".phones.test") and name[0] in "ab"
                else []
            )

        async with Resolver(answers) as resolver:
            server = _start(start, tmp_path, monkeypatch, resolver)
            async with Agent("1001", server.address) as alice, Agent("1002", server.address) as bob:
                ports.append(bob.port)
                invite = alice.send(alice.make("INVITE", "outside", body=sdp(4000)))
                arrived = await bob.request("INVITE", SECONDS)
                assert arrived.uri.startswith("sip:1002@phones.test")
                answer = bob.answer(arrived, 200, "OK", tag="bob", body=sdp(4002))
                accepted = await alice.response(invite)
                assert accepted.status == 200
                there = Dialog.of_caller(alice, invite, accepted)
                there.ack()
                await bob.request("ACK")
                await hang_up(there, Dialog.of_callee(bob, arrived, answer))

    asyncio.run(scenario())


def _start(
    start: ServerFactory, directory: Path, monkeypatch: pytest.MonkeyPatch, resolver: Resolver
) -> PbxServer:
    path = directory / "resolv.conf"
    path.write_text(f"nameserver [127.0.0.1]:{resolver.port}\n", encoding="utf-8")
    monkeypatch.setenv("PBX_RESOLV_CONF", str(path))
    return start(PROXY)
