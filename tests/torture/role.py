"""What the indexes ask of a server beyond the status: the text of `uas` and `registrar`, for the files that have any."""

import re
from collections.abc import Awaitable, Callable

from tests.e2e.agent import Agent, Message

Role = Callable[[Message, Agent], Awaitable[None]]


async def bindings_of(agent: Agent, user: str) -> list[str]:
    """Contacts a query shows."""
    to = ("To", f"<sip:{user}@example.com>")
    query = agent.make("REGISTER", user, uri="sip:example.com", headers=[to])
    query.headers = [(name, value) for name, value in query.headers if name != "Contact"]
    answer = await agent.response(agent.send(query))
    assert answer.status == 200, answer
    return answer.all("contact")


async def tells_methods(answer: Message, _: Agent) -> None:
    assert answer.status in (405, 501), answer
    assert "INVITE" in answer.header("allow")


async def is_no_register(answer: Message, agent: Agent) -> None:
    await tells_methods(answer, agent)
    assert await bindings_of(agent, "resource") == []


async def made_no_binding(answer: Message, agent: Agent) -> None:
    assert answer.status == 400, answer
    assert "host129" not in ", ".join(await bindings_of(agent, "user"))


async def is_of_no_dialog(answer: Message, _: Agent) -> None:
    assert answer.status == 481, answer


async def is_answered(answer: Message, _: Agent) -> None:
    assert answer.status == 200, answer


async def lists_the_unknown_extensions(answer: Message, _: Agent) -> None:
    listed = ", ".join(answer.all("unsupported"))
    for tag in (
        "nothingSupportsThis",
        "nothingSupportsThisEither",
        "noProxiesSupportThis",
        "norDoAnyProxiesSupportThis",
    ):
        assert re.search(rf"\b{tag}\b", listed), listed


async def names_the_body_type_it_takes(answer: Message, _: Agent) -> None:
    assert answer.status == 415, answer
    assert "application/sdp" in answer.header("accept")


async def answers_without_description(answer: Message, _: Agent) -> None:
    assert answer.status in (400, 406), answer
    assert not answer.body


async def keeps_two_nul_contacts(answer: Message, agent: Agent) -> None:
    assert answer.status == 200, answer
    contacts = ", ".join(answer.all("contact"))
    assert "<sip:%00@host5.example.com>" in contacts
    assert "<sip:%00%00@host5.example.com>" in contacts
    assert await bindings_of(agent, "null-") == []


def keeps_contact(user: str, wanted: str) -> Role:
    """The Contact stands as it was written, in the answer and in later queries."""

    async def kept(answer: Message, agent: Agent) -> None:
        assert answer.status == 200, answer
        for contacts in (answer.all("contact"), await bindings_of(agent, user)):
            assert any(re.search(wanted, contact) for contact in contacts), contacts

    return kept


ROLES: dict[str, Role] = {
    "wsinv.dat": is_of_no_dialog,
    "intmeth.dat": tells_methods,
    "esc02.dat": is_no_register,
    "escnull.dat": keeps_two_nul_contacts,
    "scalar02.dat": made_no_binding,
    "lwsdisp.dat": is_answered,
    "bext01.dat": lists_the_unknown_extensions,
    "invut.dat": names_the_body_type_it_takes,
    "zeromf.dat": is_answered,
    "cparam01.dat": keeps_contact(
        "watson", r"^<?sip:\+19725552222@gw1\.example\.net(>|(?=;));unknownparam\b"
    ),
    "cparam02.dat": keeps_contact("watson", r"<sip:\+19725552222@gw1\.example\.net;unknownparam>"),
    "regescrt.dat": keeps_contact("user", r"<sip:user@example\.com\?Route=%3Csip:sip\.example\.com%3E>"),
    "sdp01.dat": answers_without_description,
    "regaut01.dat": is_answered,
    "via-received-param-with-delim.dat": is_of_no_dialog,
}


async def assert_role(file: str, answer: Message, agent: Agent) -> None:
    """`agent` asks the server what has come of the message."""
    if file in ROLES:
        await ROLES[file](answer, agent)
