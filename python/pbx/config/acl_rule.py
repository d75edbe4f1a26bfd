"""Grammar of one access rule: `allow` or `deny`, then `all`, an address or a CIDR block."""

import ipaddress
from dataclasses import dataclass
from typing import Literal, Self, cast

from pbx.config.suggest import nearest
from pbx.config.tables.scalars import parse_network
from pbx.config.tables.table import refuse

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class AclRule:
    """A parsed rule. `network` None means all sources; `masked` tells that host bits were set and dropped."""

    action: Literal["allow", "deny"]
    network: Network | None
    masked: bool = False

    def __str__(self) -> str:
        return f"{self.action} {self.network or 'all'}"


class WrittenRule(str):
    """The text of a rule together with what it means, so that a long list is parsed once."""

    __slots__ = ("rule",)
    rule: AclRule

    def __new__(cls, text: str) -> Self:
        written = super().__new__(cls, text)
        written.rule = _parse(text)
        return written


def parse_acl_rule(text: str) -> AclRule:
    """Parse one rule; the error says what is wrong with it."""
    return text.rule if isinstance(text, WrittenRule) else _parse(text)


def _parse(text: str) -> AclRule:
    words = text.split()
    action = words[0].lower() if words else ""
    if action not in {"allow", "deny"}:
        raise refuse("the action is allow or deny", nearest(action, ("allow", "deny")))
    if len(words) != 2:
        raise refuse(f'one address, CIDR block or "all" follows "{action}"')
    verdict = cast('Literal["allow", "deny"]', action)
    if words[1].lower() == "all":
        return AclRule(verdict, None)
    try:
        network = parse_network(words[1])
    except ValueError:
        raise refuse('the source is "all", an IP address or a CIDR block') from None
    address, slash, _ = words[1].partition("/")
    masked = slash != "" and parse_network(address).network_address != network.network_address
    return AclRule(verdict, network, masked)
