"""SipUser: a user of the memory backend."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from pbx.config.tables.names import OptTarget
from pbx.config.tables.scalars import NonEmpty, OptHost, OptSecret, OptText
from pbx.config.tables.table import UNSET, Table, key, refuse, refuse_at

_FORWARDING = {"busy": "when_busy", "no_answer": "when_not_answered"}


def _forwarding_mode(value: Any) -> Any:
    folded = value.lower() if isinstance(value, str) else value
    return _FORWARDING.get(folded, folded) if isinstance(folded, str) else folded


def _hex(digits: int) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        if not re.fullmatch(rf"[0-9A-Fa-f]{{{digits}}}", value.get_secret_value()):
            raise refuse(f"{digits} hexadecimal digits are needed")
        return value

    return AfterValidator(check)


def _user_name(text: str) -> str:
    if any(character <= " " or character in ':@"<>' for character in text):
        raise refuse('blanks and : @ " < > are not possible in a user name')
    return text


class SipUser(Table):
    """One user."""

    username: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_user_name)] = key(
        ..., "SIP user part and digest name."
    )
    password: OptSecret = key(None, "Password in clear text.")
    ha1: Annotated[Annotated[SecretStr, _hex(32)] | None, UNSET] = key(
        None, "Hex MD5 of user:realm:password."
    )
    ha1_sha256: Annotated[Annotated[SecretStr, _hex(64)] | None, UNSET] = key(
        None, "Hex SHA-256 of user:realm:password."
    )
    realm: OptHost = key(None, "Realm the user is valid in; every realm if not given.")
    enabled: bool = key(True, "False: the user is refused with 403.")
    id: int | None = key(None, "Number passed to records and routers.")
    departments: list[int | NonEmpty] = key([], "Departments, passed to records and routers.")
    email: OptText = key(None, "Passed to records and routers.")
    note: OptText = key(None, "Passed to records and routers.")
    display_name: OptText = key(None, "Name shown.")
    phone: OptText = key(None, "A further identity.")
    aliases: list[NonEmpty] = key([], "Further identities.")
    allow_guest_calls: bool = key(False, "May be called without authentication.")
    voicemail_disabled: bool = key(False, "voicemail: of this user is refused.")
    call_forwarding_mode: Annotated[
        Literal["none", "always", "when_busy", "when_not_answered"], BeforeValidator(_forwarding_mode)
    ] = key("none", "When calls are forwarded.")
    call_forwarding_destination: OptTarget = key(None, "Where calls are forwarded to.")
    call_forwarding_timeout: int = key(20, "Ring time before forwarding, s.", ge=1, le=3600)
    is_support_webrtc: bool = key(False, "Offer WebRTC to this user on any transport.")

    @model_validator(mode="after")
    def _complete(self) -> "SipUser":
        if self.call_forwarding_mode != "none" and self.call_forwarding_destination is None:
            raise refuse_at("call_forwarding_destination", "required by call_forwarding_mode")
        if (self.ha1 or self.ha1_sha256) and self.realm is None:
            raise refuse_at("realm", "required by ha1 and ha1_sha256")
        return self

    @property
    def has_secret(self) -> bool:
        """False: this user can never authenticate."""
        return any(
            secret and secret.get_secret_value() for secret in (self.password, self.ha1, self.ha1_sha256)
        )
