"""Requests inside an established call."""

import asyncio
from typing import Self

from tests.e2e.agent.message import Headers, Message
from tests.e2e.agent.sdp import audio_port, sdp
from tests.e2e.agent.user_agent import Agent


class Dialog:
    """One side of an established call: what is needed to send requests inside it."""

    def __init__(
        self, agent: Agent, *, local: str, remote: str, call_id: str, target: str, cseq: int = 1
    ) -> None:
        self.agent = agent
        self.local = local
        self.remote = remote
        self.call_id = call_id
        self.target = target
        self.cseq = cseq
        self.remote_port = 0
        """Port of the audio the other side offered or answered with."""

    @classmethod
    def of_caller(cls, agent: Agent, invite: Message, answer: Message) -> Self:
        return cls(
            agent, local=invite.header("from"), remote=answer.header("to"), call_id=invite.call_id,
            target=answer.contact_uri, cseq=invite.cseq_number,
        )  # fmt: skip

    @classmethod
    def of_callee(cls, agent: Agent, invite: Message, answer: Message) -> Self:
        return cls(
            agent, local=answer.header("to"), remote=invite.header("from"), call_id=invite.call_id,
            target=invite.contact_uri, cseq=100,
        )  # fmt: skip

    def make(self, method: str, *, cseq: int = 0, headers: Headers = (), body: bytes = b"") -> Message:
        """A request inside the dialog; ACK takes the CSeq it is given."""
        if not cseq:
            self.cseq += 1
            cseq = self.cseq
        lines = [
            ("Via", self.agent.via()), ("Max-Forwards", "70"), ("From", self.local), ("To", self.remote),
            ("Call-ID", self.call_id), ("CSeq", f"{cseq} {method}"),
        ]  # fmt: skip
        if method in ("INVITE", "UPDATE"):
            lines.append(("Contact", self.agent.contact))
        if body:
            lines.append(("Content-Type", "application/sdp"))
        return Message(f"{method} {self.target} SIP/2.0", [*lines, *headers], body)

    def ack(self, cseq: int = 0, body: bytes = b"") -> Message:
        return self.agent.send(self.make("ACK", cseq=cseq or self.cseq, body=body))

    async def ask(
        self, method: str, *, headers: Headers = (), body: bytes = b"", seconds: float = 5
    ) -> Message:
        request = self.agent.send(self.make(method, headers=headers, body=body))
        return await self.agent.response(request, seconds=seconds)


async def call(
    caller: Agent, callee: Agent, *, rtp: tuple[int, int] = (4000, 4002), user: str = ""
) -> tuple[Dialog, Dialog]:
    """Set a call up between two registered agents, ACKs and all; returns both sides."""
    invite = caller.make("INVITE", user or callee.user, body=sdp(rtp[0]))
    asking = asyncio.ensure_future(caller.ask(invite))
    incoming = await callee.request("INVITE")
    callee.answer(incoming, 180, "Ringing", tag="callee")
    answer = callee.answer(incoming, 200, "OK", tag="callee", body=sdp(rtp[1]))
    response = await asking
    assert response.status == 200, response
    there = Dialog.of_caller(caller, invite, response)
    there.ack()
    await callee.request("ACK", call_id=incoming.call_id)
    here = Dialog.of_callee(callee, incoming, answer)
    there.remote_port, here.remote_port = audio_port(response.body), audio_port(incoming.body)
    return there, here


async def hang_up(here: Dialog, there: Dialog) -> None:
    """BYE from `here`, answered `there`."""
    bye = here.agent.send(here.make("BYE"))
    arrived = await there.agent.request("BYE", call_id=there.call_id)
    there.agent.answer(arrived, 200, "OK")
    assert (await here.agent.response(bye)).status == 200
