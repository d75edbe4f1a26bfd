"""Who may use the management interface."""

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pbx.config.tables.services import Ami

Scope = Literal["read", "control", "reload", "flow", "admin"]


class AccessError(Exception):
    """The request is refused with `status`."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, for the audit log, and what he may do."""

    name: str
    scopes: frozenset[str]

    def require(self, scope: Scope) -> None:
        """Raise `AccessError` unless the caller has the scope."""
        if scope not in self.scopes and "*" not in self.scopes:
            raise AccessError(403, "forbidden", f"the token has no scope {scope}")


def identify(ami: Ami, peer: str | None, headers: Mapping[str, str]) -> Caller:
    """Find out who asks.

    A token that is shown decides, even from an allowed peer. Without one the socket's peer must be in `allows`;
    forwarding headers are never looked at. Raises `AccessError`.
    """
    shown = headers.get("authorization")
    if shown is not None:
        return _by_token(ami, shown)
    if peer is not None and _is_allowed(ami.allows, peer):
        return Caller(peer, frozenset("*"))
    if ami.tokens:
        raise AccessError(401, "unauthorized", "a bearer token is needed")
    raise AccessError(403, "forbidden", "this address is not in [ami] allows")


def refuse_cross_origin(headers: Mapping[str, str]) -> None:
    """Raise `AccessError` for what a page of another site makes a browser on an allowed machine send."""
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != headers.get("host"):
        raise AccessError(403, "forbidden", "requests of other sites are not served")


def _by_token(ami: Ami, shown: str) -> Caller:
    scheme, _, secret = shown.partition(" ")
    found: Caller | None = None
    for number, token in enumerate(ami.tokens):
        # Every token is compared, so that time tells nothing about how many there are before the right one.
        if hmac.compare_digest(_secret(token.token).encode(), secret.strip().encode("utf-8", "replace")):
            found = Caller(token.name or f"token#{number + 1}", frozenset(token.scopes))
    if found is None or scheme.lower() != "bearer":
        raise AccessError(401, "unauthorized", "the token is not valid")
    return found


def _secret(value: Any) -> str:
    return str(value.get_secret_value()) if hasattr(value, "get_secret_value") else str(value)


def _is_allowed(allows: list[str], peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(entry == "*" or address in ipaddress.ip_network(entry, strict=False) for entry in allows)
