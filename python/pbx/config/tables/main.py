"""The main file, and the files it names."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from pbx.config.suggest import nearest
from pbx.config.tables.addons import Cluster, Metrics, Monitor, Wholesale
from pbx.config.tables.names import AclText
from pbx.config.tables.proxy.listeners import IpPair
from pbx.config.tables.proxy.proxy import Proxy
from pbx.config.tables.recording import Recording
from pbx.config.tables.records import CallRecord, SipFlow
from pbx.config.tables.route import Route
from pbx.config.tables.scalars import (
    DatabaseUrl,
    Network,
    NonEmpty,
    OptReadPath,
    OptWritePath,
    SocketAddress,
)
from pbx.config.tables.services import Ami, Console, Outbound, Rwi
from pbx.config.tables.table import UNSET, Table, key, refuse
from pbx.config.tables.trunk import Trunk
from pbx.config.tables.webhook import RwiWebhook

LEVELS = ("error", "warn", "info", "debug", "trace")
_TARGET = re.compile(r"[A-Za-z_][A-Za-z0-9_.:]*")


def _log_level(text: str) -> str:
    for part in text.split(","):
        target, equals, level = part.strip().rpartition("=")
        if level.strip().lower() not in LEVELS:
            raise refuse(f"a level is one of {', '.join(LEVELS)}", nearest(level.strip(), LEVELS))
        if equals and not _TARGET.fullmatch(target.strip()):
            raise refuse("target=level is needed")
    return text


class Main(Table):
    """`pbx.toml`."""

    http_addr: Annotated[SocketAddress | None, UNSET] = key(
        "127.0.0.1:8080", 'HTTP server, "ip:port"; "" for none.', reload="restart"
    )
    https_addr: Annotated[SocketAddress | None, UNSET] = key(None, "The same over TLS.", reload="restart")
    ssl_certificate: OptReadPath = key(None, "PEM chain.")
    ssl_private_key: OptReadPath = key(None, "PEM key.")
    external_ip: Annotated[IpPair | None, UNSET] = key(
        None, "Address shown to public peers, or one of each family.", reload="new calls"
    )
    rtp_start_port: int = key(12000, "First RTP port.", ge=1024, le=65_534, reload="new calls")
    rtp_end_port: int = key(42000, "Last RTP port.", ge=1024, le=65_534, reload="new calls")
    database_url: DatabaseUrl = key(
        "sqlite://pbx.sqlite3", "Store of records, extensions, console.", reload="restart"
    )
    log_level: Annotated[str, Field(min_length=1), AfterValidator(_log_level)] = key(
        "info", "error, warn, info, debug, trace, or target=level,…"
    )
    log_file: OptWritePath = key(None, "Log file; standard error if not given.")
    trusted_proxies: list[Network] = key([], "Proxies that may tell the client's address.")
    shutdown_drain_secs: int = key(30, "How long calls may go on after SIGTERM, s.", ge=0, le=86_400)
    proxy: Proxy = key(Proxy(), "SIP.")
    console: Console | None = key(None, "Web console.", reload="restart")
    ami: Ami = key(Ami(), "Who may use the management endpoints.")
    outbound: Outbound | None = key(None, "Calls begun by programs.")
    rwi: Rwi | None = key(None, "Call control over WebSocket.")
    rwi_webhook: RwiWebhook | None = key(None, "Who is told about calls.")
    recording: Recording | None = key(None, "Recording.", reload="new calls")
    callrecord: CallRecord | None = key(None, "Call records.", reload="new calls")
    sipflow: SipFlow | None = key(None, "SIP messages on disk.", reload="new calls")
    metrics: Metrics | None = key(None, "Counters.")
    monitor: Monitor | None = key(None, "Live calls and alerts.")
    wholesale: Wholesale | None = key(None, "Prepaid calls.")
    cluster: Cluster | None = key(None, "Reserved.", reload="restart")


class RouteFile(Table):
    """A file of `routes_files`."""

    routes: list[Route] = key([], "Routes.")


class TrunkFile(Table):
    """A file of `trunks_files`."""

    trunks: dict[NonEmpty, Trunk] = key({}, "Trunks.")


class AclFile(Table):
    """A file of `acl_files`."""

    acl_rules: list[AclText] = key([], "Access rules.")
