"""One finding about a configuration, and how it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding. `message` is complete, with the bad value but without the suggestion; `value` is already masked."""

    file: str
    line: int | None
    key: str
    message: str
    value: Any = None
    suggestion: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        text = ": ".join(part for part in (place, self.key, self.message) if part)
        head = "" if self.severity == "error" else f"{self.severity}: "
        hint = f'; did you mean "{self.suggestion}"?' if self.suggestion else ""
        return _printable(head + text + hint)

    def as_dict(self) -> dict[str, Any]:
        """The object `pbx check --json` and the reload interface give for this finding."""
        return {
            "file": self.file,
            "line": self.line,
            "key": self.key,
            "message": self.message,
            "value": self.value,
            "suggestion": self.suggestion,
            "severity": self.severity,
        }


def _printable(text: str) -> str:
    """The text on one line, and without anything a terminal would obey: keys and values may hold what they like."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


def summary(problems: Sequence[Problem]) -> str:
    """The last line of every report."""
    errors = sum(1 for problem in problems if problem.severity == "error")
    warnings = sum(1 for problem in problems if problem.severity == "warning")
    return f"{errors} errors, {warnings} warnings"
