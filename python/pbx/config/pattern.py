"""Patterns of routes, prefixes and allow lists: a literal, or a regular expression that needs linear time only.

The engine matches with an automaton, so what an automaton cannot do (look-around, back-references) is refused here,
and what the two regular expression dialects read differently is refused too, rather than matched differently.
"""

import re

from pbx.config.tables.table import refuse

_SPECIAL = set("^$*?[(\\|{")
_PLUS_NUMBER = re.compile(r"\+[0-9]*")
_REPETITION = re.compile(r"\{[0-9]+(,[0-9]*)?\}")
_GROUP_HEAD = re.compile(r"\(\?(:|P?<[A-Za-z_][A-Za-z0-9_]*>|[ims]+(-[ims]+)?[:)])")
_FAULTS = {
    "=": "look-ahead is not possible",
    "!": "look-ahead is not possible",
    "<=": "look-behind is not possible",
    "<!": "look-behind is not possible",
    "P=": "back-references are not possible",
    "(": "conditional groups are not possible",
    ">": "atomic groups are not possible",
}


class Pattern(str):
    """The text of a pattern that has been checked."""

    __slots__ = ()


def is_literal(text: str) -> bool:
    """True when the text is compared as it stands."""
    if _PLUS_NUMBER.fullmatch(text):
        return True
    return not (_SPECIAL & set(text)) and "+" not in text


def check_pattern(text: str) -> Pattern:
    """Accept a pattern, or raise the reason why the engine could not run it."""
    if not is_literal(text):
        _check_dialect(text)
        _compile(text)
    return Pattern(text)


def captures(text: str) -> frozenset[str] | None:
    """Names and numbers of the captures of an accepted pattern, `0` for the whole; None for a literal."""
    if is_literal(text):
        return None
    compiled = _compile(text)
    return frozenset({*map(str, range(compiled.groups + 1)), *compiled.groupindex})


def _compile(text: str) -> re.Pattern[str]:
    try:
        return re.compile(re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", text))
    except (re.error, OverflowError, RecursionError) as error:
        raise refuse(f"not a regular expression: {error}") from None


def _check_dialect(text: str) -> None:
    at = 0
    while at < len(text):
        if text[at] == "\\":
            _check_escape(text[at + 1 : at + 2])
            at += 2
        elif text[at] == "[":
            at = _skip_class(text, at)
        elif text.startswith("(?", at) and not _GROUP_HEAD.match(text, at):
            raise refuse(_group_fault(text[at + 2 : at + 4]))
        elif text[at] == "{" and not _REPETITION.match(text, at):
            raise refuse(r'"{" begins a repetition like {2,5}; write \{ for the brace')
        else:
            at = _skip_token(text, at)


def _skip_token(text: str, at: int) -> int:
    repetition = _REPETITION.match(text, at)
    end = repetition.end() if repetition else at + 1
    if (repetition or text[at] in "*+?") and text[end : end + 1] == "+":
        raise refuse("possessive repetition is not possible")
    return end


def _check_escape(letter: str) -> None:
    if letter.isdigit():
        raise refuse("back-references are not possible")
    if letter and letter.isalpha() and letter not in "dDsSwWbBAnrtfvxu":
        raise refuse(f"\\{letter} is not known")


def _skip_class(text: str, at: int) -> int:
    at += 2 if text.startswith("[^", at) else 1
    first = at
    while at < len(text) and (text[at] != "]" or at == first):
        if text[at] == "\\":
            if text[at + 1 : at + 2].isdigit():
                raise refuse("back-references are not possible")
            at += 1
        elif text[at] == "[" or text[at : at + 2] in {"&&", "--", "~~"}:
            raise refuse("nested character classes are not possible")
        at += 1
    return at + 1


def _group_fault(head: str) -> str:
    return _FAULTS.get(head, _FAULTS.get(head[:1], "this kind of group is not known"))
