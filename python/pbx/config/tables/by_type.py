"""Tables whose other keys depend on their `type`."""

from collections.abc import Mapping
from typing import Any

from pydantic import Discriminator


def by_type(default: str | None = None, *, aliases: Mapping[str, str] | None = None) -> Discriminator:
    """Choose the model by the key `type`, in any case.

    `default` is taken when the key is absent; `aliases` maps further types to the tag whose model they share.
    """
    shared = aliases or {}

    def chosen(value: Any) -> str | None:
        kind = value.get("type", default) if isinstance(value, dict) else getattr(value, "type", default)
        return shared.get(kind.lower(), kind.lower()) if isinstance(kind, str) else None

    return Discriminator(chosen)
