"""Keys of `[proxy]` that limit what strangers can do."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from pbx.config.tables.names import AclText
from pbx.config.tables.scalars import NonEmpty
from pbx.config.tables.table import UNSET, Table, key, refuse

_RATE = re.compile(r"([0-9]{1,7})/([0-9]{1,6})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
MAX_RATE_WINDOW_SECS = 24 * 3600


def parse_rate(text: str) -> tuple[int, int]:
    """Count and window in seconds of "N/T"."""
    found = _RATE.fullmatch(text)
    if not found:
        raise refuse('"N/T" is needed, such as "100/60s"')
    count, window = int(found.group(1)), int(found.group(2)) * _SECONDS[found.group(3)]
    if not 1 <= count <= 1_000_000:
        raise refuse("the count is 1 to 1000000")
    if not 1 <= window <= MAX_RATE_WINDOW_SECS:
        raise refuse("the time is 1s to 24h")
    return count, window


def _rate(text: str) -> str:
    parse_rate(text)
    return text


class DialogAuthCache(Table):
    """`dialog_auth_cache`: whom a dialog's requests are believed without a new challenge."""

    enabled: bool = key(True, "False: every in-dialog request of an authenticated leg is challenged.")
    cache_size: int = key(10000, "Entries; the least recently used one goes first.", ge=1, le=1_000_000)
    ttl_seconds: int = key(3600, "Seconds since the leg last proved its credentials.", ge=1, le=604_800)


class ProtectionKeys(Table):
    """Load limits, user agent lists, access rules, DoS and URI rules."""

    max_concurrency: int | None = key(
        None, "Server transactions without final response; no limit if not given.", ge=1, le=1_000_000
    )
    ua_black_list: list[NonEmpty] = key(
        [], "User agents that get no answer: substrings, or globs with * and ?."
    )
    ua_white_list: list[NonEmpty] = key([], "If not empty, only these user agents are answered.")
    ensure_user: bool = key(True, "Requests about users nobody knows are dropped silently.")
    frequency_limiter: Annotated[Annotated[str, AfterValidator(_rate)] | None, UNSET] = key(
        None, 'Out-of-dialog requests per source, "N/T" such as "100/60s"; off if not given.'
    )
    acl_rules: list[AclText] | None = key(
        None, "Access rules, first match wins: allow|deny, then all, IP or CIDR."
    )
    dialog_auth_cache: DialogAuthCache = key(DialogAuthCache(), "In-dialog authentication cache.")
    dos_enabled: bool = key(False, "Turns the DoS and scan protection on.")
    dos_max_cps_per_ip: int = key(
        100, "Dialog-creating requests of one source in a second.", ge=1, le=100_000
    )
    dos_max_concurrent_per_ip: int = key(500, "Live dialogs of one source.", ge=1, le=1_000_000)
    dos_scan_probe_threshold: int = key(50, "Failed probes in 60 s that block a source.", ge=1, le=100_000)
    dos_scan_block_duration_secs: int = key(600, "Length of a block, seconds.", ge=1, le=604_800)
    uri_max_length: int = key(256, "Octets of one URI.", ge=64, le=8192)
    uri_reject_malformed: bool = key(
        False, "True: a URI that cannot be parsed in any address header is refused."
    )
    max_message_size: int = key(65_535, "Octets of one SIP message.", ge=4096, le=65_535, reload="restart")
    max_bindings_per_user: int = key(16, "Bindings of one address of record.", ge=1, le=256)
    decision_timeout_ms: int = key(
        2000, "Longest wait of a request for Python handlers, ms.", ge=100, le=60_000, reload="new calls"
    )


CAPACITY_LIMITS = {"ge": 1, "le": 1_048_576}


class CapacityKeys(Table):
    """Lengths of internal queues."""

    session_cmd_channel_capacity: int = key(
        256, "Commands queued to one call.", reload="new calls", **CAPACITY_LIMITS
    )
    session_state_channel_capacity: int = key(
        256, "State changes of one call queued to subscribers.", reload="new calls", **CAPACITY_LIMITS
    )
    media_cmd_channel_capacity: int = key(
        512, "Commands queued to a media worker.", reload="restart", **CAPACITY_LIMITS
    )
    media_event_channel_capacity: int = key(
        1024, "Events queued from a media worker.", reload="restart", **CAPACITY_LIMITS
    )
    sip_worker_threads: Annotated[int, Field(ge=1, le=64)] | None = key(
        None, "Signalling threads; from the core count if not given.", reload="restart"
    )
    media_worker_threads: Annotated[int, Field(ge=1, le=64)] | None = key(
        None, "Media threads; from the core count if not given.", reload="restart"
    )
