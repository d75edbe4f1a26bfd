"""Reference call flows: ladders in text, played against a live server and compared message by message.

A line is one message as one agent sends (`>`) or receives (`<`) it, in order:

    alice > INVITE bob sdp          the first request of a call; inside it: `alice > INVITE sdp=sendonly`
    alice < 407                     the next response to the request sent last
    alice > INVITE again            the same request with credentials
    bob < INVITE sdp                a request; `sdp` and `nosdp` say what its body must be
    bob > 200 sdp                   the answer to it
    alice < NOTIFY body~"200 OK"    `Name~text` and `body~text`: what must stand there; `Name=value`: what is sent

`alice.2` is a second call of alice. Via, Call-ID, tags, Contact and Record-Route are the server's own on each leg, so
they are checked for being there, not for their values. Lines of dashes and comments (`#`) mean nothing.
"""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.e2e.agent import Agent, Dialog, Message, sdp, tag_of

FLOWS = Path(__file__).parent / "flows"
EVERY = ("Via", "From", "To", "Call-ID", "CSeq", "Content-Length")
REQUESTS = {
    "INVITE": ("Max-Forwards", "Contact", "Allow", "Supported"),
    "ACK": ("Max-Forwards",),
    "BYE": ("Max-Forwards",),
    "CANCEL": ("Max-Forwards",),
    "NOTIFY": ("Max-Forwards", "Contact", "Event", "Subscription-State"),
    "REFER": ("Max-Forwards", "Contact", "Refer-To"),
    "MESSAGE": ("Max-Forwards",),
}
"""Headers a request must have (RFC 3261 table 2, RFC 3515 table 1)."""
PHRASES = {
    100: "Trying", 180: "Ringing", 200: "OK", 202: "Accepted", 401: "Unauthorized",
    407: "Proxy Authentication Required", 408: "Request Timeout", 480: "Temporarily Unavailable", 486: "Busy Here",
    487: "Request Terminated",
}  # fmt: skip
"""Reason phrases as the ladders draw them."""
RESPONSES = {401: ("WWW-Authenticate",), 407: ("Proxy-Authenticate",), 202: ("Contact",)}


@dataclass
class Step:
    """One line of a ladder."""

    line: str
    agent: str
    sends: bool
    what: str
    words: list[str]

    @classmethod
    def parse(cls, line: str) -> "Step":
        agent, way, what, *words = shlex.split(line)
        assert way in "<>", line
        return cls(line, agent, way == ">", what, words)

    @property
    def status(self) -> int:
        return int(self.what) if self.what.isdigit() else 0

    def pairs(self, sign: str) -> list[tuple[str, str]]:
        found = (re.fullmatch(rf"([A-Za-z-]+){sign}(.*)", word) for word in self.words)
        return [(pair.group(1), pair.group(2)) for pair in found if pair]


@dataclass
class Leg:
    """What one agent knows of one call."""

    agent: Agent
    dialog: Dialog | None = None
    asked: dict[str, Message] = field(default_factory=dict)
    """Requests sent, the last of each method."""
    last: Message | None = None
    heard: dict[str, Message] = field(default_factory=dict)
    """Requests received, the last of each method."""
    received: Message | None = None
    response: Message | None = None
    call_id: str = ""
    seen: set[bytes] = field(default_factory=set)
    """Octets received: what comes again is a copy."""


class Ladder:
    """One flow being played."""

    def __init__(self, agents: dict[str, Agent]) -> None:
        self.agents = agents
        self.legs: dict[str, Leg] = {}

    async def play(self, steps: list[Step]) -> None:
        for step in steps:
            leg = self.legs.setdefault(step.agent, Leg(self.agents[step.agent.split(".")[0]]))
            try:
                if step.sends:
                    self._send(step, leg)
                else:
                    self._check(step, await self._receive(step, leg))
            except AssertionError as error:
                raise AssertionError(f"at `{step.line}`: {error}") from error

        self.assert_told()

    # Sending.

    def _send(self, step: Step, leg: Leg) -> None:
        if step.status:
            return self._answer(step, leg)
        if step.what == "ACK":
            return self._acknowledge(step, leg)
        if step.words[:1] == ["again"]:
            assert leg.last is not None
            assert leg.response is not None
            leg.agent.repeat_with_credentials(leg.last, leg.response)
            return None
        leg.last = leg.asked[step.what] = self._request(step, leg)
        leg.agent.send(leg.last)
        return None

    def _request(self, step: Step, leg: Leg) -> Message:
        headers = [(name, self._filled(value)) for name, value in step.pairs("=") if name != "sdp"]
        body = self._body(step)
        if step.what == "CANCEL":
            invite = leg.asked["INVITE"]
            kept = [
                (n, v)
                for n, v in invite.headers
                if n.lower() in ("via", "from", "to", "call-id", "max-forwards")
            ]
            return Message(f"CANCEL {invite.uri} SIP/2.0", [*kept, ("CSeq", f"{invite.cseq_number} CANCEL")])
        if leg.dialog is not None:
            if step.what == "REFER":
                headers.append(("Contact", leg.agent.contact))
            return leg.dialog.make(step.what, headers=headers, body=body)
        to = next((word for word in step.words if word in self.agents or word.isdigit()), leg.agent.user)
        user = self.agents[to].user if to in self.agents else to
        return leg.agent.make(step.what, user, headers=headers, body=body)

    def _answer(self, step: Step, leg: Leg) -> None:
        request = next((leg.heard[word] for word in step.words if word in leg.heard), leg.received)
        assert request is not None
        reply = leg.agent.reply(
            request, step.status, PHRASES[step.status],
            tag=f"{leg.agent.user}-tag", headers=step.pairs("="), body=self._body(step),
        )  # fmt: skip
        reply.headers = [(name, value) for name, value in reply.headers if name != "sdp"]
        leg.agent.send(reply, request.source)
        if request.method == "INVITE" and 200 <= step.status < 300 and leg.dialog is None:
            leg.dialog = Dialog.of_callee(leg.agent, request, reply)

    def _acknowledge(self, step: Step, leg: Leg) -> None:
        invite, response = leg.asked["INVITE"], leg.response
        assert response is not None
        if response.status >= 300:
            leg.agent.ack_failure(invite, response)
        else:
            assert leg.dialog is not None
            leg.dialog.ack(invite.cseq_number, self._body(step))

    def _body(self, step: Step) -> bytes:
        if "sdp" in step.words:
            return sdp(4000)
        direction = dict(step.pairs("=")).get("sdp", "")
        return sdp(4000, direction=direction, version=2) if direction else b""

    def _filled(self, value: str) -> str:
        """`{bob}` is his URI, `{alice.2}` the dialog of that call as Replaces names it to its other side."""

        def fill(found: re.Match[str]) -> str:
            name = found.group(1)
            if name in self.agents:
                return self.agents[name].uri(self.agents[name].user)
            dialog = self.legs[name].dialog
            assert dialog is not None
            text = f"{dialog.call_id};to-tag={tag_of(dialog.remote)};from-tag={tag_of(dialog.local)}"
            return quote(text, safe="")

        return re.sub(r"\{([a-z.0-9]+)\}", fill, value)

    # Receiving.

    async def _receive(self, step: Step, leg: Leg) -> Message:
        message = await self._next(leg, is_trying=step.what == "100")
        if step.status:
            asked = next((leg.asked[word] for word in step.words if word in leg.asked), leg.last)
            assert asked is not None
            assert message.start == f"SIP/2.0 {step.status} {PHRASES[step.status]}", f"{message!r} came"
            _answers(message, asked)
            leg.response = message
            if asked.method == "INVITE" and 200 <= step.status < 300 and leg.dialog is None:
                leg.dialog = Dialog.of_caller(leg.agent, asked, message)
            return message
        assert message.method == step.what, f"{message!r} came"
        self._addresses(message, leg)
        leg.heard[step.what] = message
        if step.what != "ACK":
            leg.received = message
        return message

    async def _next(self, leg: Leg, *, is_trying: bool) -> Message:
        """The next message of the call, copies of earlier ones aside; 100 is of one hop and need not be drawn."""
        while True:
            message = await leg.agent.wait_for(lambda message: self._is_of(message, leg), 10, "message")
            leg.call_id = message.call_id
            is_new = message.octets not in leg.seen
            leg.seen.add(message.octets)
            if is_new and (is_trying or message.status != 100):
                return message

    def _is_of(self, message: Message, leg: Leg) -> bool:
        mine = leg.last.call_id if leg.last is not None else leg.call_id
        others = {
            other.call_id for other in self.legs.values() if other is not leg and other.agent is leg.agent
        }
        return message.call_id == mine if mine else message.call_id not in others

    def _addresses(self, message: Message, leg: Leg) -> None:
        """A request names the agent it is for, at his address."""
        wanted = f"sip:{leg.agent.user}@127.0.0.1:{leg.agent.port}"
        uri = message.uri.split(";")[0]
        assert message.start == f"{message.method} {message.uri} SIP/2.0", f"{message!r} came"
        assert uri == wanted, f"Request-URI {message.uri} instead of {wanted}"

    def assert_told(self) -> None:
        """Nobody got anything that is not drawn."""
        for leg in self.legs.values():
            extra = [
                m
                for m in leg.agent.inbox
                if self._is_of(m, leg) and m.octets not in leg.seen and m.status != 100
            ]
            assert not extra, f"not drawn: {extra}"

    def _check(self, step: Step, message: Message) -> None:
        method = message.cseq.split()[1]
        wanted = [
            *EVERY,
            *(RESPONSES.get(message.status, ()) if message.is_response else REQUESTS.get(method, ())),
        ]
        if method == "INVITE" and 200 <= message.status < 300:
            wanted += ["Contact", "Allow", "Supported"]
        missing = [name for name in wanted if not message.all(name)]
        assert not missing, f"{message!r} lacks {missing}"
        if not message.is_response or message.status > 100:
            assert message.is_response is False or message.to_tag, f"{message!r} has no To tag"
        for name, text in step.pairs("~"):
            value = message.body.decode() if name == "body" else ", ".join(message.all(name))
            assert text in value, f"{name} is {value!r}"
        assert "sdp" not in step.words or b"m=audio" in message.body, f"{message!r} has no description"
        assert "nosdp" not in step.words or not message.body, f"{message!r} has a body"


def _answers(response: Message, request: Message) -> None:
    """A response says whose answer it is (RFC 3261 section 8.2.6.2)."""
    for name in ("from", "call-id", "cseq"):
        assert response.header(name) == request.header(name), f"{name} of {response!r}"
    assert response.branch == request.branch, f"Via of {response!r}"
    assert response.header("to").startswith(request.header("to")), f"To of {response!r}"


def load(path: Path) -> tuple[str, dict[str, str], list[Step]]:
    """Title, settings (`name: value` lines before the first step) and steps of a flow."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    title = lines[0].lstrip("# ")
    settings = dict(line.split(": ", 1) for line in lines if re.match(r"[a-z_]+: ", line))
    steps = [Step.parse(line) for line in lines if re.match(r"[a-z]+(\.\d)? [<>] ", line)]
    return title, settings, steps
