"""MESSAGE, identity and addresses of one phone on the wire (RFC 3428, 3325, 5627; reliability A7, A11)."""

import asyncio
import re

import pytest

from tests.e2e.agent import Agent, Message
from tests.e2e.conftest import ServerFactory
from tests.e2e.server import PbxServer

FORGED = [
    ("P-Asserted-Identity", "<sip:boss@127.0.0.1>"),
    ("Remote-Party-ID", "<sip:boss@127.0.0.1>"),
    ("Diversion", "<sip:boss@127.0.0.1>"),
    ("X-Kept", "as  it is"),
]


def text(agent: Agent, to: str, *, uri: str = "", headers: list[tuple[str, str]] | None = None) -> Message:
    """A MESSAGE to a user, or to a URI."""
    kind = ("Content-Type", "text/plain;charset=utf-8")
    return agent.make("MESSAGE", to, uri=uri, headers=[*(headers or []), kind], body="grüß dich".encode())


async def asked(caller: Agent, callee: Agent, request: Message) -> Message:
    """The MESSAGE as the callee gets it; answered 200, which the caller sees."""
    waiting = asyncio.create_task(caller.ask(request))
    arrived = await callee.request("MESSAGE")
    callee.answer(arrived, 200, "OK", tag="callee")
    assert (await waiting).status == 200
    return arrived


def test_message_of_a_proven_user_reaches_the_callee_with_his_identity_alone(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as caller, Agent("1002", server.address) as callee:
            await callee.register()
            arrived = await asked(caller, callee, text(caller, "1002", headers=FORGED))
            assert arrived.body == "grüß dich".encode()
            assert arrived.header("content-type") == "text/plain;charset=utf-8"
            assert not arrived.all("contact")
            assert arrived.all("p-asserted-identity") == ["<sip:1001@127.0.0.1>"]
            assert not arrived.all("remote-party-id") + arrived.all("diversion")
            assert arrived.header("x-kept") == "as  it is"
            hidden = await asked(caller, callee, text(caller, "1002", headers=[("Privacy", "id")]))
            assert "anonymous@anonymous.invalid" in hidden.header("from")
            assert not hidden.all("p-asserted-identity")

    asyncio.run(scenario(start()))


def test_message_to_an_absent_user_is_480_and_to_nobody_404(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as caller:
            assert (await caller.ask(text(caller, "1003"))).status == 480
            assert (await caller.ask(text(caller, "nobody"))).status == 404

    asyncio.run(scenario(start()))


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("MESSAGE", 407),
        ("SUBSCRIBE", 405),
        ("PUBLISH", 405),
        ("REFER", 403),
        ("INFO", 481),
        ("OPTIONS", 200),
        ("NOTIFY", 481),
        ("UPDATE", 481),
        ("PRACK", 481),
        ("JUMP", 501),
    ],
)
def test_a7_strangers_are_challenged_or_refused_and_nothing_is_relayed(
    start: ServerFactory, method: str, status: int
) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as stranger, Agent("1002", server.address) as callee:
            await callee.register()
            request = stranger.send(stranger.make(method, "1002"))
            assert (await stranger.response(request)).status == status
            await callee.silence(0.2, lambda message: bool(message.method))

    asyncio.run(scenario(start()))


def test_addresses_of_one_phone_lead_to_it_alone(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with (
            Agent("1001", server.address) as caller,
            Agent("1002", server.address) as desk,
            Agent("1002", server.address) as other,
        ):
            await other.register()
            instance = "urn:uuid:6f1d2c3b-0000-4000-8000-000000000001"
            contact = f'{desk.contact};+sip.instance="<{instance}>";reg-id=1'
            options = [("Supported", "path, outbound, gruu"), ("Contact", contact)]
            registered = await desk.ask(desk.make("REGISTER", "1002", headers=options))
            assert registered.header("require") == "outbound"
            given = dict(re.findall(r'(pub-gruu|temp-gruu)="([^"]+)"', ", ".join(registered.all("contact"))))
            assert given["pub-gruu"] == f"sip:1002@127.0.0.1:{server.port};gr={instance}"
            assert "1002" not in given["temp-gruu"]
            for uri in given.values():
                await asked(caller, desk, text(caller, "1002", uri=uri))
                await other.silence(0.2, lambda message: message.method == "MESSAGE")

    asyncio.run(scenario(start()))
