"""Builds the document the engine starts with. The engine has no defaults: every value is written out here."""

import ipaddress
import json
from typing import Any

from pbx.config.acl_rule import parse_acl_rule
from pbx.config.config import Config
from pbx.config.effective import MEDIA_MODES
from pbx.config.machine import Machine
from pbx.config.routes import compile_routes
from pbx.config.tables.proxy.calls import MODULES
from pbx.config.tables.proxy.identity import normal_host, realm_parts
from pbx.config.tables.user import SipUser
from pbx.config.tables.user_backend import MemoryBackend

Json = dict[str, Any]

# Caps of tables that strangers can fill. They bound the memory of one process to about 3.5 GiB at the very worst;
# a machine that serves more calls than this runs several processes.
# A call takes about 100 transaction-seconds with the default timers: room for 5,000 calls/s without end.
MAX_TRANSACTIONS = 524_288
MAX_CALLS = 65_536
MAX_BINDINGS = 1_048_576
MAX_QUERIES = 16_384
# Connections: fixed by the configuration contract.
MAX_CONNECTIONS = 65_536
MAX_CONNECTIONS_PER_SOURCE = 256
MAX_WRITE_QUEUE = 1024 * 1024
IDLE_SECS = 300
PARTIAL_SECS = 30
CONNECT_SECS = 10
HANDSHAKE_SECS = 10
WS_PING_SECS = 25
WS_PONG_SECS = 60
# News and questions on the way to Python, decisions on the way back: one for each call that may wait.
MAX_QUEUED_ASKS = MAX_QUERIES
MAX_QUEUED_EVENTS = 16_384
MAX_QUEUED_INPUTS = 32_768
MAX_SIP_WORKERS = 8
MAX_MEDIA_WORKERS = 64


def compile_json(config: Config, machine: Machine, *, generation: int, ask_router: bool) -> str:
    """The document as the engine reads it."""
    return json.dumps(compile_document(config, machine, generation=generation, ask_router=ask_router))


def compile_document(config: Config, machine: Machine, *, generation: int, ask_router: bool) -> Json:
    """The whole document. `ask_router`: a Python router wants to see each new call before the static routes."""
    return {"net": _net(config, machine), "switch": _switch(config, machine, generation, ask_router)}


def _net(config: Config, machine: Machine) -> Json:
    proxy = config.proxy
    streams = {
        name: _sockets(proxy.addr, [] if port is None else [port])
        for name, port in (("tcp", proxy.tcp_port), ("tls", proxy.tls_port), ("ws", proxy.ws_port))
    }
    authorities = proxy.tls_ca_certificates
    return {
        "udp": _sockets(proxy.addr, proxy.all_udp_ports),
        **streams,
        "ws_path": proxy.ws_handler,
        "certificate": _certificate(config),
        "ca_certificates": None if authorities is None else str(config.resolve(authorities)),
        "sip_worker_threads": proxy.sip_worker_threads or _sip_workers(machine.cores),
        "media_worker_threads": proxy.media_worker_threads or _media_workers(machine.cores),
        "media_cmd_channel_capacity": proxy.media_cmd_channel_capacity,
        "media_event_channel_capacity": proxy.media_event_channel_capacity,
        "max_connections": MAX_CONNECTIONS,
        "max_connections_per_source": MAX_CONNECTIONS_PER_SOURCE,
        "idle_secs": IDLE_SECS,
        "partial_secs": PARTIAL_SECS,
        "connect_secs": CONNECT_SECS,
        "handshake_secs": HANDSHAKE_SECS,
        "ws_ping_secs": WS_PING_SECS,
        "ws_pong_secs": WS_PONG_SECS,
        "max_write_queue": MAX_WRITE_QUEUE,
        "max_queued_asks": MAX_QUEUED_ASKS,
        "max_queued_events": MAX_QUEUED_EVENTS,
        "max_queued_inputs": MAX_QUEUED_INPUTS,
    }


def _certificate(config: Config) -> Json | None:
    """The pair of `[proxy]`, else the top-level one: never half of each."""
    for table in (config.proxy, config.main):
        if table.ssl_certificate is not None and table.ssl_private_key is not None:
            return {
                "certificate": str(config.resolve(table.ssl_certificate)),
                "private_key": str(config.resolve(table.ssl_private_key)),
            }
    return None


def _sockets(addresses: list[str], ports: list[int]) -> list[str]:
    return [
        f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        for port in ports
        for address in addresses
    ]


def _sip_workers(cores: int) -> int:
    return 1 if cores <= 2 else min(MAX_SIP_WORKERS, cores // 2)


def _media_workers(cores: int) -> int:
    return min(MAX_MEDIA_WORKERS, max(1, cores - _sip_workers(cores)))


def _switch(config: Config, machine: Machine, generation: int, ask_router: bool) -> Json:  # noqa: FBT001 - internal
    proxy = config.proxy
    return {
        "generation": generation,
        "identity": _identity(config, machine),
        "t1_ms": proxy.t1_timer,
        "t1x64_ms": proxy.t1x64,
        "modules": [name for name in proxy.modules if name in MODULES],
        "acl": [_acl(entry.value, entry.origin) for entry in config.acl_rules],
        "users": _users(config),
        "routes": compile_routes(config.routes),
        "registrar": {
            "expires_secs": min(proxy.registrar_expires, proxy.max_registrar_expires),
            "max_expires_secs": proxy.max_registrar_expires,
            "max_bindings": proxy.max_bindings_per_user,
        },
        "call": {
            "passthrough_failure": proxy.passthrough_failure,
            "max_ring_secs": proxy.max_ring_time,
            "parallel_fork": proxy.parallel_fork,
            "ask_router": ask_router,
            "blind_transfer_use_refer": proxy.blind_transfer_use_refer,
            "decision_timeout_ms": proxy.decision_timeout_ms,
            "session_timer": _session_timer(config),
        },
        "media": _media(config),
        "nat_fix": proxy.nat_fix,
        "limits": {
            "max_message_size": proxy.max_message_size,
            "max_transactions": MAX_TRANSACTIONS,
            "max_calls": MAX_CALLS,
            "max_bindings": MAX_BINDINGS,
            "max_queries": MAX_QUERIES,
        },
    }


def _session_timer(config: Config) -> Json | None:
    proxy = config.proxy
    if not proxy.session_timers_on:
        return None
    return {"always": proxy.session_timer_always, "expires_secs": proxy.session_expires}


def _identity(config: Config, machine: Machine) -> Json:
    proxy = config.proxy
    return {
        "user_agent": f"pbx/{machine.version}" if proxy.useragent is None else proxy.useragent,
        "callid_suffix": _callid_suffix(config, machine)
        if proxy.callid_suffix is None
        else proxy.callid_suffix,
        "contact_username": proxy.contact_username or machine.identity,
        "realms": [dict(zip(("host", "port"), realm_parts(realm), strict=True)) for realm in proxy.realms],
        "external_ips": config.main.external_ip or [],
        "machine_ips": list(machine.addresses),
    }


def _callid_suffix(config: Config, machine: Machine) -> str:
    first = (config.main.external_ip or config.proxy.addr)[0]
    return machine.primary if ipaddress.ip_address(first).is_unspecified else first


def _acl(text: str, origin: str) -> Json:
    rule = parse_acl_rule(text)
    net = None if rule.network is None else str(rule.network)
    return {"allow": rule.action == "allow", "net": net, "origin": origin}


def _users(config: Config) -> list[Json]:
    backends = [backend for backend in config.proxy.user_backends or [] if isinstance(backend, MemoryBackend)]
    return [_user(user, backend.realms) for backend in backends for user in backend.users]


def _user(user: SipUser, realms: list[str]) -> Json:
    return {
        "username": user.username,
        "realm": normal_host(user.realm) if user.realm else None,
        "backend_realms": [normal_host(realm) for realm in realms],
        "secret": _secret(user),
        "enabled": user.enabled,
        "aliases": [*([user.phone] if user.phone else []), *user.aliases],
        "display_name": user.display_name,
    }


def _secret(user: SipUser) -> Json | None:
    # The clear password serves both algorithms, a stored hash only its own.
    for name, secret in (("password", user.password), ("ha1_sha256", user.ha1_sha256), ("ha1", user.ha1)):
        if secret is not None and secret.get_secret_value():
            return {name: secret.get_secret_value()}
    return None


def _media(config: Config) -> Json:
    main, proxy = config.main, config.proxy
    return {
        "mode": proxy.media_proxy if proxy.media_proxy in MEDIA_MODES else "auto",
        "rtp_start_port": main.rtp_start_port,
        "rtp_end_port": main.rtp_end_port,
        "bind_ips": proxy.addr,
        "audio_codecs": proxy.audio_codecs,
        # The other strategy adds transcoding, which comes with the codecs.
        "codec_strategy": "performance",
        "enable_latching": proxy.enable_latching,
        "latching_probation_max_packets": proxy.latching_probation_max_packets,
    }
