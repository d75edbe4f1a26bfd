"""Which values must never be shown, decided by the name of the key so that it also holds for a key that is refused."""

import re
from typing import Any

from pbx.config.positions import KeyPath

MASK = "***"
_SECRET = re.compile(
    r"((.*_)?(password|passwd|secret|token)|ha1(_sha256)?|(access|secret|api)_key)", re.IGNORECASE
)
_SECRET_HEADER = re.compile(r"authorization|cookie|token|key|secret|password", re.IGNORECASE)
# A scalar written where one of these tables belongs is likely the secret itself.
_CARRIERS = {"tokens", "api_tokens", "users"}
_URL_PASSWORD = re.compile(r"(://[^/@:\s]*:)[^/@\s]*(@)")


def is_secret(path: KeyPath) -> bool:
    """True when a scalar at this path is a password, a token or the like."""
    names = [part for part in path if isinstance(part, str)]
    if not names:
        return False
    if _SECRET.fullmatch(names[-1]) or names[-1] in _CARRIERS:
        return True
    return len(names) > 1 and names[-2] == "headers" and _SECRET_HEADER.search(names[-1]) is not None


def masked(path: KeyPath, value: Any) -> Any:
    """`value` as it may be shown: secrets as `***`, URL passwords cut out, containers by their kind only."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if value not in {None, ""} and is_secret(path):
        return MASK
    if isinstance(value, str):
        return _URL_PASSWORD.sub(rf"\1{MASK}\2", value)
    return value
