"""Rules about headers that pass through us."""

from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from pbx.config.tables.names import OptPattern
from pbx.config.tables.scalars import HeaderName, Text
from pbx.config.tables.table import FOLD, Table, key, refuse, refuse_at
from pbx.config.templates import check_placeholders
from pbx.header_names import is_b2bua_header

_VALUES = frozenset({"caller", "callee", "call_id", "trunk"})


def check_header_allowed(name: str) -> str:
    """Refuse a header that is always ours."""
    if is_b2bua_header(name):
        raise refuse("this header is always ours")
    return name


def _template(text: str) -> str:
    check_placeholders(text, _VALUES)
    return text


class HeaderRule(Table):
    """One change of a header towards a trunk."""

    action: Annotated[Literal["add", "remove", "set", "rename"], FOLD] = key(..., "What is done.")
    name: Annotated[HeaderName, AfterValidator(check_header_allowed)] = key(..., "Header name.")
    value: Annotated[Text, AfterValidator(_template)] | None = key(None, "New value, or new name for rename.")
    match_caller_prefix: OptPattern = key(None, "Only for these callers.")
    match_callee_prefix: OptPattern = key(None, "Only for these callees.")

    @model_validator(mode="after")
    def _complete(self) -> "HeaderRule":
        if self.action != "remove" and self.value is None:
            raise refuse_at("value", f"required by action {self.action}")
        if self.action == "rename" and self.value is not None:
            check_header_allowed(self.value)
        return self


class HeaderPassthrough(Table):
    """Which headers of one leg reach the other."""

    mode: Annotated[Literal["all", "whitelist", "blacklist"], FOLD] = key("all", "How the lists act.")
    whitelist: list[HeaderName] = key([], "Headers that pass.")
    blacklist: list[HeaderName] = key([], "Headers that do not pass.")
