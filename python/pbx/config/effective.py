"""Which keys act in this release.

Every key of the models stands in exactly one of the two lists, by itself or through the table around it; the
longest entry that fits decides. When a behaviour is finished, its line moves from the second list to the first.
A key of the second list is accepted and checked, and named in a warning at each start.
"""

from collections.abc import Callable, Iterator
from typing import Any

from pbx.config.config import Config
from pbx.config.document import Document
from pbx.config.entry import Entry
from pbx.config.positions import KeyPath
from pbx.config.problem import Problem
from pbx.config.tables.table import Table
from pbx.config.templates import placeholders

EFFECTIVE: tuple[str, ...] = (
    "http_addr",
    "ssl_certificate",
    "ssl_private_key",
    "external_ip",
    "rtp_start_port",
    "rtp_end_port",
    "log_level",
    "log_file",
    "shutdown_drain_secs",
    "proxy.addr",
    "proxy.udp_port",
    "proxy.udp_ports",
    "proxy.tcp_port",
    "proxy.tls_port",
    "proxy.ssl_certificate",
    "proxy.ssl_private_key",
    "proxy.tls_ca_certificates",
    "proxy.ws_port",
    "proxy.ws_handler",
    "proxy.ami_path",
    "proxy.useragent",
    "proxy.callid_suffix",
    "proxy.realms",
    "proxy.contact_username",
    "proxy.acl_rules",
    "proxy.max_message_size",
    "proxy.max_bindings_per_user",
    "proxy.decision_timeout_ms",
    "proxy.media_cmd_channel_capacity",
    "proxy.media_event_channel_capacity",
    "proxy.media_worker_threads",
    "proxy.sip_worker_threads",
    "proxy.media_proxy",
    "proxy.audio_codecs",
    "proxy.codec_strategy",
    "proxy.enable_latching",
    "proxy.latching_probation_max_packets",
    "proxy.nat_fix",
    "proxy.t1_timer",
    "proxy.t1x64_timer",
    "proxy.session_timer",
    "proxy.session_timer_always",
    "proxy.session_expires",
    "proxy.max_ring_time",
    "proxy.modules",
    "proxy.registrar_expires",
    "proxy.max_registrar_expires",
    "proxy.passthrough_failure",
    "proxy.blind_transfer_use_refer",
    "proxy.parallel_fork",
    "proxy.router",
    "proxy.generated_dir",
    "proxy.routes_files",
    "proxy.trunks_files",
    "proxy.acl_files",
    "proxy.queues_files",
    "proxy.ivr_files",
    "proxy.user_backends[].name",
    "proxy.user_backends[].realms",
    "proxy.user_backends[].type",
    "proxy.user_backends[].users[].username",
    "proxy.user_backends[].users[].password",
    "proxy.user_backends[].users[].ha1",
    "proxy.user_backends[].users[].ha1_sha256",
    "proxy.user_backends[].users[].realm",
    "proxy.user_backends[].users[].enabled",
    "proxy.user_backends[].users[].display_name",
    "proxy.user_backends[].users[].phone",
    "proxy.user_backends[].users[].aliases",
    "proxy.locator.type",
    "proxy.routes[].name",
    "proxy.routes[].description",
    "proxy.routes[].disabled",
    "proxy.routes[].priority",
    "proxy.routes[].direction",
    "proxy.routes[].match",
    "proxy.routes[].rewrite",
    "proxy.routes[].action",
    "proxy.routes[].reject.code",
    "proxy.routes[].reject.reason",
    "proxy.routes[].reject.headers",
    "proxy.routes[].codecs",
    "proxy.routes[].media_proxy",
    "proxy.routes[].max_ring_time",
    "ami.allows",
    "ami.tokens[].token",
    "ami.tokens[].scopes",
    "ami.tokens[].name",
    "cluster.enabled",
)

NOT_YET: tuple[str, ...] = (
    "https_addr",
    "database_url",
    "trusted_proxies",
    "console",
    "outbound",
    "rwi",
    "rwi_webhook",
    "recording",
    "callrecord",
    "sipflow",
    "metrics",
    "monitor",
    "wholesale",
    "proxy.rwi_path",
    "proxy.rtc_cname",
    "proxy.max_concurrency",
    "proxy.ua_black_list",
    "proxy.ua_white_list",
    "proxy.ensure_user",
    "proxy.frequency_limiter",
    "proxy.dialog_auth_cache",
    "proxy.dos_enabled",
    "proxy.dos_max_cps_per_ip",
    "proxy.dos_max_concurrent_per_ip",
    "proxy.dos_scan_probe_threshold",
    "proxy.dos_scan_block_duration_secs",
    "proxy.uri_max_length",
    "proxy.uri_reject_malformed",
    "proxy.session_cmd_channel_capacity",
    "proxy.session_state_channel_capacity",
    "proxy.video_codecs",
    "proxy.rtp_timeout",
    "proxy.addons",
    "proxy.sip_flow_max_items",
    "proxy.emergency",
    "proxy.queue_dir",
    "proxy.jwt_auth",
    "proxy.locator_webhook",
    "proxy.trunks",
    "proxy.queues",
    "proxy.ivrs",
    "proxy.http_router",
    "proxy.recording",
    "proxy.ivr_fallback",
    "proxy.locator.url",
    "proxy.locator.table_name",
    "proxy.locator.method",
    "proxy.locator.username_field",
    "proxy.locator.realm_field",
    "proxy.locator.expires_field",
    "proxy.locator.headers",
    "proxy.locator.timeout_ms",
    "proxy.user_backends[].cache_ttl_secs",
    "proxy.user_backends[].url",
    "proxy.user_backends[].database_url",
    "proxy.user_backends[].table_name",
    "proxy.user_backends[].username_column",
    "proxy.user_backends[].password_column",
    "proxy.user_backends[].id_column",
    "proxy.user_backends[].enabled_column",
    "proxy.user_backends[].realm_column",
    "proxy.user_backends[].ha1_column",
    "proxy.user_backends[].ha1_sha256_column",
    "proxy.user_backends[].method",
    "proxy.user_backends[].username_field",
    "proxy.user_backends[].realm_field",
    "proxy.user_backends[].request_uri_field",
    "proxy.user_backends[].headers",
    "proxy.user_backends[].sip_headers",
    "proxy.user_backends[].token_header",
    "proxy.user_backends[].token_cache_ttl_secs",
    "proxy.user_backends[].token_cache_size",
    "proxy.user_backends[].http_timeout_ms",
    "proxy.user_backends[].http_retry_count",
    "proxy.user_backends[].http_retry_delay_ms",
    "proxy.user_backends[].path",
    "proxy.user_backends[].ttl",
    "proxy.user_backends[].users[].id",
    "proxy.user_backends[].users[].departments",
    "proxy.user_backends[].users[].email",
    "proxy.user_backends[].users[].note",
    "proxy.user_backends[].users[].allow_guest_calls",
    "proxy.user_backends[].users[].voicemail_disabled",
    "proxy.user_backends[].users[].call_forwarding_mode",
    "proxy.user_backends[].users[].call_forwarding_destination",
    "proxy.user_backends[].users[].call_forwarding_timeout",
    "proxy.user_backends[].users[].is_support_webrtc",
    "proxy.routes[].source_trunks",
    "proxy.routes[].source_trunk_ids",
    "proxy.routes[].dest",
    "proxy.routes[].select",
    "proxy.routes[].hash_key",
    "proxy.routes[].queue",
    "proxy.routes[].app",
    "proxy.routes[].app_params",
    "proxy.routes[].auto_answer",
    "proxy.routes[].disable_ice_servers",
    "proxy.routes[].policy",
    "proxy.routes[].recording",
)

MEDIA_MODES = frozenset({"auto", "all", "none"})


def is_plain_rewrite(rewrite: dict[str, str]) -> bool:
    """True for a rewrite the engine can do: a fixed called user."""
    return set(rewrite) <= {"to.user"} and not any(map(placeholders, rewrite.values()))


# Keys that act with some of their values only.
VALUES: dict[str, Callable[[Any], bool]] = {
    "proxy.media_proxy": MEDIA_MODES.__contains__,
    "proxy.codec_strategy": lambda value: value == "performance",
    "proxy.locator.type": lambda value: value == "memory",
    "proxy.user_backends[].type": lambda value: value == "memory",
    "proxy.routes[].action": frozenset({"forward", "reject", "busy"}).__contains__,
    "proxy.routes[].rewrite": is_plain_rewrite,
    "proxy.routes[].media_proxy": MEDIA_MODES.__contains__,
}

_NOT_YET = frozenset(NOT_YET)
_NOTICE = "not yet effective in this release"
# Kinds whose files are read for their names only: one warning a file.
_WHOLE_FILES = ("trunks", "queues", "ivrs")
_FILE_TABLES = {"trunks": "trunks", "queues": "queue", "ivrs": "ivr"}


def not_yet_effective(config: Config) -> Iterator[Problem]:
    """A warning for each key that is given in a file and does nothing yet."""
    for path, value in _walk(config.main, (), ""):
        if path[:2] != ("proxy", "routes"):
            yield _notice(config.document, path, value)
    for entry in config.routes:
        for path, value in _walk(entry.value, (), "proxy.routes[]"):
            yield _notice(entry.document, (*entry.path, *path), value)
    for kind in _WHOLE_FILES:
        for document in config.files.get(kind, ()) if f"proxy.{kind}" in _NOT_YET else ():
            yield document.problem((_FILE_TABLES[kind],), _NOTICE, severity="warning")


def inert_keys(entry: Entry[Any], pattern: str) -> list[KeyPath]:
    """Keys of one entry that are given and do nothing yet."""
    return [path for path, _ in _walk(entry.value, (), pattern)]


def _notice(document: Document, path: KeyPath, value: Any) -> Problem:
    head = f'"{value}": ' if isinstance(value, str) else ""
    return document.problem(path, head + _NOTICE, severity="warning")


def _walk(value: Any, path: KeyPath, pattern: str) -> Iterator[tuple[KeyPath, Any]]:
    """Inert keys below `value`; the second item is the value if only that value is inert, else None."""
    if isinstance(value, Table):
        # The type first: when it does nothing, its keys need no word.
        names = [name for name in type(value).model_fields if name in value.model_fields_set]
        for name in sorted(names, key=lambda name: name != "type"):
            found = list(_key(getattr(value, name), (*path, name), f"{pattern}.{name}".lstrip(".")))
            yield from found
            if name == "type" and found:
                return
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _walk(member, (*path, name), f"{pattern}.*")
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from _key(member, (*path, number), f"{pattern}[]")


def _key(value: Any, path: KeyPath, pattern: str) -> Iterator[tuple[KeyPath, Any]]:
    if pattern in _NOT_YET:
        yield path, None
    elif pattern in VALUES and not VALUES[pattern](value):
        yield path, value
    else:
        yield from _walk(value, path, pattern)
