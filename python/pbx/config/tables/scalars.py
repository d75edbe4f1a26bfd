"""Types of single values that many tables share."""

import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from pbx.config.tables.table import FOLD, UNSET, UPPER, refuse

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!%*_+`'~.-]+")
_SQL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class FilePath(str):
    """Path of a file that must be readable when the configuration is loaded."""

    __slots__ = ()


class OutputPath(str):
    """Path of a file or directory that we write."""

    __slots__ = ()


def _ip(value: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise refuse("an IP address is needed, no host name") from None
    return str(getattr(address, "ipv4_mapped", None) or address)


def parse_network(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Address or CIDR block, host bits dropped. An IPv4 address in its IPv6 clothes is the IPv4 address."""
    network = ipaddress.ip_network(value, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.ip_network((mapped, network.prefixlen - 96))


def _network(value: str) -> str:
    try:
        return str(parse_network(value))
    except ValueError:
        raise refuse("an IP address or CIDR block is needed") from None


def host_fault(value: str) -> str | None:
    """Why `value` is neither a host name nor an IP address, None if it is one."""
    try:
        ipaddress.ip_address(value.removeprefix("[").removesuffix("]"))
    except ValueError:
        pass
    else:
        return None
    try:
        name = value.removesuffix(".").encode("idna").decode("ascii")
    except UnicodeError:
        return "not a host name"
    if name and len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split(".")):
        return None
    return "not a host name"


def _host(value: str) -> str:
    if fault := host_fault(value):
        raise refuse(fault)
    return value


def split_host_port(value: str) -> tuple[str, str | None]:
    """Host (without brackets) and port text of `host`, `host:port`, `[v6]:port` or a bare IPv6 address."""
    if value.startswith("["):
        host, _, rest = value[1:].partition("]")
        return host, rest.removeprefix(":") if rest else None
    if value.count(":") > 1:
        return value, None
    host, colon, port = value.partition(":")
    return host, port if colon else None


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535


def _host_port(value: str) -> str:
    host, port = split_host_port(value)
    if host_fault(host) or (port is not None and not _is_port(port)):
        raise refuse("a host or host:port is needed")
    return value


def _socket_address(value: str) -> str:
    host, port = split_host_port(value)
    if port is None or not _is_port(port):
        raise refuse('"ip:port" is needed')
    _ip(host)
    return value


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(character <= " " for character in value):
        raise refuse("an http:// or https:// URL is needed")
    return value


def _database_url(value: str) -> str:
    if not value.startswith(("sqlite://", "postgresql://")) or value.endswith("://"):
        raise refuse("sqlite://PATH or postgresql://… is needed")
    return value


def _header_name(value: str) -> str:
    if not _HEADER_NAME.fullmatch(value):
        raise refuse("not a header name")
    return value


def _one_line(value: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise refuse("control characters are not allowed")
    return value


def _sql_name(value: str) -> str:
    if not _SQL_NAME.fullmatch(value):
        raise refuse("a table or column name of letters, digits and _ is needed")
    return value


def _url_path(value: str) -> str:
    if not value.startswith("/") or any(part in value for part in ("..", "?", "#", " ")):
        raise refuse('a path begins with "/" and has no "..", "?" or "#"')
    return value


def _time_of_day(value: str) -> str:
    if not _TIME.fullmatch(value):
        raise refuse('a time "HH:MM" is needed')
    return value


Text = Annotated[str, AfterValidator(_one_line)]
NonEmpty = Annotated[str, Field(min_length=1), AfterValidator(_one_line)]
Ip = Annotated[str, AfterValidator(_ip)]
Network = Annotated[str, AfterValidator(_network)]
Host = Annotated[str, AfterValidator(_host)]
HostPort = Annotated[str, AfterValidator(_host_port)]
SocketAddress = Annotated[str, AfterValidator(_socket_address)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderMap = dict[HeaderName, Text]
SqlName = Annotated[str, AfterValidator(_sql_name)]
UrlPath = Annotated[str, AfterValidator(_url_path)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
ReadPath = Annotated[str, Field(min_length=1), AfterValidator(FilePath)]
WritePath = Annotated[str, Field(min_length=1), AfterValidator(OutputPath)]
Secret = SecretStr
Port = Annotated[int, Field(ge=0, le=65535)]
FailureCode = Annotated[int, Field(ge=400, le=699)]

OptText = Annotated[Text | None, UNSET]
OptHost = Annotated[Host | None, UNSET]
OptReadPath = Annotated[ReadPath | None, UNSET]
OptWritePath = Annotated[WritePath | None, UNSET]
OptSecret = Annotated[Secret | None, UNSET]
OptSqlName = Annotated[SqlName | None, UNSET]
OptHttpUrl = Annotated[HttpUrl | None, UNSET]
OptDatabaseUrl = Annotated[DatabaseUrl | None, UNSET]

MediaProxy = Annotated[Literal["auto", "all", "none", "nat", "bypass"], FOLD]
Direction = Annotated[Literal["inbound", "outbound", "internal"], FOLD]
AudioCodec = Annotated[
    Literal[
        "opus", "g729", "g722", "pcmu", "pcma", "telephone-event",
        "amr", "amr-wb", "evs", "g726-32", "gsm", "ilbc", "l16", "speex",
    ],
    FOLD,
]  # fmt: skip
HttpMethod = Annotated[Literal["GET", "POST"], UPPER]


def _distinct(names: list[str]) -> list[str]:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise refuse(f'"{name}" is listed twice')
    return names


Distinct = AfterValidator(_distinct)
AudioCodecs = Annotated[list[AudioCodec], Field(min_length=1), Distinct]
