"""Walks over the models: which table stands at a key path, every key there is, every value that was loaded."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag

from pbx.config.document import child
from pbx.config.positions import KeyPath
from pbx.config.tables.table import Table


def tables_of(annotation: Any) -> list[tuple[type[Table], str | None]]:
    """The tables a value of this type can be, each with the `type` value that selects it."""
    return _tables(annotation, None)


def _tables(annotation: Any, tag: str | None) -> list[tuple[type[Table], str | None]]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        tag = next((item.tag for item in metadata if isinstance(item, Tag)), tag)
        return _tables(inner, tag)
    if origin in {Union, types.UnionType}:
        return [found for member in get_args(annotation) for found in _tables(member, tag)]
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return [(annotation, tag)]
    return []


def _inner(annotation: Any) -> Any:
    """Type of the members of a list or dict, None for anything else."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _inner(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return next((inner for member in get_args(annotation) if (inner := _inner(member)) is not None), None)
    return get_args(annotation)[-1] if origin in {list, dict} else None


def keys_at(model: type[Table], data: Any, path: KeyPath) -> list[str]:
    """Names of the keys that are allowed in the table at `path`; empty if it is no table of fixed keys."""
    annotation: Any = model
    for part in path:
        data = child(data, part)
        inner = _inner(annotation)
        if inner is not None:
            annotation = inner
            continue
        field = next((t.model_fields[part] for t, _ in tables_of(annotation) if part in t.model_fields), None)
        if field is None:
            return []
        annotation = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return _allowed(annotation, data)


def _allowed(annotation: Any, data: Any) -> list[str]:
    found = tables_of(annotation)
    kind = data.get("type") if isinstance(data, dict) else None
    chosen = [table for table, tag in found if isinstance(kind, str) and tag == kind.lower()]
    names = [list(table.model_fields) for table in chosen or [table for table, _ in found]]
    return list(dict.fromkeys(name for group in names for name in group))


def all_keys(model: type[Table], prefix: str = "") -> Iterator[str]:
    """Every key as a dotted path; `[]` stands for a list entry, `*` for an invented name, `<type>` for a kind."""
    for name, field in model.model_fields.items():
        path = f"{prefix}.{name}" if prefix else name
        yield path
        inner = _inner(field.annotation)
        step = "" if inner is None else ".*" if _is_map(field.annotation) else "[]"
        for kind, tag in tables_of(field.annotation if inner is None else inner):
            yield from all_keys(kind, f"{path}{step}" + (f"<{tag}>" if tag else ""))


def _is_map(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in {Annotated, Union, types.UnionType}:
        return any(_is_map(member) for member in get_args(annotation))
    return origin is dict


def all_values(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every scalar of a loaded model that was given in its file, with its key path."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            if name in value.model_fields_set:
                yield from all_values(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from all_values(member, (*path, name))
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from all_values(member, (*path, number))
    elif value is not None:
        yield path, value
