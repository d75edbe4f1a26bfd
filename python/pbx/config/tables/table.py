"""What every table has in common: exact types, no unknown keys, no change after loading."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from pbx.config.secrets import masked

# When a changed value applies: to the next message, to calls that start later, after the next process start.
Reload = Literal["live", "new calls", "restart"]


class Table(BaseModel):
    """A TOML table."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            hidden = name == "headers" or (isinstance(value, str) and "://" in value)
            yield name, masked((name or "",), value) if hidden else value


def key(default: Any, description: str, *, reload: Reload = "live", **limits: Any) -> Any:
    """Declare one key: default (`...` = required), meaning, reload class, and pydantic's limits (`ge`, `le` …)."""
    return Field(default, description=description, json_schema_extra={"x-reload": reload}, **limits)


def refuse(reason: str, suggestion: str | None = None) -> PydanticCustomError:
    """The error a validator raises; the report puts the value in quotes before `reason`."""
    return PydanticCustomError("refused", "{reason}", {"reason": reason, "suggestion": suggestion})


def refuse_at(member: str, reason: str, suggestion: str | None = None) -> PydanticCustomError:
    """As `refuse`, for a rule of a whole table: the finding is shown at its key `member`."""
    context = {"reason": reason, "suggestion": suggestion, "member": member}
    return PydanticCustomError("refused_table", "{reason}", context)


def _fold(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _raise_case(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _unset(value: Any) -> Any:
    return None if value == "" else value


class _Listed:
    """Takes one value as a list of one, and says so in the schema."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_as_list, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        listed = handler(schema)
        return {"anyOf": [listed["items"], listed]}


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


# Values of closed lists are not case-sensitive.
FOLD = BeforeValidator(_fold)
UPPER = BeforeValidator(_raise_case)
# An empty optional string is an absent one.
UNSET = BeforeValidator(_unset)
# One value may stand for a list of one.
LISTED = _Listed()
