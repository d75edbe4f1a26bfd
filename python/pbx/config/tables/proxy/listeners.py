"""Keys of `[proxy]` about listeners and transport."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field

from pbx.config.tables.scalars import Ip, OptReadPath, Port, UrlPath
from pbx.config.tables.table import LISTED, Table, key, refuse

LISTENER_KEYS = ("udp_port", "udp_ports", "tcp_port", "tls_port", "ws_port")


def _one_per_family(addresses: list[str]) -> list[str]:
    versions = [ipaddress.ip_address(address).version for address in addresses]
    if len(versions) != len(set(versions)):
        raise refuse("at most one IPv4 and one IPv6 address")
    return addresses


IpPair = Annotated[list[Ip], LISTED, Field(min_length=1, max_length=2), AfterValidator(_one_per_family)]
BindAddresses = Annotated[list[Ip], LISTED, Field(min_length=1)]


class ListenerKeys(Table):
    """Where SIP is received."""

    addr: BindAddresses = key(
        ["0.0.0.0"],  # noqa: S104 - the documented default
        "Bind address of every SIP listener and of RTP, or a list of them.",
        reload="restart",
    )
    udp_port: Port | None = key(
        None, "UDP port; 5060 if no listener key is given at all, else off.", reload="restart"
    )
    udp_ports: list[Port] | None = key(
        None, "More UDP ports, one listener each, after udp_port.", reload="restart"
    )
    tcp_port: Port | None = key(None, "TCP port; off unless given.", reload="restart")
    tls_port: Port | None = key(
        None, "TLS port; off unless given; needs a certificate pair.", reload="restart"
    )
    ssl_certificate: OptReadPath = key(
        None, "PEM chain for SIP over TLS; the top-level pair if neither is given."
    )
    ssl_private_key: OptReadPath = key(None, "PEM key that belongs to ssl_certificate.")
    ws_port: Port | None = key(
        None, "SIP over WebSocket on its own port; off unless given.", reload="restart"
    )
    ws_handler: UrlPath = key("/ws", "Path of SIP over WebSocket.", reload="restart")
    rwi_path: UrlPath = key(
        "/rwi/v1", "Path of the call control WebSocket on the HTTP server.", reload="restart"
    )
    ami_path: UrlPath = key(
        "/ami/v1", "Prefix of the management endpoints on the HTTP server.", reload="restart"
    )
    tls_ca_certificates: OptReadPath = key(None, "CA file for outbound TLS; the system's store if not given.")

    @property
    def has_listener_key(self) -> bool:
        """True when the file names any listener, so that only the named ones are opened."""
        return any(getattr(self, name) is not None for name in LISTENER_KEYS)

    @property
    def all_udp_ports(self) -> list[int]:
        """Every UDP port to open, in order: udp_port first, duplicates dropped (0 is a different port each time)."""
        if not self.has_listener_key:
            return [5060]
        wanted = [*([] if self.udp_port is None else [self.udp_port]), *(self.udp_ports or [])]
        return [port for place, port in enumerate(wanted) if port == 0 or port not in wanted[:place]]
