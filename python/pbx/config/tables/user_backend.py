"""`[[proxy.user_backends]]`: where users are looked up."""

from typing import Annotated, Literal

from pydantic import Field, Tag

from pbx.config.tables.by_type import by_type
from pbx.config.tables.scalars import (
    HeaderMap,
    HeaderName,
    Host,
    HttpMethod,
    HttpUrl,
    NonEmpty,
    OptDatabaseUrl,
    OptSqlName,
    OptText,
    ReadPath,
    SqlName,
)
from pbx.config.tables.table import FOLD, UNSET, Table, key
from pbx.config.tables.user import SipUser


class _Backend(Table):
    name: OptText = key(None, "Name in logs and metrics; type and number if not given.")
    realms: list[Host] = key([], "Asked only for these realms; empty: all.")
    cache_ttl_secs: int = key(300, "How long a known user is remembered, s.", ge=0, le=86_400)


class MemoryBackend(_Backend):
    """Users written in the file."""

    type: Annotated[Literal["memory"], FOLD] = key(..., "Kind of backend.")
    users: list[SipUser] = key([], "The users.")


class DatabaseBackend(_Backend):
    """Users of an SQL table."""

    type: Annotated[Literal["database"], FOLD] = key(..., "Kind of backend.")
    url: OptDatabaseUrl = key(None, "Database; database_url if not given.")
    table_name: SqlName = key("users", "Table of users.")
    username_column: SqlName = key("username", "Column of the user name.")
    password_column: SqlName = key("password", "Column of the password.")
    id_column: OptSqlName = key(None, "Column of the id.")
    enabled_column: OptSqlName = key(None, "Column that tells who may call.")
    realm_column: OptSqlName = key(None, "Column of the realm.")
    ha1_column: OptSqlName = key(None, "Column of the MD5 hash.")
    ha1_sha256_column: OptSqlName = key(None, "Column of the SHA-256 hash.")


class HttpBackend(_Backend):
    """Users a web service knows."""

    type: Annotated[Literal["http"], FOLD] = key(..., "Kind of backend.")
    url: HttpUrl = key(..., "Address of the service.")
    method: HttpMethod = key("GET", "GET: query string; POST: form body.")
    username_field: NonEmpty = key("username", "Parameter of the user name.")
    realm_field: NonEmpty = key("realm", "Parameter of the realm.")
    request_uri_field: NonEmpty = key("request_uri", "Parameter of the Request-URI.")
    headers: HeaderMap = key({}, "HTTP headers sent along.")
    sip_headers: list[HeaderName] = key([], "SIP headers passed as parameters.")
    token_header: Annotated[HeaderName | None, UNSET] = key(None, "SIP header with a one-step token.")
    token_cache_ttl_secs: int = key(
        0, "How long an accepted token is remembered, s; 0: not at all.", ge=0, le=86_400
    )
    token_cache_size: int = key(10000, "Tokens remembered.", ge=1, le=1_000_000)
    http_timeout_ms: int = key(5000, "Longest wait of one try, ms.", ge=1, le=600_000)
    http_retry_count: int = key(1, "Further tries.", ge=0, le=10)
    http_retry_delay_ms: int = key(500, "Pause before a further try, ms.", ge=0, le=60_000)


class PlainBackend(_Backend):
    """Users of a text file, one `user:password` a line."""

    type: Annotated[Literal["plain"], FOLD] = key(..., "Kind of backend.")
    path: ReadPath = key(..., "The file.")


class ExtensionBackend(_Backend):
    """Users the console edits."""

    type: Annotated[Literal["extension"], FOLD] = key(..., "Kind of backend.")
    database_url: OptDatabaseUrl = key(None, "Database; the top-level one if not given.")
    ttl: int = key(30, "How long an answer is remembered, s.", ge=0, le=86_400)


UserBackend = Annotated[
    Annotated[MemoryBackend, Tag("memory")]
    | Annotated[DatabaseBackend, Tag("database")]
    | Annotated[HttpBackend, Tag("http")]
    | Annotated[PlainBackend, Tag("plain")]
    | Annotated[ExtensionBackend, Tag("extension")],
    Field(discriminator=by_type()),
]
