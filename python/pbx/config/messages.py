"""Turns what the models say about a document into findings with place, value and suggestion."""

import re
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pbx.config.document import Document, child
from pbx.config.model_walk import keys_at
from pbx.config.positions import KeyPath
from pbx.config.problem import Problem
from pbx.config.secrets import MASK, is_secret, masked
from pbx.config.suggest import nearest
from pbx.config.tables.table import Table

T = TypeVar("T", bound=Table)

_QUOTED = re.compile(r"'([^']*)'")
_KINDS = {
    "int_type": "an integer",
    "bool_type": "true or false",
    "string_type": "a string",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "float_type": "a number",
    "finite_number": "a finite number",
    "none_required": "empty",
}
_BOUNDS = {
    "greater_than_equal": ("is below the minimum", "ge"),
    "less_than_equal": ("is above the maximum", "le"),
    "greater_than": ("is not above", "gt"),
    "less_than": ("is not below", "lt"),
}
_LENGTHS = {
    "string_too_short": ("at least {min_length} characters are needed", "must not be empty"),
    "string_too_long": ("longer than {max_length} characters", ""),
    "too_short": ("at least {min_length} entries are needed", "must not be empty"),
    "too_long": ("more than {max_length} entries", ""),
}


def validate(model: type[T], document: Document) -> tuple[T | None, list[Problem]]:
    """Judge a whole document. With errors the model holds what is left when the bad keys are taken out, if anything.

    The remainder lets rules that look at several keys run as well, so that one report names everything.
    """
    try:
        return model.model_validate(document.data), []
    except ValidationError as error:
        problems = [_problem(model, document, details) for details in error.errors(include_url=False)]
        return _remainder(model, document.data, error), list(dict.fromkeys(problems))


def _problem(model: type[Table], document: Document, error: ErrorDetails) -> Problem:
    path = _path(document.data, error["loc"], missing=error["type"] == "missing")
    context: dict[str, Any] = error.get("ctx", {})
    if error["type"] == "extra_forbidden":
        return _unknown_key(model, document, path, context)
    if error["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return _unknown_type(document, (*path, "type"), context)
    if error["type"] == "refused_table":
        path = (*path, context["member"]) if context["member"] else path
        return document.problem(path, context["reason"], suggestion=context.get("suggestion"))
    if error["type"] == "missing":
        return document.problem(path, "required key is missing")
    value = document.value(path)
    message, suggestion = _message(error, context, path, value)
    return document.problem(path, message, suggestion=suggestion)


def _path(data: Any, loc: tuple[str | int, ...], *, missing: bool) -> KeyPath:
    """The key path of a location, without the steps that name a kind of table or a stage of validation."""
    path: KeyPath = ()
    for place, part in enumerate(loc):
        if child(data, part) is not None:
            path = (*path, part)
            data = child(data, part)
        elif missing and place == len(loc) - 1:
            path = (*path, part)
    return path


def _unknown_key(model: type[Table], document: Document, path: KeyPath, context: dict[str, Any]) -> Problem:
    last = str(path[-1])
    if "suggestion" in context:
        suggestion = context["suggestion"]
    else:
        suggestion = nearest(last, keys_at(model, document.data, path[:-1]))
    proxy = model.model_fields.get("proxy")
    if suggestion is None and len(path) == 1 and proxy is not None and last in keys_at(model, {}, ("proxy",)):
        suggestion = f"proxy.{last}"
    return document.problem(path, "unknown key", suggestion=suggestion)


def _unknown_type(document: Document, path: KeyPath, context: dict[str, Any]) -> Problem:
    value = document.value(path)
    if value is None and not isinstance(document.value(path[:-1]), dict):
        return document.problem(path[:-1], f"{quoted(path[:-1], document.value(path[:-1]))} is not a table")
    if value is None:
        return document.problem(path, "required key is missing")
    message, suggestion = _not_one_of(path, value, _QUOTED.findall(str(context.get("expected_tags", ""))))
    return document.problem(path, message, suggestion=suggestion)


def _not_one_of(path: KeyPath, value: Any, names: list[str]) -> tuple[str, str | None]:
    suggestion = nearest(value, names) if isinstance(value, str) else None
    if len(names) == 1:
        return f"{quoted(path, value)} is not {names[0]}", suggestion
    return f"{quoted(path, value)} is not one of {', '.join(names)}", suggestion


def _message(
    error: ErrorDetails, context: dict[str, Any], path: KeyPath, value: Any
) -> tuple[str, str | None]:
    kind = error["type"]
    shown = quoted(path, value)
    if kind == "literal_error":
        return _not_one_of(path, value, _QUOTED.findall(str(context["expected"])))
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"{shown} {words} {context[bound]}", None
    if kind in _KINDS:
        return f"{shown} is not {_KINDS[kind]}", None
    if kind in _LENGTHS:
        words, one = _LENGTHS[kind]
        return f"{shown}: {one if one and context.get('min_length') == 1 else words.format(**context)}", None
    if kind == "refused":
        head = f"{shown}: " if isinstance(value, str | int | float) else ""
        return head + context["reason"], context.get("suggestion")
    return f"{shown}: {error['msg'][:1].lower()}{error['msg'][1:]}", None


def quoted(path: KeyPath, value: Any) -> str:
    """A value as messages show it: strings in quotes, secrets hidden, tables and lists by their kind."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return str(masked(path, value))
    if is_secret(path):
        return f'"{MASK}"'
    return f'"{masked(path, value)}"' if isinstance(value, str) else str(value)


def _remainder(model: type[T], data: Any, error: ValidationError) -> T | None:
    rest = _copy(data)
    # Each round takes at least one key out; the depth of the tables bounds how often parents follow.
    for _ in range(64):
        paths = {_nearest_key(rest, details) for details in error.errors(include_url=False)}
        if not all(paths):
            return None
        for path in paths:
            _take_out(rest, path)
        try:
            return model.model_validate(rest)
        except ValidationError as next_error:
            error = next_error
    return None


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(member) for name, member in value.items()}
    return [_copy(member) for member in value] if isinstance(value, list) else value


def _nearest_key(data: Any, error: ErrorDetails) -> KeyPath:
    """The key around the fault. List entries stay in place, or the numbers of the others would move."""
    path = _path(data, error["loc"], missing=False)
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return path


def _take_out(data: Any, path: KeyPath) -> None:
    for part in path[:-1]:
        data = child(data, part)
    if isinstance(data, dict):
        data.pop(path[-1], None)
