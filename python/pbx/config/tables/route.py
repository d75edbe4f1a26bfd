"""`[[routes]]`: static routes."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pbx.config.apps import APPS, app_fault
from pbx.config.pattern import captures
from pbx.config.suggest import nearest
from pbx.config.tables.headers import check_header_allowed
from pbx.config.tables.names import Pattern, QueueRef, TrunkRef
from pbx.config.tables.policy import Policy
from pbx.config.tables.recording import Recording
from pbx.config.tables.scalars import (
    AudioCodecs,
    Direction,
    FailureCode,
    HeaderMap,
    MediaProxy,
    NonEmpty,
    OptText,
    Text,
)
from pbx.config.tables.table import FOLD, LISTED, Table, key, refuse, refuse_at
from pbx.config.templates import placeholders

REWRITE_FIELDS = (
    "from.user", "from.host", "to.user", "to.host", "to.port",
    "request_uri.user", "request_uri.host", "request_uri.port",
)  # fmt: skip
MATCH_FIELDS = (*REWRITE_FIELDS, "from", "to", "caller", "callee")
_HEADER = re.compile(r"header\.([A-Za-z0-9!%*_+`'~.-]+)")
_HASH_KEYS = ("from.user", "to.user", "call-id")
# Fields whose captures a template may use when its own field has none.
_CAPTURE_FIELDS = ("to.user", "request_uri.user", "callee")


def _known_key(text: str, names: tuple[str, ...]) -> str:
    if text not in names and not _HEADER.fullmatch(text):
        context = {"suggestion": nearest(text, (*names, "header.NAME"))}
        raise PydanticCustomError("extra_forbidden", "unknown key", context)
    return text


def _match_key(text: str) -> str:
    return _known_key(text, MATCH_FIELDS)


MatchKey = Annotated[str, AfterValidator(_match_key)]


def _rewrite_key(text: str) -> str:
    _known_key(text, REWRITE_FIELDS)
    if found := _HEADER.fullmatch(text):
        check_header_allowed(found.group(1))
    return text


def _hash_key(text: str) -> str:
    if text not in _HASH_KEYS and not _HEADER.fullmatch(text):
        names = (*_HASH_KEYS, "header.NAME")
        raise refuse(f"not one of {', '.join(names)}", nearest(text, names))
    return text


def _action(value: Any) -> Any:
    folded = value.lower() if isinstance(value, str) else value
    return "application" if folded == "app" else folded


class Reject(Table):
    """How a call is refused."""

    code: FailureCode = key(403, "Status code.")
    reason: OptText = key(None, "Reason phrase; the standard one if not given.")
    headers: HeaderMap = key({}, "Headers sent along.")


class Route(Table):
    """One rule; the first whose every condition holds decides the call."""

    name: NonEmpty = key(..., "Merge key, shown in records and explanations.")
    description: OptText = key(None, "For readers.")
    disabled: bool = key(False, "True: skipped.")
    priority: int = key(0, "Higher first; ties in load order.", ge=-(2**31), le=2**31 - 1)
    direction: Direction | None = key(None, "Only calls of this direction.")
    source_trunks: list[TrunkRef] = key([], "Only calls from these trunks.")
    source_trunk_ids: list[int] = key([], "Only calls from trunks with these ids.")
    match: dict[MatchKey, Pattern] = key({}, "Conditions; all must hold.")
    rewrite: dict[Annotated[str, AfterValidator(_rewrite_key)], Text] = key(
        {}, "Changes of the request, with captures."
    )
    action: Annotated[
        Literal["forward", "reject", "busy", "queue", "application"], BeforeValidator(_action)
    ] = key("forward", "What happens.")
    dest: Annotated[list[TrunkRef], LISTED, Field(max_length=16)] = key(
        [], "Trunk or trunks; none: registered bindings."
    )
    select: Annotated[Literal["rr", "sequential", "random", "hash", "weighted", "parallel"], FOLD] = key(
        "rr", "Order through dest."
    )
    hash_key: Annotated[str, FOLD, AfterValidator(_hash_key)] = key(
        "from.user", "What is hashed for select hash."
    )
    reject: Reject = key(Reject(), "For action reject.")
    queue: QueueRef | None = key(None, "For action queue.")
    app: Annotated[Literal["ivr", "queue", "voicemail", "conference", "playback", "echo"], FOLD] | None = key(
        None, "For action application."
    )
    app_params: dict[str, str | int | bool] = key({}, "Parameters of the application.")
    auto_answer: bool = key(True, "False: the application begins before the answer.")
    codecs: AudioCodecs | None = key(None, "Replaces audio_codecs for both legs.")
    disable_ice_servers: bool = key(False, "No ICE servers for a WebRTC leg.")
    media_proxy: MediaProxy | None = key(None, "Replaces media_proxy.")
    max_ring_time: int | None = key(None, "Ring limit of each candidate, s.", ge=1, le=3600)
    policy: Policy | None = key(None, "What the caller may do.")
    recording: Recording | None = key(None, "Recording of these calls.")

    @model_validator(mode="after")
    def _complete(self) -> "Route":
        if self.action == "queue" and self.queue is None:
            raise refuse_at("queue", "required by action queue")
        if self.action == "application" and self.app is None:
            raise refuse_at("app", f"required by action application: {', '.join(APPS)}")
        if self.app is not None and (fault := app_fault(self.app, self.app_params)):
            raise refuse_at("app_params", *fault)
        for field, template in self.rewrite.items():
            self._check_captures(field, template)
        return self

    def _check_captures(self, field: str, template: str) -> None:
        for name in placeholders(template):
            source, colon, capture = name.rpartition(":")
            known = self._captures(source if colon else field, exact=bool(colon))
            if capture not in known:
                raise refuse_at("rewrite", f'"{template}": no capture named "{name}"')

    def _captures(self, field: str, *, exact: bool) -> frozenset[str]:
        fields = (field,) if exact else (field, *_CAPTURE_FIELDS)
        for name in fields:
            if name in self.match and (found := captures(self.match[name])):
                return found
        return frozenset({"0"}) if any(name in self.match for name in fields) else frozenset()
