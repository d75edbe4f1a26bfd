"""`[ami]`, `[rwi]`, `[outbound]`, `[console]`: interfaces for people and programs."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pbx.config.tables.jwt_auth import LongSecret
from pbx.config.tables.scalars import NonEmpty, OptReadPath, OptText, UrlPath, parse_network
from pbx.config.tables.table import FOLD, UNSET, Table, key, refuse

_RWI_GROUPS = [
    "call",
    "session",
    "media",
    "record",
    "queue",
    "supervisor",
    "conference",
    "sip",
    "app",
    "dtmf",
]
_RWI_SCOPES = frozenset(
    {"*", "read", *_RWI_GROUPS, *(f"{group}.control" for group in _RWI_GROUPS), "media.stream"}
)


def _allowed_source(text: str) -> str:
    if text == "*":
        return text
    try:
        return str(parse_network(text))
    except ValueError:
        raise refuse('an IP address, CIDR block or "*" is needed') from None


def _rwi_scope(text: str) -> str:
    # Besides the groups, the name of a single action such as call.hangup is a scope.
    if text in _RWI_SCOPES or text.partition(".")[0] in {*_RWI_GROUPS, "session"}:
        return text
    raise refuse("not a scope")


class AmiToken(Table):
    """A program that may use the management endpoints."""

    token: LongSecret = key(..., "Bearer token.")
    scopes: list[Annotated[Literal["read", "control", "reload", "flow", "admin", "*"], FOLD]] = key(
        ..., "What it may do.", min_length=1
    )
    name: OptText = key(None, "Name in logs.")


class Ami(Table):
    """Management endpoints."""

    allows: list[Annotated[str, AfterValidator(_allowed_source)]] = key(
        ["127.0.0.1", "::1"], 'Peers with every scope: IP, CIDR or "*"; empty: nobody.'
    )
    tokens: list[AmiToken] = key([], "Bearer tokens.")


class RwiToken(Table):
    """A program that may control calls."""

    token: LongSecret = key(..., "Bearer token.")
    scopes: list[Annotated[str, AfterValidator(_rwi_scope)]] = key(..., "What it may do.", min_length=1)
    name: OptText = key(None, "Name in logs.")


class RwiContext(Table):
    """A named group of calls."""

    name: NonEmpty = key(..., "Name.")
    tokens: list[NonEmpty] | None = key(None, "Names of tokens that may subscribe.")


class Rwi(Table):
    """Call control over WebSocket."""

    tokens: list[RwiToken] = key([], "Who may connect; empty: nobody.")
    contexts: list[RwiContext] = key([], "Named contexts.")
    max_connections: int = key(2000, "Open sockets.", ge=1, le=100_000)
    max_calls_per_connection: int = key(200, "Calls owned by a session.", ge=1, le=100_000)
    orphan_hold_secs: int = key(30, "How long calls wait for a lost session, s.", ge=0, le=3600)
    originate_rate_limit: int = key(10, "Calls begun in a second by a token.", ge=1, le=100_000)


class Outbound(Table):
    """Calls begun through the management endpoints."""

    enabled: bool = key(False, "Whether calls can be begun.")
    max_concurrent: int = key(100, "Calls at once.", ge=1, le=100_000)


class ConsoleToken(Table):
    """A program that may use the console's interface."""

    token: LongSecret = key(..., "Bearer token.")
    scopes: list[Annotated[Literal["read", "write", "calls", "records", "routing", "*"], FOLD]] = key(
        ..., "What it may do.", min_length=1
    )


class Console(Table):
    """The web console."""

    base_path: UrlPath = key("/console", "Path of the pages.", reload="restart")
    api_prefix: UrlPath = key("/api", "Path of the console's interface.", reload="restart")
    session_secret: Annotated[LongSecret | None, UNSET] = key(
        None, "Key of sessions; random for each start if not given.", reload="restart"
    )
    secure_cookie: bool = key(False, "Cookies over TLS only.", reload="restart")
    allow_registration: bool = key(False, "The first user may be made by the page.", reload="restart")
    locale_default: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Za-z]{2})?$")] = key(
        "en", "Language.", reload="restart"
    )
    static_path: OptReadPath = key(None, "Directory of further files.", reload="restart")
    api_tokens: list[ConsoleToken] = key([], "Bearer tokens.", reload="restart")
