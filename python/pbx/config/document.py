"""One TOML file: its values, and where each of them stands."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli

from pbx.config.positions import KeyPath, Positions, index_positions
from pbx.config.problem import Problem, Severity
from pbx.config.secrets import masked

# A configuration is written by people and consoles; a larger file is a mistake or an attack on memory.
MAX_FILE_OCTETS = 64 * 1024 * 1024
_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
# Tables whose keys are names that the administrator invents.
_NAMED = {"trunks", "queues", "menus", "headers", "register_extra_headers", "sip_headers", "labels"}


@dataclass(slots=True)
class Document:
    """A file that was read. `shown` is its name in messages, `generated` marks a file the console writes."""

    path: Path | None
    shown: str
    generated: bool = False
    data: dict[str, Any] = field(default_factory=dict, repr=False)
    positions: Positions = field(default_factory=Positions, repr=False)

    def problem(
        self, path: KeyPath, message: str, *, suggestion: str | None = None, severity: Severity = "error"
    ) -> Problem:
        """A finding at a key of this file."""
        # A single value may stand for a list of one; then it has no number.
        while path and isinstance(path[-1], int) and not isinstance(self.value(path[:-1]), list):
            path = path[:-1]
        value = self.value(path)
        shown = None if isinstance(value, dict | list) else masked(path, value)
        return Problem(
            self.shown, self.positions.line(path), self.render(path), message, shown, suggestion, severity
        )

    def value(self, path: KeyPath) -> Any:
        """The value as written, None if the key is not there."""
        value: Any = self.data
        for part in path:
            value = child(value, part)
            if value is None:
                return None
        return value

    def render(self, path: KeyPath) -> str:
        """The key path as messages show it: `proxy.routes["national"].dest[1]`."""
        out = ""
        for place, part in enumerate(path):
            holder = path[place - 1] if place else None
            if isinstance(part, int):
                name = child(self.value(path[: place + 1]), "name") if holder == "routes" else None
                out += f'["{name}"]' if isinstance(name, str) else f"[{part}]"
            elif holder in _NAMED or not _PLAIN.fullmatch(part):
                out += f'["{part}"]'
            else:
                out += f".{part}" if out else part
        return out


def child(value: Any, part: str | int) -> Any:
    """The member of a table or list, None if there is none."""
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def read_document(path: Path, shown: str, *, generated: bool = False) -> tuple[Document, list[Problem]]:
    """Read and parse one file. A file that cannot be used gives an empty document and says why."""
    document = Document(path, shown, generated)
    try:
        raw = _read(path)
        text = raw.decode("utf-8")
    except OSError as error:
        return document, [Problem(shown, None, "", f"cannot read the file: {cause(error)}")]
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return document, [Problem(shown, line, "", "the file is not UTF-8")]
    try:
        document.data = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        return document, [_syntax_problem(shown, text, str(error))]
    except RecursionError:
        return document, [Problem(shown, None, "", "tables and lists are nested too deeply")]
    document.positions = index_positions(text)
    return document, []


def cause(error: OSError) -> str:
    """What the system said, in words."""
    return (os.strerror(error.errno) if error.errno else str(error)).lower()


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        raw = file.read(MAX_FILE_OCTETS + 1)
    if len(raw) > MAX_FILE_OCTETS:
        raise OSError(0, f"larger than {MAX_FILE_OCTETS} octets")
    return raw


def _syntax_problem(shown: str, text: str, message: str) -> Problem:
    found = _LINE.search(message)
    lines = text.splitlines(keepends=True)
    line = int(found.group(1)) if found else max(len(lines), 1)
    # What stands after the fault is not TOML we could rely on.
    before = index_positions("".join(lines[:line]))
    for path, first, second in before.repeated:
        key = Document(None, shown).render(path)
        return Problem(shown, second, key, f"defined twice, first in line {first}")
    reason = _LINE.sub("", message).replace("(at end of document)", "").strip()
    return Problem(shown, line, "", f"not valid TOML: {reason[:1].lower()}{reason[1:]}")
