"""`[proxy.locator]`: where bindings are kept."""

from typing import Annotated, Literal

from pydantic import Field, Tag

from pbx.config.tables.by_type import by_type
from pbx.config.tables.scalars import HeaderMap, HttpMethod, HttpUrl, NonEmpty, OptDatabaseUrl, SqlName
from pbx.config.tables.table import FOLD, Table, key


class MemoryLocator(Table):
    """Bindings that live as long as the process."""

    type: Annotated[Literal["memory"], FOLD] = key("memory", "Kind of store.", reload="restart")


class DatabaseLocator(Table):
    """Bindings in an SQL table."""

    type: Annotated[Literal["database"], FOLD] = key(..., "Kind of store.", reload="restart")
    url: OptDatabaseUrl = key(None, "Database; database_url if not given.", reload="restart")
    table_name: SqlName = key("pbx_locations", "Table of bindings.", reload="restart")


class HttpLocator(Table):
    """Bindings a web service keeps."""

    type: Annotated[Literal["http"], FOLD] = key(..., "Kind of store.", reload="restart")
    url: HttpUrl = key(..., "Address of the service.", reload="restart")
    method: HttpMethod = key("POST", "How it is asked.", reload="restart")
    username_field: NonEmpty = key("username", "Parameter of the user name.", reload="restart")
    realm_field: NonEmpty = key("realm", "Parameter of the realm.", reload="restart")
    expires_field: NonEmpty = key("expires", "Parameter of the expiry.", reload="restart")
    headers: HeaderMap = key({}, "HTTP headers sent along.", reload="restart")
    timeout_ms: int = key(5000, "Longest wait, ms.", ge=1, le=600_000, reload="restart")


Locator = Annotated[
    Annotated[MemoryLocator, Tag("memory")]
    | Annotated[DatabaseLocator, Tag("database")]
    | Annotated[HttpLocator, Tag("http")],
    Field(discriminator=by_type("memory")),
]
