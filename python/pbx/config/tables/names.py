"""Types whose values name something defined elsewhere, or follow a small grammar of their own."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from pbx.config.acl_rule import WrittenRule
from pbx.config.pattern import check_pattern
from pbx.config.sound import check_sound
from pbx.config.tables.scalars import NonEmpty, host_fault, split_host_port
from pbx.config.tables.table import UNSET, refuse
from pbx.config.target import check_target

_SIP_URI = re.compile(r"(sips?):([^@<>\s]+@)?([^;?<>\s]+)([;?][^<>\s]*)?", re.IGNORECASE)


class TrunkName(str):
    """Name of a trunk; it must exist."""

    __slots__ = ()


class QueueName(str):
    """Name, id or file of a queue; it must exist."""

    __slots__ = ()


class IvrName(str):
    """Name of an IVR; it must exist."""

    __slots__ = ()


def _next_hop(text: str) -> str:
    uri = _SIP_URI.fullmatch(text)
    host, port = split_host_port(uri.group(3) if uri else text)
    numeric = port is None or (port.isascii() and port.isdigit() and 0 < int(port) <= 65535)
    if host_fault(host) or not numeric:
        raise refuse("host, host:port or a SIP URI is needed")
    return text


Pattern = Annotated[str, AfterValidator(check_pattern)]
Target = Annotated[str, AfterValidator(check_target)]
Sound = Annotated[str, AfterValidator(check_sound)]
OptPattern = Annotated[Pattern | None, UNSET]
OptTarget = Annotated[Target | None, UNSET]
OptSound = Annotated[Sound | None, UNSET]
TrunkRef = Annotated[NonEmpty, AfterValidator(TrunkName)]
QueueRef = Annotated[NonEmpty, AfterValidator(QueueName)]
IvrRef = Annotated[NonEmpty, AfterValidator(IvrName)]
AclText = Annotated[str, AfterValidator(WrittenRule)]
NextHop = Annotated[str, Field(min_length=1), AfterValidator(_next_hop)]
Anything = dict[str, Any]
