"""What a handler may answer, and the check that it is something the wire can carry."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from pbx.header_names import is_b2bua_header
from pbx.routing.invite import Invite

MediaMode = Literal["auto", "all", "none"]
Strategy = Literal["sequential", "parallel"]

MAX_TARGETS = 16
"""Forks and candidates per call (`config.md` §2.2)."""
MAX_HEADERS = 32
MAX_VALUE = 4096
"""Characters of one header value, URI or reason phrase; a message has to stay below 65 535 octets with all of them."""
MAX_RING_SECS = 3600

# Asking an abstract class costs a microsecond, so the usual types are tried first.
_LISTS = frozenset((tuple, list))
_STRATEGIES = frozenset(get_args(Strategy))
_MEDIA_MODES = frozenset(get_args(MediaMode))
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,128}\Z")
_CONTACT_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()]{1,64}\Z")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


class VerdictError(ValueError):
    """A handler returned something that is no verdict. The message says what; the caller gets 500."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Ring these targets.

    Without `to_user` and `targets`, the bindings of the dialled user ring. A target that begins with `sip:`, `sips:` or
    `tel:` is dialled as written, any other names a user of ours whose bindings ring.
    """

    to_user: str | None = None
    targets: Sequence[str] = ()
    strategy: Strategy = "sequential"
    ring_timeout: int | None = None
    """Seconds a target may ring."""
    media_proxy: MediaMode | None = None
    codecs: Sequence[str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Added to the INVITE of the callee."""
    with_original_headers: bool = True
    """Whether the caller's own headers pass."""
    caller_contact: str | None = None
    """User part of our Contact towards the callee."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the call with a status of 400–699."""

    code: int = 403
    reason: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Verdict = Forward | Reject | None
"""`None`: not for me, ask the next handler; when none answers, static routes and bindings decide."""


def check_verdict(verdict: object, invite: Invite) -> Verdict:
    """Return the verdict when the engine can carry it out; raise `VerdictError` when not."""
    if isinstance(verdict, Forward):
        _check_forward(verdict, invite)
        return verdict
    if isinstance(verdict, Reject):
        _check_reject(verdict)
        return verdict
    if verdict is None:
        return None
    raise VerdictError(f"a handler returns Forward, Reject or None, not {type(verdict).__name__}")


def targets_of(forward: Forward) -> list[tuple[bool, str]]:
    """The targets in order: whether each is a URI, and its text. None: whom the Request-URI names, be it one phone."""
    if forward.targets:
        return [(text.lower().startswith(("sip:", "sips:", "tel:")), text) for text in forward.targets]
    return [] if forward.to_user is None else [(False, forward.to_user)]


def _check_forward(forward: Forward, invite: Invite) -> None:
    if forward.to_user is not None and forward.targets:
        raise VerdictError("Forward takes to_user or targets, not both")
    if type(forward.targets) not in _LISTS and not _is_list(forward.targets):
        raise VerdictError(f"Forward.targets is a list of text, not {type(forward.targets).__name__}")
    if len(forward.targets) > MAX_TARGETS:
        raise VerdictError(
            f"Forward.targets has {len(forward.targets)} entries, at most {MAX_TARGETS} can ring"
        )
    for text in forward.targets or (forward.to_user if forward.to_user is not None else invite.to_user,):
        _check_text("Forward target", text)
        if not text or text.isspace():
            raise VerdictError("Forward target is empty")
    _check_options(forward)
    _check_headers(forward.headers)


def _check_options(forward: Forward) -> None:
    if forward.strategy not in _STRATEGIES:
        raise VerdictError("Forward.strategy is 'sequential' or 'parallel'")
    if forward.media_proxy is not None and forward.media_proxy not in _MEDIA_MODES:
        raise VerdictError("Forward.media_proxy is 'auto', 'all' or 'none'")
    seconds = forward.ring_timeout
    if seconds is not None and (type(seconds) is not int or not 1 <= seconds <= MAX_RING_SECS):
        raise VerdictError(f"Forward.ring_timeout is a number of seconds from 1 to {MAX_RING_SECS}")
    if type(forward.with_original_headers) is not bool:
        raise VerdictError("Forward.with_original_headers is True or False")
    if forward.caller_contact is not None and not _fits(_CONTACT_USER, forward.caller_contact):
        raise VerdictError("Forward.caller_contact is 1 to 64 characters of A-Za-z0-9-_.!~*'()")
    if forward.codecs is not None:
        _check_codecs(forward.codecs)


def _check_codecs(codecs: object) -> None:
    if isinstance(codecs, str) or not isinstance(codecs, Sequence) or not 1 <= len(codecs) <= MAX_TARGETS:
        raise VerdictError(f"Forward.codecs is a list of 1 to {MAX_TARGETS} codec names")
    if not all(_fits(_TOKEN, name) for name in codecs):
        raise VerdictError("Forward.codecs holds something that is no codec name")


def _check_reject(reject: Reject) -> None:
    if type(reject.code) is not int or not 400 <= reject.code <= 699:
        raise VerdictError("Reject.code is a status from 400 to 699")
    if reject.reason is not None:
        _check_text("Reject.reason", reject.reason)
    _check_headers(reject.headers)


def _check_headers(headers: object) -> None:
    if type(headers) is not dict and not isinstance(headers, Mapping):
        raise VerdictError(f"headers is a mapping of name to value, not {type(headers).__name__}")
    if not headers:
        return
    if len(headers) > MAX_HEADERS:
        raise VerdictError(f"{len(headers)} headers, at most {MAX_HEADERS} can be added")
    for name, value in headers.items():
        if not _fits(_TOKEN, name):
            raise VerdictError("a header name is a token of RFC 3261")
        if is_b2bua_header(name):
            raise VerdictError(f"header {name} is written by the engine alone")
        _check_text(f"header {name}", value)


def _check_text(what: str, value: object) -> None:
    if type(value) is not str:
        raise VerdictError(f"{what} is text, not {type(value).__name__}")
    if len(value) > MAX_VALUE:
        raise VerdictError(f"{what} has {len(value)} characters, at most {MAX_VALUE} can be sent")
    if _UNPRINTABLE.search(value) is not None:
        raise VerdictError(f"{what} holds a control character or a lone surrogate")


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _fits(pattern: re.Pattern[str], value: object) -> bool:
    return type(value) is str and pattern.match(value) is not None
