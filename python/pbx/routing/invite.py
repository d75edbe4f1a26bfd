"""The INVITE as a router sees it: read-only text, credentials left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, cast

Direction = Literal["internal", "inbound", "outbound"]


class InviteView(Protocol):
    """What an `Invite` is made of. The engine's query has this shape, and so has `InviteFields`."""

    @property
    def call_id(self) -> str: ...
    @property
    def request_uri(self) -> str: ...
    @property
    def from_header(self) -> str: ...
    @property
    def to_header(self) -> str: ...
    @property
    def from_user(self) -> str: ...
    @property
    def from_host(self) -> str: ...
    @property
    def to_user(self) -> str: ...
    @property
    def to_host(self) -> str: ...
    @property
    def headers(self) -> Sequence[tuple[str, str]]: ...
    @property
    def source_ip(self) -> str: ...
    @property
    def source_port(self) -> int: ...
    @property
    def transport(self) -> str: ...
    @property
    def user(self) -> str | None: ...
    @property
    def direction(self) -> str: ...
    @property
    def body(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteFields:
    """An INVITE written by hand, for tests and `pbx route explain`."""

    call_id: str = "explain"
    request_uri: str = ""
    from_header: str = ""
    to_header: str = ""
    from_user: str = ""
    from_host: str = "localhost"
    to_user: str = ""
    to_host: str = "localhost"
    headers: Sequence[tuple[str, str]] = ()
    source_ip: str = "127.0.0.1"
    source_port: int = 5060
    transport: str = "udp"
    user: str | None = None
    direction: str = "internal"
    body: str = ""


class Invite:
    """One initial INVITE. Nothing is converted before it is looked at; octets that are no UTF-8 read as U+FFFD."""

    __slots__ = ("_view",)

    def __init__(self, view: InviteView) -> None:
        self._view = view

    def __repr__(self) -> str:
        return f"Invite(from_user={self.from_user!r}, to_user={self.to_user!r}, call_id={self.call_id!r})"

    @property
    def call_id(self) -> str:
        """Call-ID of the caller's leg."""
        return self._view.call_id

    @property
    def request_uri(self) -> str:
        """Request-URI as received."""
        return self._view.request_uri

    @property
    def from_header(self) -> str:
        """Value of From as received."""
        return self._view.from_header

    @property
    def to_header(self) -> str:
        """Value of To as received."""
        return self._view.to_header

    @property
    def from_user(self) -> str:
        """User part of From, percent-decoded once. Believed only as far as `user` proves it."""
        return self._view.from_user

    @property
    def from_host(self) -> str:
        """Host of From, lower case."""
        return self._view.from_host

    @property
    def to_user(self) -> str:
        """User part of the Request-URI, percent-decoded once: what was dialled."""
        return self._view.to_user

    @property
    def to_host(self) -> str:
        """Host of the Request-URI, lower case."""
        return self._view.to_host

    @property
    def headers(self) -> Sequence[tuple[str, str]]:
        """All other headers in order of arrival, as (name, value)."""
        return self._view.headers

    @property
    def source_ip(self) -> str:
        """Address the packet really came from."""
        return self._view.source_ip

    @property
    def source_port(self) -> int:
        """Port the packet really came from."""
        return self._view.source_port

    @property
    def transport(self) -> str:
        """`udp`, `tcp`, `tls`, `ws` or `wss`."""
        return self._view.transport

    @property
    def user(self) -> str | None:
        """User name proven by digest; `None` when nobody was asked."""
        return self._view.user

    @property
    def source(self) -> Direction:
        """`internal`, `inbound` or `outbound` (`config.md` §1)."""
        return cast("Direction", self._view.direction)

    @property
    def body(self) -> str:
        """The body, usually SDP."""
        return self._view.body

    def header(self, name: str) -> str | None:
        """First value of a header, by its long name in any case."""
        wanted = name.lower()
        return next((value for key, value in self._view.headers if key.lower() == wanted), None)
