"""Keys of `[proxy]` about names: who we are and which domains are ours."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from pbx.config.tables.scalars import HostPort, split_host_port
from pbx.config.tables.table import UNSET, Table, key, refuse

_WORD = re.compile(r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]*")
_CONTACT_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()]{1,64}")
_CNAME = re.compile(r"[!-~]{1,64}")


def normal_host(text: str) -> str:
    """A host as it is compared: lower case, A-label form, no trailing dot, no brackets."""
    host = text.strip("[]").lower().removesuffix(".")
    return host if ":" in host else host.encode("idna").decode("ascii")


def realm_parts(text: str) -> tuple[str, int | None]:
    """Normalised host and port of a `realms` entry."""
    host, port = split_host_port(text)
    return normal_host(host), None if port is None else int(port)


def _printable(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise refuse("printable ASCII characters only")
    return text


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise refuse("characters of a SIP word only")
    return text


def _contact_user(text: str) -> str:
    if not _CONTACT_USER.fullmatch(text):
        raise refuse("1 to 64 letters, digits and -_.!~*'()")
    return text


def _cname(text: str) -> str:
    if not _CNAME.fullmatch(text):
        raise refuse("1 to 64 printable ASCII characters without blanks")
    return text


def _no_repeated_realm(realms: list[str]) -> list[str]:
    seen: dict[tuple[str, int | None], str] = {}
    for realm in realms:
        if (earlier := seen.setdefault(realm_parts(realm), realm)) is not realm or realms.count(realm) > 1:
            raise refuse(f'"{realm}" and "{earlier}" are the same realm')
    return realms


class IdentityKeys(Table):
    """What we call ourselves on the wire."""

    useragent: Annotated[str, Field(max_length=128), AfterValidator(_printable)] | None = key(
        None, 'User-Agent and Server header; "" sends none; pbx/VERSION if not given.'
    )
    callid_suffix: Annotated[str, AfterValidator(_word)] | None = key(
        None,
        'Part after @ in Call-IDs we generate; "" for none; external_ip, else addr, if not given.',
        reload="new calls",
    )
    realms: Annotated[list[HostPort], AfterValidator(_no_repeated_realm)] = key(
        [], "Domains that are ours; empty: every host is.", reload="restart"
    )
    contact_username: Annotated[Annotated[str, AfterValidator(_contact_user)] | None, UNSET] = key(
        None, "User part of our Contact; random for each start if not given.", reload="restart"
    )
    rtc_cname: Annotated[Annotated[str, AfterValidator(_cname)] | None, UNSET] = key(
        None, "RTCP canonical name; the same random string if not given.", reload="restart"
    )
