"""`[callrecord]` and `[sipflow]`: what is kept of calls."""

from typing import Annotated, Literal

from pydantic import Field, Tag, model_validator

from pbx.config.tables.by_type import by_type
from pbx.config.tables.scalars import (
    HeaderMap,
    HttpUrl,
    NonEmpty,
    OptDatabaseUrl,
    OptHttpUrl,
    Secret,
    SqlName,
    WritePath,
)
from pbx.config.tables.table import FOLD, Table, key, refuse_at


class _Sink(Table):
    max_concurrent: int = key(64, "Writers at once.", ge=1, le=10_000, reload="new calls")


class DatabaseRecords(_Sink):
    """Records in an SQL table."""

    type: Annotated[Literal["database"], FOLD] = key("database", "Kind of sink.", reload="new calls")
    database_url: OptDatabaseUrl = key(None, "Database; the top-level one if not given.", reload="new calls")
    table_name: SqlName = key("call_records", "Table.", reload="new calls")
    skip_create_table: bool = key(False, "True: the table is there.", reload="new calls")
    rotate: Annotated[Literal["none", "daily"], FOLD] = key(
        "none", "A table for each day.", reload="new calls"
    )


class LocalRecords(_Sink):
    """Records in files."""

    type: Annotated[Literal["local"], FOLD] = key(..., "Kind of sink.", reload="new calls")
    root: WritePath = key("./config/cdr", "Directory.", reload="new calls")


class _Media(_Sink):
    with_media: bool = key(False, "Recordings as well.", reload="new calls")
    keep_media_copy: bool = key(True, "Keep the local copy.", reload="new calls")


class S3Records(_Media):
    """Records in an object store."""

    type: Annotated[Literal["s3"], FOLD] = key(..., "Kind of sink.", reload="new calls")
    vendor: NonEmpty = key(..., "Storage vendor.", reload="new calls")
    bucket: NonEmpty = key(..., "Bucket.", reload="new calls")
    region: NonEmpty = key(..., "Region.", reload="new calls")
    access_key: Secret = key(..., "Access key.", reload="new calls")
    secret_key: Secret = key(..., "Secret key.", reload="new calls")
    endpoint: OptHttpUrl = key(None, "Endpoint.", reload="new calls")
    root: NonEmpty = key("cdr", "Prefix in the bucket.", reload="new calls")


class HttpRecords(_Media):
    """Records posted to a web service."""

    type: Annotated[Literal["http"], FOLD] = key(..., "Kind of sink.", reload="new calls")
    url: HttpUrl = key(..., "Where they are posted.", reload="new calls")
    headers: HeaderMap = key({}, "HTTP headers sent along.", reload="new calls")


CallRecord = Annotated[
    Annotated[DatabaseRecords, Tag("database")]
    | Annotated[LocalRecords, Tag("local")]
    | Annotated[S3Records, Tag("s3")]
    | Annotated[HttpRecords, Tag("http")],
    Field(discriminator=by_type("database")),
]


class Upload(Table):
    """Where parts of the store go after a call."""

    type: Annotated[Literal["s3", "http"], FOLD] = key(..., "Kind of sink.", reload="new calls")
    vendor: NonEmpty | None = key(None, "Storage vendor (s3).", reload="new calls")
    bucket: NonEmpty | None = key(None, "Bucket (s3).", reload="new calls")
    region: NonEmpty | None = key(None, "Region (s3).", reload="new calls")
    access_key: Secret | None = key(None, "Access key (s3).", reload="new calls")
    secret_key: Secret | None = key(None, "Secret key (s3).", reload="new calls")
    endpoint: OptHttpUrl = key(None, "Endpoint (s3).", reload="new calls")
    root: NonEmpty | None = key(None, "Prefix in the bucket (s3).", reload="new calls")
    url: OptHttpUrl = key(None, "Address (http).", reload="new calls")
    headers: HeaderMap = key({}, "HTTP headers (http).", reload="new calls")
    signaling: bool = key(True, "SIP messages.", reload="new calls")
    media: bool = key(False, "Media.", reload="new calls")

    @model_validator(mode="after")
    def _complete(self) -> "Upload":
        needed = (
            ("url",) if self.type == "http" else ("vendor", "bucket", "region", "access_key", "secret_key")
        )
        for name in needed:
            if getattr(self, name) is None:
                raise refuse_at(name, f"required by type {self.type}")
        return self


class SipFlow(Table):
    """SIP messages kept on disk."""

    type: Annotated[Literal["local", "remote"], FOLD] = key("local", "Kind of store.", reload="new calls")
    root: WritePath = key(..., "Directory of the store.", reload="new calls")
    subdirs: Annotated[Literal["none", "daily", "hourly"], FOLD] = key(
        "daily", "One file for each.", reload="new calls"
    )
    ttl_secs: int | None = key(None, "Age at which parts are deleted, s.", ge=1, reload="new calls")
    engine: Annotated[Literal["sqlite", "flowdb"], FOLD] = key("sqlite", "Engine.", reload="new calls")
    shards: int | None = key(None, "No effect.", reload="new calls")
    memtable_size_mb: int | None = key(None, "No effect.", reload="new calls")
    block_cache_capacity_mb: int | None = key(None, "No effect.", reload="new calls")
    flush_count: int = key(1000, "Messages in a batch.", ge=1, le=1_000_000, reload="new calls")
    flush_interval_secs: int = key(5, "Longest wait of a batch, s.", ge=1, le=3600, reload="new calls")
    id_cache_size: int = key(8192, "Call-IDs remembered.", ge=1, le=1_000_000, reload="new calls")
    compress: bool = key(True, "Compress long messages.", reload="new calls")
    compress_level: int = key(6, "How hard.", ge=1, le=9, reload="new calls")
    blocking_backpressure: bool = key(False, "A full queue delays instead of dropping.", reload="new calls")
    upload: Upload | None = key(None, "Where parts go after a call.", reload="new calls")

    @model_validator(mode="after")
    def _available(self) -> "SipFlow":
        if self.type == "remote":
            raise refuse_at("type", '"remote": not available')
        return self
