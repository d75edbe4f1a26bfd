"""Requests and responses of one user, and the exchanges a test asks for."""

import secrets

from tests.e2e.agent.digest import digest_answer, digest_parameters
from tests.e2e.agent.endpoint import Endpoint
from tests.e2e.agent.message import Headers, Message, new_branch, new_call_id, new_tag, tag_of


class Agent(Endpoint):
    """One peer with one socket (UDP) or one connection (TCP) to the server."""

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
