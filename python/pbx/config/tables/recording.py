"""`[recording]`, and the same table in `[proxy]`, routes and trunks."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pbx.config.tables.names import Pattern
from pbx.config.tables.scalars import (
    Direction,
    HeaderMap,
    NonEmpty,
    OptHttpUrl,
    OptSecret,
    OptText,
    WritePath,
)
from pbx.config.tables.table import FOLD, Table, key, refuse, refuse_at
from pbx.config.templates import check_placeholders

_NAME_PARTS = frozenset({"session_id", "timestamp", "caller", "callee", "direction", "date"})


def _file_pattern(text: str) -> str:
    check_placeholders(text, _NAME_PARTS)
    return text


def _sample_rate(value: int) -> int:
    if value not in {8000, 16000}:
        raise refuse("the sample rate is 8000 or 16000")
    return value


class Recording(Table):
    """Recording of calls."""

    enabled: bool = key(False, "Whether calls are recorded.", reload="new calls")
    auto_start: bool = key(True, "Start without being told.", reload="new calls")
    auto_start_at: Annotated[Literal["media", "answer"], FOLD] = key(
        "media", "When recording starts.", reload="new calls"
    )
    type: Annotated[Literal["local", "http", "s3", "sipflow"], FOLD] = key(
        "local", "Where files go.", reload="new calls"
    )
    directions: list[Direction] = key([], "Directions recorded; empty: all.", reload="new calls")
    caller_allow: list[Pattern] = key([], "Only these callers, if not empty.", reload="new calls")
    caller_deny: list[Pattern] = key([], "Never these callers.", reload="new calls")
    callee_allow: list[Pattern] = key([], "Only these callees, if not empty.", reload="new calls")
    callee_deny: list[Pattern] = key([], "Never these callees.", reload="new calls")
    filename_pattern: Annotated[str, Field(min_length=1), AfterValidator(_file_pattern)] = key(
        "{session_id}_{timestamp}", "Name of a file.", reload="new calls"
    )
    path: WritePath = key("./config/recorders", "Directory of the files.", reload="new calls")
    subdir: OptText = key(None, "Date pattern of sub-directories.", reload="new calls")
    samplerate: Annotated[int, AfterValidator(_sample_rate)] = key(
        8000, "8000 or 16000 Hz.", reload="new calls"
    )
    ptime: int = key(20, "Milliseconds written at a time.", ge=10, le=60, reload="new calls")
    stereo_swap: bool = key(False, "Callee left, caller right.", reload="new calls")
    force_file: bool = key(False, "A file even for type sipflow.", reload="new calls")
    signaling: bool = key(False, "Add the SIP messages.", reload="new calls")
    url: OptHttpUrl = key(None, "Upload address (http).", reload="new calls")
    headers: HeaderMap = key({}, "HTTP headers of the upload (http).", reload="new calls")
    vendor: OptText = key(None, "Storage vendor (s3).", reload="new calls")
    bucket: OptText = key(None, "Bucket (s3).", reload="new calls")
    region: OptText = key(None, "Region (s3).", reload="new calls")
    access_key: OptSecret = key(None, "Access key (s3).", reload="new calls")
    secret_key: OptSecret = key(None, "Secret key (s3).", reload="new calls")
    endpoint: OptHttpUrl = key(None, "Endpoint (s3).", reload="new calls")
    root: NonEmpty | None = key(None, "Prefix in the bucket (s3).", reload="new calls")

    @model_validator(mode="after")
    def _complete(self) -> "Recording":
        needed = {"http": ("url",), "s3": ("vendor", "bucket", "region", "access_key", "secret_key")}
        for name in needed.get(self.type, ()):
            if getattr(self, name) is None:
                raise refuse_at(name, f"required by type {self.type}")
        return self
