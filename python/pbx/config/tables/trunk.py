"""`[trunks.NAME]`: a carrier or another system we exchange calls with."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pbx.config.tables.headers import HeaderPassthrough, HeaderRule, check_header_allowed
from pbx.config.tables.names import NextHop, OptPattern, OptSound, TrunkRef
from pbx.config.tables.policy import OptCountry, Policy
from pbx.config.tables.recording import Recording
from pbx.config.tables.scalars import (
    AudioCodecs,
    HeaderName,
    Ip,
    NonEmpty,
    OptHost,
    OptSecret,
    OptText,
    Text,
    host_fault,
    parse_network,
)
from pbx.config.tables.table import FOLD, UNSET, Table, key, refuse, refuse_at

_CODEC_NAMES = ("codec", "allow_codecs", "audio_codecs")


def _inbound_host(text: str) -> str:
    try:
        return str(parse_network(text))
    except ValueError:
        pass
    if host_fault(text):
        raise refuse("an IP address, CIDR block or host name is needed")
    return text


ExtraHeaders = dict[Annotated[HeaderName, AfterValidator(check_header_allowed)], Text]


class Ringback(Table):
    """Sounds in place of ringing or before a failure."""

    ring: OptSound = key(None, "In place of the far ringing.")
    busy: OptSound = key(None, "Before 486 and 600.")
    reject: OptSound = key(None, "Before 403 and 603.")
    offline: OptSound = key(None, "Before 480.")
    notfound: OptSound = key(None, "Before 404.")
    noanswer: OptSound = key(None, "Before 408.")
    error: OptSound = key(None, "Before any other failure.")


class _Credentials(Table):
    username: OptText = key(None, "Digest user towards this trunk.")
    password: OptSecret = key(None, "Digest password towards this trunk.")
    realm: OptHost = key(None, "Only challenges of this realm are answered.")
    register_enabled: bool = key(False, "Register there.")
    register_expires: int = key(300, "Expiry asked for, s.", ge=10, le=604_800)
    register_extra_headers: ExtraHeaders = key({}, "Headers of the REGISTER.")


class _Health(Table):
    health_check_enabled: bool = key(False, "Probe with OPTIONS.")
    health_check_per_ip: bool = key(False, "Probe each address.")
    health_check_interval_secs: int = key(30, "Pause between probes, s.", ge=1, le=86_400)
    health_check_probe_count: int = key(3, "Failures in a row that mean down.", ge=1, le=100)
    health_check_fallback_trunk: TrunkRef | None = key(None, "Trunk tried when this one is down.")
    fallback_trunk: TrunkRef | None = key(None, "Other name of health_check_fallback_trunk.")


class Trunk(_Credentials, _Health):
    """A trunk."""

    dest: NextHop = key(..., "Next hop: host, host:port or SIP URI.")
    backup_dest: Annotated[NextHop | None, UNSET] = key(None, "Next hop when dest fails.")
    transport: Annotated[Literal["udp", "tcp", "tls", "ws", "wss"], FOLD] | None = key(None, "Transport.")
    direction: Annotated[Literal["inbound", "outbound", "bidirectional"], FOLD] = key(
        "bidirectional", "Who calls."
    )
    disabled: bool = key(False, "True: not selected, identified or registered.")
    inbound_hosts: list[Annotated[str, AfterValidator(_inbound_host)]] = key(
        [], "Sources that are this trunk."
    )
    incoming_from_user_prefix: OptPattern = key(None, "Only calls from these users are this trunk's.")
    incoming_to_user_prefix: OptPattern = key(None, "Only calls to these users are this trunk's.")
    max_calls: int | None = key(None, "Live calls.", ge=1)
    max_cps: int | None = key(None, "New calls in a second.", ge=1)
    cac_policy: Annotated[Literal["reject", "overflow", "lossy"], FOLD] = key(
        "reject", "What happens at max_calls."
    )
    overflow_threshold: int | None = key(None, "Calls from which the fallback trunk comes first.", ge=1)
    weight: int = key(100, "Share for select weighted; 0 = last.", ge=0, le=1000)
    id: int | None = key(None, "Unique number.")
    codec: AudioCodecs | None = key(None, "Codecs of this leg.")
    allow_codecs: AudioCodecs | None = key(None, "Other name of codec.")
    audio_codecs: AudioCodecs | None = key(None, "Other name of codec.")
    media_mode: Annotated[Literal["none", "bypass", "auto", "force_transcode"], FOLD] | None = key(
        None, "Media mode."
    )
    video_policy: Annotated[Literal["pass_through", "strip", "transcode"], FOLD] = key(
        "pass_through", "Video."
    )
    external_ip: Annotated[Ip | None, UNSET] = key(None, "Media address advertised.")
    bind_ip: Annotated[Ip | None, UNSET] = key(None, "Media address bound.")
    tls_verify: bool = key(True, "False: certificates are not checked.")
    rewrite_hostport: bool = key(True, "Request-URI and From host become the dest host.")
    call_id_mode: Annotated[Literal["rewrite", "transparent"], FOLD] = key(
        "rewrite", "Call-ID of the second leg."
    )
    header_rules: list[HeaderRule] = key([], "Changes of headers, in order.")
    header_passthrough: HeaderPassthrough | None = key(None, "Headers that pass.")
    did_numbers: list[NonEmpty] = key([], "Our numbers on this trunk.")
    ringback: Ringback = key(Ringback(), "Sounds.")
    country: OptCountry = key(None, "Country of the trunk.")
    policy: Policy | None = key(None, "What callers may do.")
    recording: Recording | None = key(None, "Recording of these calls.")
    max_ring_time: Annotated[int, Field(ge=1, le=3600)] | None = key(None, "Ring limit, s.")

    @property
    def fallback(self) -> str | None:
        """Trunk tried when this one is down, under either name."""
        return self.health_check_fallback_trunk or self.fallback_trunk

    @property
    def codecs(self) -> list[str] | None:
        """Codecs of this leg, under any of the three names."""
        return self.codec or self.allow_codecs or self.audio_codecs  # type: ignore[return-value]

    @model_validator(mode="after")
    def _one_name_each(self) -> "Trunk":
        given = [name for name in _CODEC_NAMES if getattr(self, name) is not None]
        if len(given) > 1:
            raise refuse_at(given[1], f'the same as "{given[0]}"; give one of them')
        if self.health_check_fallback_trunk and self.fallback_trunk:
            raise refuse_at("fallback_trunk", 'the same as "health_check_fallback_trunk"; give one of them')
        return self

    @model_validator(mode="after")
    def _complete(self) -> "Trunk":
        if (self.username is None) != (self.password is None):
            given, absent = ("username", "password") if self.password is None else ("password", "username")
            raise refuse_at(absent, f"required by {given}")
        if self.register_enabled and self.username is None:
            raise refuse_at("username", "required by register_enabled")
        if self.cac_policy == "overflow" and (self.overflow_threshold is None or self.fallback is None):
            absent = (
                "overflow_threshold" if self.overflow_threshold is None else "health_check_fallback_trunk"
            )
            raise refuse_at(absent, "required by cac_policy overflow")
        return self
