"""`[proxy.http_router]`: an HTTP service that decides calls."""

from pbx.config.tables.scalars import HeaderMap, HttpUrl
from pbx.config.tables.table import Table, key


class HttpRouter(Table):
    """The service."""

    url: HttpUrl = key(..., "Where each initial INVITE is posted.")
    headers: HeaderMap = key({}, "HTTP headers sent along.")
    timeout_ms: int = key(5000, "Longest wait for the decision, ms.", ge=1, le=600_000)
    fallback_to_static: bool = key(False, "On failure: true: static routes and bindings, false: 503.")
