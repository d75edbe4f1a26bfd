"""Kamailio as the proxy between a phone and the server: Record-Route is followed both ways (RFC 3261 section 12.2)."""

import asyncio
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.agent import Agent, Dialog, Message, sdp
from tests.e2e.conftest import OPEN, QUICK, ServerFactory
from tests.e2e.ports import free_port

CONFIG = Path(__file__).with_name("kamailio.cfg")


@contextmanager
def proxy(directory: Path) -> Iterator[int]:
    """A running Kamailio; its port."""
    port = free_port()
    config = directory / "kamailio.cfg"
    config.write_text(CONFIG.read_text(encoding="utf-8").replace("PORT", str(port)), encoding="utf-8")
    options = f"-DD -E -x tlsf -m 32 -M 8 -f {config} -Y {directory} -P {directory}/pid"
    command = ["kamailio", *options.split()]
    with (directory / "kamailio.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=10)


async def answers(agent: Agent, port: int) -> None:
    """Wait until the proxy relays."""
    for _ in range(100):
        probe = agent.send(agent.make("OPTIONS", "1001"), ("127.0.0.1", port))
        try:
            await agent.response(probe, seconds=0.1)
        except AssertionError:
            continue
        return
    raise AssertionError("Kamailio does not answer")


def routed(request: Message, routes: list[str]) -> Message:
    return Message(request.start, [*request.headers, *(("Route", route) for route in routes)], request.body)


def test_requests_inside_a_dialog_follow_the_recorded_route(
    start: ServerFactory, peer: Callable[[str], None], tmp_path: Path
) -> None:
    peer("kamailio")
    server = start(QUICK | OPEN)

    async def scenario(port: int) -> None:
        # Alice knows the proxy alone, Bob the server alone.
        async with Agent("1001", server.address) as alice, Agent("1002", server.address) as bob:
            await bob.register()
            await answers(alice, port)
            between = ("127.0.0.1", port)
            invite = alice.send(alice.make("INVITE", "1002", body=sdp(4000)), between)
            rung = await bob.request("INVITE")
            assert not rung.all("record-route"), "the route of one leg is not the other's affair"
            answer = bob.answer(rung, 200, "OK", tag="bob", body=sdp(4002))
            accepted = await alice.response(invite)
            assert accepted.status == 200
            routes = list(reversed(accepted.all("record-route")))
            assert len(routes) == 1
            there, here = Dialog.of_caller(alice, invite, accepted), Dialog.of_callee(bob, rung, answer)
            alice.send(routed(there.make("ACK", cseq=1), routes), between)
            await bob.request("ACK")
            # Behind her ACK on the same way: once it is answered, the server has both.
            probe = alice.send(routed(there.make("OPTIONS"), routes), between)
            assert (await alice.response(probe)).status == 200
            # A request of Bob's reaches Alice by way of the proxy, with the route taken off on the way.
            hold = bob.send(here.make("INVITE", body=sdp(4002, direction="sendonly", version=2)))
            held = await alice.request("INVITE")
            assert held.source == between
            assert not held.all("route")
            assert len(held.all("via")) == 2
            alice.send(
                alice.reply(held, 200, tag="", body=sdp(4000, direction="recvonly", version=2)), between
            )
            resumed = await bob.response(hold)
            assert resumed.status == 200
            here.ack(hold.cseq_number)
            acknowledged = await alice.request("ACK", call_id=held.call_id)
            assert acknowledged.source == between
            bye = alice.send(routed(there.make("BYE"), routes), between)
            bob.answer(await bob.request("BYE"), 200, "OK")
            assert (await alice.response(bye)).status == 200

    with proxy(tmp_path) as port:
        asyncio.run(scenario(port))
