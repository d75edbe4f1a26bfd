"""`[proxy.emergency]`: numbers that pass every limit."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from pbx.config.tables.names import TrunkRef
from pbx.config.tables.table import LISTED, Table, key, refuse, refuse_at

_NUMBER = re.compile(r"[0-9*#]{2,16}")


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise refuse("2 to 16 digits, * or #")
    return text


def _digits(text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise refuse("digits only")
    return text


class Emergency(Table):
    """Emergency calls."""

    enabled: bool = key(True, "False turns the table off.")
    numbers: list[Annotated[str, AfterValidator(_number)]] = key(
        ["110", "119", "120", "122", "911", "999"], "Numbers that are emergency calls."
    )
    emergency_trunk: Annotated[list[TrunkRef], LISTED, Field(max_length=16)] | None = key(
        None, "Trunk or trunks, tried in order; required if enabled."
    )
    tech_prefixes: list[Annotated[str, AfterValidator(_digits)]] = key(
        [], "Dial prefixes dropped before comparing."
    )

    @model_validator(mode="after")
    def _has_trunk(self) -> "Emergency":
        if self.enabled and not self.emergency_trunk:
            raise refuse_at("emergency_trunk", "required while emergency calls are enabled")
        return self
