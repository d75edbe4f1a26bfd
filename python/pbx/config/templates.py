"""Templates with `{name}` places, as used by rewrites, header rules and file names. `{{` and `}}` are braces."""

import re

from pbx.config.tables.table import refuse

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def placeholders(text: str) -> list[str]:
    """Names between braces, in order. A brace without its partner is refused."""
    names = []
    for found in _PART.finditer(text):
        if found.group(1) is not None:
            names.append(found.group(1))
        elif found.group() in {"{", "}"}:
            raise refuse("a brace without its partner; write {{ for the character")
    return names


def check_placeholders(text: str, known: frozenset[str]) -> None:
    """Refuse a template that uses a name outside `known`."""
    for name in placeholders(text):
        if name not in known:
            raise refuse(f'no value named "{name}"; there is {", ".join(sorted(known))}')
