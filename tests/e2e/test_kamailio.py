"""Kamailio as the proxy between a phone and the server: Record-Route is followed both ways (RFC 3261 section 12.2).

And as a client of the registrar, with a phone of its own behind it.
"""

import asyncio
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.agent import Agent, Dialog, Message, sdp
from tests.e2e.conftest import OPEN, QUICK, ServerFactory
from tests.e2e.ports import free_port
from tests.e2e.server import PASSWORD, PbxServer, md5_users

CONFIG = Path(__file__).with_name("kamailio.cfg")
CLIENT = Path(__file__).with_name("kamailio_client.cfg")


ACCOUNT = (
    "1:desk:1002:127.0.0.1:1002:127.0.0.1:127.0.0.1:1002:{password}::sip\\:127.0.0.1\\:{server}:60:0:0::"
)
"""What the text database says of the account Kamailio registers, in the order of the table's columns."""
TABLES = Path("/usr/share/kamailio/dbtext/kamailio")


@contextmanager
def kamailio(directory: Path, config: Path, **values: object) -> Iterator[int]:
    """A running Kamailio; its port. `values` replace the words of its configuration."""
    port = free_port()
    text = config.read_text(encoding="utf-8")
    for name, value in {"PORT": port, "DIRECTORY": directory, **values}.items():
        text = re.sub(rf"\b{name}\b", str(value), text)
    path = directory / "kamailio.cfg"
    path.write_text(text, encoding="utf-8")
    options = f"-DD -E -x tlsf -m 32 -M 8 -f {path} -Y {directory} -P {directory}/pid"
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

    with kamailio(tmp_path, CONFIG) as port:
        asyncio.run(scenario(port))


class Behind(Agent):
    """A phone that sends everything by way of its outbound proxy."""

    proxy: tuple[str, int]

    def send_bytes(self, octets: bytes, to: tuple[str, int] | None = None) -> None:
        super().send_bytes(octets, to or self.proxy)


async def registered(server: PbxServer, seconds: float = 15) -> None:
    """Wait until a client has bound itself."""
    async with asyncio.timeout(seconds):
        while not server.health()["sipserver"]["registrations"]:
            await asyncio.sleep(0.05)


def test_a_kamailio_that_registers_with_digest_is_called_and_calls(
    start: ServerFactory, peer: Callable[[str], None], tmp_path: Path
) -> None:
    peer("kamailio")
    server = start(QUICK | {"user_backends": md5_users("1001", "1002")})
    shutil.copy(TABLES / "version", tmp_path)
    columns = (TABLES / "uacreg").read_text(encoding="utf-8").replace("(string)", "(string,null)")
    row = ACCOUNT.format(password=PASSWORD, server=server.port)
    (tmp_path / "uacreg").write_text(f"{columns.rstrip()}\n{row}\n", encoding="utf-8")

    async def scenario(port: int, phone: Agent) -> None:
        between = ("127.0.0.1", port)
        await registered(server)
        async with Agent("1001", server.address) as alice:
            await alice.register()
            # To the account: by way of Kamailio to the phone behind it.
            invite = alice.make("INVITE", "1002", body=sdp(4000))
            asking = asyncio.ensure_future(alice.ask(invite))
            rung = await phone.request("INVITE")
            assert rung.source == between
            answer = phone.answer(rung, 200, "OK", tag="phone", body=sdp(4002))
            accepted = await asking
            assert accepted.status == 200, accepted
            there, here = Dialog.of_caller(alice, invite, accepted), Dialog.of_callee(phone, rung, answer)
            there.ack()
            acknowledged = await phone.request("ACK")
            assert acknowledged.source == between
            routes = rung.all("record-route")
            bye = phone.send(routed(here.make("BYE"), routes), between)
            alice.answer(await alice.request("BYE"), 200, "OK")
            assert (await phone.response(bye)).status == 200
            # And from the phone behind it, as that account.
            invite = phone.make("INVITE", "1001", body=sdp(4002))
            asking = asyncio.ensure_future(phone.ask(invite))
            rung = await alice.request("INVITE")
            assert "1002" in rung.header("from")
            answer = alice.answer(rung, 200, "OK", tag="alice", body=sdp(4000))
            accepted = await asking
            assert accepted.status == 200, accepted
            routes = list(reversed(accepted.all("record-route")))
            there, here = Dialog.of_caller(phone, invite, accepted), Dialog.of_callee(alice, rung, answer)
            phone.send(routed(there.make("ACK", cseq=invite.cseq_number), routes), between)
            await alice.request("ACK", call_id=rung.call_id)
            bye = alice.send(here.make("BYE"))
            ended = await phone.request("BYE", call_id=invite.call_id)
            assert ended.source == between
            phone.answer(ended, 200, "OK")
            assert (await alice.response(bye)).status == 200

    async def run() -> None:
        phone_port = free_port()
        with kamailio(tmp_path, CLIENT, SERVER=server.port, PHONE=phone_port) as port:
            phone = Behind("1002", server.address, local=("127.0.0.1", phone_port))
            phone.proxy = ("127.0.0.1", port)
            async with phone:
                await scenario(port, phone)

    asyncio.run(run())
    assert server.health()["sipserver"]["calls"] == 0
