"""Patterns of routes and router handlers (`formats.md` §0)."""

import re

_SPECIAL = frozenset("^$*?[(\\|{")
_PLUS_NUMBER = re.compile(r"\+[0-9]*")

MAX_SUBJECT = 256
"""Characters looked at. Longer values match nothing: a handler's expression must not be fed a stranger's novel."""


class Pattern:
    r"""A literal compared whole, or a regular expression.

    The text is a literal unless it holds one of `^ $ * ? [ ( \\ | {`, or a `+` that does more than lead a number. An
    expression with neither a leading `^` nor a trailing `$` must match the whole value; with one of them it is used
    as written. Raises `ValueError` for an expression that does not compile.
    """

    __slots__ = ("_literal", "_named", "_regex", "text")

    def __init__(self, text: str, *, ignore_case: bool = False) -> None:
        self.text = text
        self._literal: str | None = None
        self._regex: re.Pattern[str] | None = None
        self._named: frozenset[int] = frozenset()
        if _is_literal(text) and not ignore_case:
            self._literal = text
            return
        source = re.escape(text) if _is_literal(text) else text
        if not (source.startswith("^") or source.endswith("$")):
            source = rf"\A(?:{source})\Z"
        try:
            self._regex = re.compile(source, re.IGNORECASE if ignore_case else re.NOFLAG)
        except re.error as error:
            raise ValueError(f"{text!r} is not a regular expression: {error}") from None
        self._named = frozenset(self._regex.groupindex.values())

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names of the named groups."""
        return tuple(self._regex.groupindex) if self._regex is not None else ()

    @property
    def unnamed_groups(self) -> int:
        """How many groups have no name."""
        return self._regex.groups - len(self._regex.groupindex) if self._regex is not None else 0

    def match(self, value: str) -> tuple[dict[str, str], list[str]] | None:
        """What the groups captured, by name and in order; `None` when the value does not match."""
        if self._regex is None:
            return ({}, []) if value == self._literal else None
        # `$` would also match before a final line feed, which a percent-encoded user may hold.
        if len(value) > MAX_SUBJECT or "\n" in value:
            return None
        found = self._regex.search(value)
        if found is None:
            return None
        if not self._named:
            return {}, [text or "" for text in found.groups()]
        named = self._named
        unnamed = [text or "" for index, text in enumerate(found.groups(), start=1) if index not in named]
        return {name: text or "" for name, text in found.groupdict().items()}, unnamed


def _is_literal(text: str) -> bool:
    if _SPECIAL.intersection(text):
        return False
    return "+" not in text or _PLUS_NUMBER.fullmatch(text) is not None
