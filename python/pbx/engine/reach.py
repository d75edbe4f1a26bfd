"""Who would ring when a call goes to the registered phones of a user."""

import ipaddress
from typing import Any

from pbx.config.tables.user_backend import MemoryBackend
from pbx.engine.instance import Instance

Json = dict[str, Any]

MAX_PAGE = 256
"""Bindings looked at: what one user can have at most."""


def reach(instance: Instance, target: str) -> Json:
    """The phones of `user@host`, or the refusal the caller would get (`config.md` §1)."""
    user, _, host = target.rpartition("@")
    if not _is_ours(instance, host):
        return {"action": "reject", "code": 404, "reason": f"{host} is not ours and no route matches"}
    realms = instance.config.proxy.realms
    realm = host if host in realms or not realms else str(realms[0])
    aor = f"{user}@{realm}"
    # Everything after the text just before it in the order of the listing.
    entries = instance.registrations(MAX_PAGE, aor[:-1])
    phones = [str(entry["contact"]) for entry in entries if entry["aor"] == aor]
    if phones:
        return {"action": "ring", "targets": phones}
    if _is_known(instance, user, realm):
        return {"action": "reject", "code": 480, "reason": f"no phone is registered as {aor}"}
    return {"action": "reject", "code": 404, "reason": f"there is no user {aor}"}


def _is_ours(instance: Instance, host: str) -> bool:
    realms = instance.config.proxy.realms
    if not realms or host in realms or host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return address.is_loopback or str(address) in instance.machine.addresses


def _is_known(instance: Instance, user: str, realm: str) -> bool:
    return any(
        entry.username == user and entry.realm in {None, realm}
        for backend in instance.config.proxy.user_backends or []
        if isinstance(backend, MemoryBackend)
        for entry in backend.users
    )
