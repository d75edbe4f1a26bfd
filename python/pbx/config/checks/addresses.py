"""Listeners, ports, certificate pairs and paths of the HTTP server."""

import ipaddress
import ssl
from collections.abc import Iterator

from pbx.config.config import Config
from pbx.config.positions import KeyPath
from pbx.config.problem import Problem
from pbx.config.tables.scalars import split_host_port

Pair = tuple[str | None, str | None]


def check_addresses(config: Config) -> Iterator[Problem]:
    """Rules of listeners and transport."""
    yield from _ports(config)
    yield from _certificates(config)
    yield from _paths(config)
    yield from _public_http(config)


def _ports(config: Config) -> Iterator[Problem]:
    main, document = config.main, config.document
    if main.rtp_start_port >= main.rtp_end_port:
        key = "rtp_end_port" if "rtp_end_port" in main.model_fields_set else "rtp_start_port"
        yield document.problem(
            (key,), f"rtp_start_port {main.rtp_start_port} is not below rtp_end_port {main.rtp_end_port}"
        )
        return
    for path, port in _udp_ports(config):
        if main.rtp_start_port <= port <= main.rtp_end_port:
            reason = f"{port} is inside the RTP port range {main.rtp_start_port} to {main.rtp_end_port}"
            yield document.problem(path, reason)


def _udp_ports(config: Config) -> Iterator[tuple[KeyPath, int]]:
    proxy = config.proxy
    if not proxy.has_listener_key:
        yield ("rtp_start_port",), 5060
    if proxy.udp_port is not None:
        yield ("proxy", "udp_port"), proxy.udp_port
    for number, port in enumerate(proxy.udp_ports or []):
        yield ("proxy", "udp_ports", number), port


def _certificates(config: Config) -> Iterator[Problem]:
    main, proxy = config.main, config.proxy
    top = (main.ssl_certificate, main.ssl_private_key)
    own = (proxy.ssl_certificate, proxy.ssl_private_key)
    yield from _pair(config, (), top)
    yield from _pair(config, ("proxy",), own)
    if main.https_addr is not None and not any(top):
        yield config.document.problem(("https_addr",), "needs ssl_certificate and ssl_private_key")
    if proxy.tls_port is not None and not any(own) and not any(top):
        yield config.document.problem(("proxy", "tls_port"), "needs ssl_certificate and ssl_private_key")


def _pair(config: Config, table: KeyPath, pair: Pair) -> Iterator[Problem]:
    document = config.document
    names = ("ssl_certificate", "ssl_private_key")
    given = [name for name in names if document.value((*table, name))]
    if len(given) == 1:
        absent = names[1 - names.index(given[0])]
        yield document.problem((*table, given[0]), f"given without {absent}")
    certificate, key = pair
    if certificate is None or key is None:
        return
    try:
        # Which of the two cannot be read is told by the rule about files.
        for file in (certificate, key):
            config.resolve(file).open("rb").close()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # An encrypted key must not ask the terminal for its password.
        context.load_cert_chain(config.resolve(certificate), config.resolve(key), password="")
    except ssl.SSLError as error:
        reason = (error.reason or "not PEM").replace("_", " ").lower()
        yield document.problem((*table, "ssl_private_key"), f"the certificate pair cannot be used: {reason}")
    except OSError:
        return


def _paths(config: Config) -> Iterator[Problem]:
    paths: list[tuple[KeyPath, str]] = [
        (("proxy", name), getattr(config.proxy, name)) for name in ("ami_path", "rwi_path", "ws_handler")
    ]
    if console := config.main.console:
        paths += [
            (("console", "base_path"), console.base_path),
            (("console", "api_prefix"), console.api_prefix),
        ]
    for place, (path, text) in enumerate(paths):
        for other, (_, earlier) in enumerate(paths):
            if place != other and _is_prefix(text, earlier) and (text != earlier or other < place):
                yield config.document.problem(path, f'"{text}" is a prefix of "{earlier}"')


def _is_prefix(left: str, right: str) -> bool:
    return right == left or right.startswith(left.rstrip("/") + "/")


def _public_http(config: Config) -> Iterator[Problem]:
    main = config.main
    if main.http_addr is None or main.https_addr is not None:
        return
    address = ipaddress.ip_address(split_host_port(main.http_addr)[0])
    if address.is_unspecified or not _is_private(address):
        message = f'"{main.http_addr}" can be reached from outside without TLS; set https_addr'
        yield config.document.problem(("http_addr",), message, severity="warning")


_PRIVATE = tuple(
    ipaddress.ip_network(block)
    for block in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "0.0.0.0/8",
        "::1/128",
        "::/128",
        "fe80::/10",
        "fc00::/7",
    )
)


def _is_private(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(address in block for block in _PRIVATE if block.version == address.version)
