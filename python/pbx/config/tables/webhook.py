"""Webhooks: `[proxy.locator_webhook]` and `[rwi_webhook]`."""

from typing import Annotated, Literal

from pbx.config.tables.scalars import HeaderMap, HttpUrl, NonEmpty, OptSecret
from pbx.config.tables.table import FOLD, Table, key


class _Webhook(Table):
    url: HttpUrl = key(..., "Where events are posted.")
    headers: HeaderMap = key({}, "HTTP headers sent along.")
    timeout_ms: int = key(5000, "Longest wait for the reply, ms.", ge=1, le=600_000)
    secret: OptSecret = key(None, "Key of the signature header.")


class LocatorWebhook(_Webhook):
    """Events about bindings."""

    events: list[Annotated[Literal["registered", "unregistered", "offline"], FOLD]] = key(
        [], "Events posted; empty: all."
    )


class RwiWebhook(_Webhook):
    """Events about calls."""

    events: list[NonEmpty] = key([], "Events posted; empty: all.")
