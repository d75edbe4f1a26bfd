"""Where each key of a TOML text stands. The TOML reader gives values only, an error message needs the line.

The scanner follows the grammar without checking it: the text has been accepted by the TOML reader, or the scan
stops at the line that reader complained about. It also notes keys and tables that are written twice.
"""

import contextlib
import re
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SIMPLE_STRING = re.compile(r"""\"([^"\\\n]*)\"(?!\")|'([^'\n]*)'(?!')""")
_SCALAR_END = re.compile(r"[,\]}\n#]")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}
# Deeper than any table of ours; a hostile text must not exhaust the stack.
MAX_DEPTH = 64


@dataclass(slots=True)
class Positions:
    """Line (from 1) of every key path, and the definitions that repeat an earlier one."""

    lines: dict[KeyPath, int] = field(default_factory=dict)
    repeated: list[tuple[KeyPath, int, int]] = field(default_factory=list)

    def line(self, path: KeyPath) -> int | None:
        """Line of the key, or of the nearest table around it that is written down."""
        for length in range(len(path), 0, -1):
            if (line := self.lines.get(path[:length])) is not None:
                return line
        return None


class _Stop(Exception):  # noqa: N818 - the end of the scan is no error
    pass


def index_positions(text: str) -> Positions:
    """Index `text`. A text that is not TOML gives what stands before the fault."""
    scan = _Scan(text.replace("\r\n", "\n"))
    with contextlib.suppress(_Stop, IndexError):
        scan.document()
    return scan.found


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text + "\n"
        self.at = 0
        self.counted_to = 0
        self.counted = 1
        self.found = Positions()
        self.array_tables: dict[KeyPath, int] = {}
        self.headers: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        while self.skip_blank():
            if self.text.startswith("[[", self.at):
                table = self.array_header()
            elif self.text[self.at] == "[":
                table = self.table_header()
            else:
                self.pair(table, 0)

    def array_header(self) -> KeyPath:
        line = self.line()
        self.at += 2
        path = self.resolve(self.key())
        self.expect("]]")
        number = self.array_tables[path] = self.array_tables.get(path, -1) + 1
        self.note(path, line)
        self.note((*path, number), line)
        return (*path, number)

    def table_header(self) -> KeyPath:
        line = self.line()
        self.at += 1
        path = self.resolve(self.key())
        self.expect("]")
        if path in self.headers:
            self.found.repeated.append((path, self.headers[path], line))
        self.headers.setdefault(path, line)
        for length in range(1, len(path) + 1):
            self.note(path[:length], line)
        # A header is where its table is read, also if a sub-table came first.
        self.found.lines[path] = self.headers[path]
        return path

    def resolve(self, parts: list[str]) -> KeyPath:
        path: KeyPath = ()
        for place, part in enumerate(parts):
            path = (*path, part)
            if place < len(parts) - 1 and path in self.array_tables:
                path = (*path, self.array_tables[path])
        return path

    def pair(self, table: KeyPath, depth: int) -> None:
        line = self.line()
        path = table
        parts = self.key()
        for part in parts:
            path = (*path, part)
            if path == (*table, *parts) and path in self.found.lines:
                self.found.repeated.append((path, self.found.lines[path], line))
            self.note(path, line)
        self.expect("=")
        self.value(path, depth)

    def value(self, path: KeyPath, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _Stop
        self.skip_spaces()
        first = self.text[self.at]
        if first == "[":
            self.array(path, depth)
        elif first == "{":
            self.inline_table(path, depth)
        elif first in "\"'":
            self.string()
        else:
            self.scalar()

    def scalar(self) -> None:
        found = _SCALAR_END.search(self.text, self.at)
        # Nothing where a value belongs: going on would note the same place for ever.
        if found is None or found.start() == self.at:
            raise _Stop
        self.at = found.start()

    def array(self, path: KeyPath, depth: int) -> None:
        self.at += 1
        number = 0
        while self.skip_blank() and self.text[self.at] != "]":
            self.note((*path, number), self.line())
            self.value((*path, number), depth + 1)
            number += 1
            if self.skip_blank() and self.text[self.at] == ",":
                self.at += 1
        self.expect("]")

    def inline_table(self, path: KeyPath, depth: int) -> None:
        self.at += 1
        while self.skip_blank() and self.text[self.at] != "}":
            self.pair(path, depth + 1)
            if self.skip_blank() and self.text[self.at] == ",":
                self.at += 1
        self.expect("}")

    def key(self) -> list[str]:
        parts = []
        while True:
            self.skip_spaces()
            if self.text[self.at] in "\"'":
                parts.append(self.string())
            elif bare := _BARE.match(self.text, self.at):
                parts.append(bare.group())
                self.at = bare.end()
            else:
                raise _Stop
            self.skip_spaces()
            if self.text[self.at] != ".":
                return parts
            if len(parts) > MAX_DEPTH:
                raise _Stop
            self.at += 1

    def string(self) -> str:
        if simple := _SIMPLE_STRING.match(self.text, self.at):
            self.at = simple.end()
            return simple.group(1) or simple.group(2) or ""
        quote = self.text[self.at]
        if self.text.startswith(quote * 3, self.at):
            return self.long_string(quote)
        self.at += 1
        out: list[str] = []
        while self.text[self.at] != quote:
            if self.text[self.at] == "\n":
                raise _Stop
            out.append(self.escape() if quote == '"' and self.text[self.at] == "\\" else self.take())
        self.at += 1
        return "".join(out)

    def long_string(self, quote: str) -> str:
        self.at += 3
        while not self.text.startswith(quote * 3, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
            if self.at >= len(self.text):
                raise _Stop
        self.at += 3
        # Up to two quotes of the content may stand directly before the closing three.
        while self.text[self.at] == quote:
            self.at += 1
        return ""

    def escape(self) -> str:
        letter = self.text[self.at + 1]
        width = {"u": 4, "U": 8, "x": 2}.get(letter, 0)
        digits = self.text[self.at + 2 : self.at + 2 + width]
        self.at += 2 + width
        try:
            return chr(int(digits, 16)) if width else _ESCAPES.get(letter, letter)
        except (ValueError, OverflowError):
            raise _Stop from None

    def take(self) -> str:
        self.at += 1
        return self.text[self.at - 1]

    def expect(self, token: str) -> None:
        self.skip_spaces()
        if not self.text.startswith(token, self.at):
            raise _Stop
        self.at += len(token)

    def skip_spaces(self) -> None:
        while self.text[self.at] in " \t":
            self.at += 1

    def skip_blank(self) -> bool:
        """Skip white space, line ends and comments. False at the end of the text."""
        while self.at < len(self.text) and self.text[self.at] in " \t\n#":
            self.at = self.text.index("\n", self.at) if self.text[self.at] == "#" else self.at + 1
        return self.at < len(self.text)

    def line(self) -> int:
        self.counted += self.text.count("\n", self.counted_to, self.at)
        self.counted_to = self.at
        return self.counted

    def note(self, path: KeyPath, line: int) -> None:
        self.found.lines.setdefault(path, line)
