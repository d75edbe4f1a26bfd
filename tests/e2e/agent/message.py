"""One SIP message, read and written without the product's parser, and the identifiers a new one needs."""

import itertools
import re
import secrets
from collections.abc import Iterable
from typing import Self

COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
    "k": "supported", "s": "subject", "e": "content-encoding",
}  # fmt: skip
Headers = Iterable[tuple[str, str]]
_numbers = itertools.count(1)


def new_branch() -> str:
    return f"z9hG4bK-{next(_numbers)}-{secrets.token_hex(6)}"


def new_call_id() -> str:
    return f"{next(_numbers)}-{secrets.token_hex(8)}@agent"


def new_tag() -> str:
    return secrets.token_hex(5)


class Message:
    """One SIP message: start line, headers in order, body."""

    def __init__(self, start: str, headers: Headers, body: bytes = b"") -> None:
        self.start = start
        self.headers = [(name, value) for name, value in headers]
        self.body = body
        self.octets = b""
        """What was received, before any reading."""
        self.arrived_at = 0.0
        self.source: tuple[str, int] = ("", 0)

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        head, _, body = octets.partition(b"\r\n\r\n")
        lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "surrogateescape")).split("\r\n")
        pairs = [line.partition(":") for line in lines[1:]]
        return cls(lines[0], [(name.strip(), value.strip()) for name, _, value in pairs], body)

    def to_bytes(self) -> bytes:
        lines = [
            self.start,
            *(f"{name}: {value}" for name, value in self.headers if name.lower() != "content-length"),
        ]
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + self.body

    def __repr__(self) -> str:
        return f"<{self.start} | {self.cseq} | {self.call_id}>"

    def all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self.headers if COMPACT.get(key.lower(), key.lower()) == wanted]

    def header(self, name: str) -> str:
        values = self.all(name)
        assert values, f"no {name} in {self!r}"
        return values[0]

    @property
    def is_response(self) -> bool:
        return self.start.startswith("SIP/2.0 ")

    @property
    def status(self) -> int:
        return int(self.start.split(" ", 2)[1]) if self.is_response else 0

    @property
    def method(self) -> str:
        return "" if self.is_response else self.start.split(" ", 1)[0]

    @property
    def uri(self) -> str:
        return self.start.split(" ")[1]

    @property
    def call_id(self) -> str:
        return (self.all("call-id") or [""])[0]

    @property
    def cseq(self) -> str:
        return (self.all("cseq") or [""])[0]

    @property
    def cseq_number(self) -> int:
        return int(self.cseq.split()[0])

    @property
    def branch(self) -> str:
        found = re.search(r"branch=([^;,\s]+)", self.header("via"))
        return found.group(1) if found else ""

    @property
    def to_tag(self) -> str:
        return tag_of(self.header("to"))

    @property
    def from_tag(self) -> str:
        return tag_of(self.header("from"))

    @property
    def contact_uri(self) -> str:
        value = self.header("contact")
        found = re.search(r"<([^>]*)>", value)
        return found.group(1) if found else value.split(";")[0]


def tag_of(value: str) -> str:
    found = re.search(r";\s*tag=([^;,\s]+)", value)
    return found.group(1) if found else ""
