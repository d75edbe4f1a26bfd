"""A SIP peer under the test's full control: raw messages over UDP or TCP, read and written by code of its own.

Nothing here uses the product's parser, so a fault in that cannot hide itself, and nothing happens by itself: no
retransmission, no answer, no ACK that the test did not ask for.
"""

import asyncio
import hashlib
import itertools
import re
import secrets
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self, cast

COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
    "k": "supported", "s": "subject", "e": "content-encoding",
}  # fmt: skip
Headers = Iterable[tuple[str, str]]
_numbers = itertools.count(1)


def new_branch() -> str:
    return f"z9hG4bK-{next(_numbers)}-{secrets.token_hex(6)}"


def new_call_id() -> str:
    return f"{next(_numbers)}-{secrets.token_hex(8)}@agent"


def new_tag() -> str:
    return secrets.token_hex(5)


class Message:
    """One SIP message: start line, headers in order, body."""

    def __init__(self, start: str, headers: Headers, body: bytes = b"") -> None:
        self.start = start
        self.headers = [(name, value) for name, value in headers]
        self.body = body
        self.octets = b""
        """What was received, before any reading."""
        self.arrived_at = 0.0
        self.source: tuple[str, int] = ("", 0)

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        head, _, body = octets.partition(b"\r\n\r\n")
        lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "surrogateescape")).split("\r\n")
        pairs = [line.partition(":") for line in lines[1:]]
        return cls(lines[0], [(name.strip(), value.strip()) for name, _, value in pairs], body)

    def to_bytes(self) -> bytes:
        lines = [
            self.start,
            *(f"{name}: {value}" for name, value in self.headers if name.lower() != "content-length"),
        ]
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + self.body

    def __repr__(self) -> str:
        return f"<{self.start} | {self.cseq} | {self.call_id}>"

    def all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self.headers if COMPACT.get(key.lower(), key.lower()) == wanted]

    def header(self, name: str) -> str:
        values = self.all(name)
        assert values, f"no {name} in {self!r}"
        return values[0]

    @property
    def is_response(self) -> bool:
        return self.start.startswith("SIP/2.0 ")

    @property
    def status(self) -> int:
        return int(self.start.split(" ", 2)[1]) if self.is_response else 0

    @property
    def method(self) -> str:
        return "" if self.is_response else self.start.split(" ", 1)[0]

    @property
    def uri(self) -> str:
        return self.start.split(" ")[1]

    @property
    def call_id(self) -> str:
        return (self.all("call-id") or [""])[0]

    @property
    def cseq(self) -> str:
        return (self.all("cseq") or [""])[0]

    @property
    def cseq_number(self) -> int:
        return int(self.cseq.split()[0])

    @property
    def branch(self) -> str:
        found = re.search(r"branch=([^;,\s]+)", self.header("via"))
        return found.group(1) if found else ""

    @property
    def to_tag(self) -> str:
        return tag_of(self.header("to"))

    @property
    def from_tag(self) -> str:
        return tag_of(self.header("from"))

    @property
    def contact_uri(self) -> str:
        value = self.header("contact")
        found = re.search(r"<([^>]*)>", value)
        return found.group(1) if found else value.split(";")[0]


def tag_of(value: str) -> str:
    found = re.search(r";\s*tag=([^;,\s]+)", value)
    return found.group(1) if found else ""


def sdp(
    port: int, *, address: str = "127.0.0.1", payloads: str = "0 101", direction: str = "", version: int = 1
) -> bytes:
    lines = [
        "v=0", f"o=agent 1 {version} IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0",
        f"m=audio {port} RTP/AVP {payloads}",
    ]  # fmt: skip
    if "101" in payloads.split():
        lines.append("a=rtpmap:101 telephone-event/8000")
    if direction:
        lines.append(f"a={direction}")
    return ("\r\n".join(lines) + "\r\n").encode()


def audio_port(body: bytes) -> int:
    found = re.search(rb"^m=audio (\d+)", body, re.MULTILINE)
    return int(found.group(1)) if found else 0


class Agent:
    """One peer with one socket (UDP) or one connection (TCP) to the server."""

    def __init__(
        self,
        user: str,
        server: tuple[str, int],
        *,
        transport: str = "udp",
        password: str = "secret",
        local: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.local = local
        self.user = user
        self.server = server
        self.transport = transport
        self.password = password
        self.inbox: list[Message] = []
        self.octets = 0
        self.closed = False
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        if self.transport == "udp":
            loop = asyncio.get_running_loop()
            self._datagrams, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=self.local
            )
            self.port = cast("int", self._datagrams.get_extra_info("sockname")[1])
        else:
            self._reader, self._writer = await asyncio.open_connection(*self.server)
            self.port = cast("int", self._writer.get_extra_info("sockname")[1])
            self._spawn(self._read_stream())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.transport == "udp":
            self._datagrams.close()
        else:
            for task in self._tasks:
                task.cancel()
            self._writer.close()

    def _spawn(self, work: "asyncio.Future[None] | object") -> None:
        task = asyncio.ensure_future(cast("asyncio.Future[None]", work))
        self._tasks.add(cast("asyncio.Task[None]", task))

    async def _read_stream(self) -> None:
        try:
            while True:
                head = await self._reader.readuntil(b"\r\n\r\n")
                if not head.strip():
                    continue
                found = re.search(rb"(?:content-length|\r\nl)\s*:\s*(\d+)", head, re.IGNORECASE)
                self.arrived(
                    head + await self._reader.readexactly(int(found.group(1)) if found else 0), self.server
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed = True
            async with self._changed:
                self._changed.notify_all()

    def arrived(self, octets: bytes, source: tuple[str, int]) -> None:
        self.octets += len(octets)
        if not octets.strip():
            return
        message = Message.parse(octets)
        message.octets = octets
        message.arrived_at = time.monotonic()
        message.source = source
        self.inbox.append(message)
        self._spawn(self._notify())

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def send_bytes(self, octets: bytes, to: tuple[str, int] | None = None) -> None:
        if self.transport == "udp":
            self._datagrams.sendto(octets, to or self.server)
        else:
            self._writer.write(octets)

    def send(self, message: Message, to: tuple[str, int] | None = None) -> Message:
        self.send_bytes(message.to_bytes(), to)
        return message

    async def wait_for(
        self, wanted: Callable[[Message], bool], seconds: float = 5, what: str = "message"
    ) -> Message:
        """Take the first message that fits out of the inbox, waiting for it if need be."""

        def find() -> Message | None:
            return next((message for message in self.inbox if wanted(message)), None)

        async with self._changed:
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(lambda: find() is not None)
            except TimeoutError:
                raise AssertionError(f"{self.user}: no {what} in {seconds} s; inbox {self.inbox}") from None
            message = find()
            assert message is not None
            self.inbox.remove(message)
            return message

    async def wait_closed(self, seconds: float = 5) -> None:
        """Wait until the server has closed the TCP connection."""
        async with self._changed, asyncio.timeout(seconds):
            await self._changed.wait_for(lambda: self.closed)

    async def response(
        self, to: Message, *, seconds: float = 5, final: bool = True, status: int = 0
    ) -> Message:
        """The next response to this request; with `final` provisional ones are skipped."""
        branch, method = to.branch, to.cseq.split()[1]

        def fits(message: Message) -> bool:
            if not message.is_response or message.branch != branch or message.cseq.split()[1] != method:
                return False
            return message.status == status if status else (message.status >= 200 or not final)

        return await self.wait_for(fits, seconds, f"response {status or ''} to {to!r}")

    async def request(self, method: str, seconds: float = 5, call_id: str = "") -> Message:
        """The next request of this method."""
        return await self.wait_for(
            lambda message: message.method == method and call_id in ("", message.call_id), seconds, method
        )

    async def silence(self, seconds: float, wanted: Callable[[Message], bool] = lambda _: True) -> None:
        """Assert that nothing that fits arrives within this time."""
        await asyncio.sleep(seconds)
        unexpected = [message for message in self.inbox if wanted(message)]
        assert not unexpected, unexpected

    # Building messages.

    @property
    def contact(self) -> str:
        suffix = ";transport=tcp" if self.transport == "tcp" else ""
        return f"<sip:{self.user}@127.0.0.1:{self.port}{suffix}>"

    def via(self, branch: str = "") -> str:
        return f"SIP/2.0/{self.transport.upper()} 127.0.0.1:{self.port};rport;branch={branch or new_branch()}"

    def uri(self, user: str) -> str:
        return f"sip:{user}@127.0.0.1:{self.server[1]}"

    def make(
        self,
        method: str,
        user: str,
        *,
        cseq: int = 1,
        call_id: str = "",
        headers: Headers = (),
        body: bytes = b"",
        uri: str = "",
    ) -> Message:
        """An out-of-dialog request from this agent's user to `user` at the server."""
        lines = [
            ("Via", self.via()),
            ("Max-Forwards", "70"),
            ("From", f"<{self.uri(self.user)}>;tag={new_tag()}"),
            ("To", f"<{self.uri(user)}>"),
            ("Call-ID", call_id or new_call_id()),
            ("CSeq", f"{cseq} {method}"),
        ]
        if method in ("INVITE", "REGISTER", "SUBSCRIBE", "UPDATE"):
            lines.append(("Contact", self.contact))
        if body:
            lines.append(("Content-Type", "application/sdp"))
        replaced = {name.lower() for name, _ in headers}
        lines = [(name, value) for name, value in lines if name.lower() not in replaced]
        target = uri or (f"sip:127.0.0.1:{self.server[1]}" if method == "REGISTER" else self.uri(user))
        return Message(f"{method} {target} SIP/2.0", [*lines, *headers], body)

    def reply(
        self,
        request: Message,
        status: int,
        reason: str = "-",
        *,
        tag: str = "",
        headers: Headers = (),
        body: bytes = b"",
    ) -> Message:
        """A response to `request`; `tag` is added to To unless it has one."""
        to = request.header("to")
        if tag and not tag_of(to):
            to += f";tag={tag}"
        lines = [("Via", value) for value in request.all("via")]
        lines += [("Record-Route", value) for value in request.all("record-route")]
        lines += [
            ("From", request.header("from")),
            ("To", to),
            ("Call-ID", request.call_id),
            ("CSeq", request.cseq),
        ]
        if request.method == "INVITE" and 100 < status < 300:
            lines.append(("Contact", self.contact))
        if body:
            lines.append(("Content-Type", "application/sdp"))
        return Message(f"SIP/2.0 {status} {reason}", [*lines, *headers], body)

    def answer(
        self, request: Message, status: int, reason: str = "-", *, tag: str = "", body: bytes = b""
    ) -> Message:
        return self.send(self.reply(request, status, reason, tag=tag, body=body), request.source)

    def ack_failure(self, request: Message, response: Message) -> Message:
        """ACK for a non-2xx: same branch, same CSeq number, To of the response."""
        kept = ("via", "max-forwards", "from", "call-id", "route")
        lines = [(name, value) for name, value in request.headers if name.lower() in kept]
        lines += [("To", response.header("to")), ("CSeq", f"{request.cseq_number} ACK")]
        return self.send(Message(f"ACK {request.uri} SIP/2.0", lines))

    # Whole exchanges.

    async def ask(self, request: Message, *, seconds: float = 5) -> Message:
        """Send, and answer one digest challenge; returns the final response. `request` is given new CSeq and Via."""
        self.send(request)
        response = await self.response(request, seconds=seconds)
        if response.status not in (401, 407):
            return response
        if request.method == "INVITE":
            self.ack_failure(request, response)
        self.repeat_with_credentials(request, response)
        return await self.response(request, seconds=seconds)

    def repeat_with_credentials(self, request: Message, challenge: Message) -> Message:
        """Send `request` again in place: next CSeq, new branch, credentials for `challenge`."""
        name, value = self.credentials(request, challenge)
        replaced = {"via": self.via(), "cseq": f"{request.cseq_number + 1} {request.method}"}
        kept = [
            (key, replaced.get(key.lower(), old))
            for key, old in request.headers
            if key.lower() != name.lower()
        ]
        request.headers = [*kept, (name, value)]
        return self.send(request)

    def credentials(
        self, request: Message, challenge: Message, *, algorithm: str = "", nc: int = 1, **changed: str
    ) -> tuple[str, str]:
        """Header name and value that answer `challenge`. `changed` overrides what is put in, for wrong answers."""
        proxy = challenge.status == 407
        offered = [
            digest_parameters(value)
            for value in challenge.all("proxy-authenticate" if proxy else "www-authenticate")
        ]
        chosen = next(
            (each for each in offered if not algorithm or each.get("algorithm", "MD5").upper() == algorithm),
            offered[0],
        )
        fields = {
            "username": self.user,
            "realm": chosen["realm"],
            "nonce": chosen["nonce"],
            "uri": request.uri,
            "method": request.method,
            "password": self.password,
            "algorithm": algorithm or chosen.get("algorithm", "MD5"),
            "cnonce": secrets.token_hex(6),
            **changed,
        }
        return ("Proxy-Authorization" if proxy else "Authorization"), digest_answer(fields, nc)

    async def register(self, *, expires: int = 60, contact: str = "") -> Message:
        """Bind this agent at the server; asserts success."""
        headers = [("Expires", str(expires)), *([("Contact", contact)] if contact else [])]
        response = await self.ask(self.make("REGISTER", self.user, headers=headers))
        assert response.status == 200, response
        return response


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._agent.arrived(data, addr)

    def error_received(self, exc: Exception) -> None:
        """ICMP errors are part of the game."""


def digest_parameters(value: str) -> dict[str, str]:
    found = re.findall(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', value.partition(" ")[2])
    return {name.lower(): quoted or plain for name, quoted, plain in found}


def digest_answer(fields: dict[str, str], nc: int) -> str:
    def hashed(text: str) -> str:
        kind = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[fields["algorithm"].upper()]
        return hashlib.new(kind, text.encode()).hexdigest()

    first = hashed(f"{fields['username']}:{fields['realm']}:{fields['password']}")
    second = hashed(f"{fields['method']}:{fields['uri']}")
    response = hashed(f"{first}:{fields['nonce']}:{nc:08x}:{fields['cnonce']}:auth:{second}")
    quoted = ", ".join(f'{name}="{fields[name]}"' for name in ("username", "realm", "nonce", "uri", "cnonce"))
    return f'Digest {quoted}, response="{response}", algorithm={fields["algorithm"]}, qop=auth, nc={nc:08x}'


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
