"""The torture messages, and what their indexes say has to come of each."""

import re
import tomllib
from pathlib import Path
from typing import Any

from tests.e2e.agent import Agent, Message

HERE = Path(__file__).parent
Row = dict[str, Any]
REALMS = [
    "example.com", "example.net", "example.org", "example.edu", "company.com", "services.example.com",
    "registrar.example.com", "sip.example.com", "host5.example.com", "host5.example.net", "ss1.example.net",
    "biloxi.example.com", "atlanta.example.com", "east.example.com", "example53.example.net",
]  # fmt: skip
PROXY = {"modules": ["acl", "registrar", "call"], "realms": REALMS, "t1_timer": 50, "t1x64_timer": 400}
"""Keys of `[proxy]` the outcomes of the indexes hold for."""
NEVER = {500, 505}
"""Not the fault of a lenient message, so never its outcome unless the index says so."""


def rows(name: str) -> list[Row]:
    index = tomllib.loads((HERE / name / "INDEX.toml").read_text(encoding="utf-8"))
    return [row | {"path": HERE / name / row["file"]} for row in index["message"]]


EVERY = [*rows("rfc4475"), *rows("rfc5118")]


def header_values(octets: bytes, name: str, compact: str) -> list[str]:
    """Values of a header in order, unfolded, one per list element, with white space as single spaces."""
    head = re.sub(rb"\r\n[ \t]+", b" ", octets.partition(b"\r\n\r\n")[0]).decode("utf-8", "replace")
    lines = re.findall(rf"(?im)^(?:{name}|{compact})[ \t]*:([^\r\n]*)", head)
    values = [value for line in lines for value in re.split(r',(?=(?:[^"]*"[^"]*")*[^"]*$)', line)]
    return [" ".join(value.split()) for value in values]


def assert_outcome(row: Row, found: Message | None) -> None:
    """The status is one the index allows, and the response repeats what it must."""
    octets = row["path"].read_bytes()
    if octets.startswith(b"SIP/2.0 "):
        assert found is None, "a response was answered"
        return
    if found is None:
        assert row["silence_ok"], "no answer"
        return
    assert found.status not in row["status_none"], found
    if row["status_any"]:
        is_lenient = row["class"] == "lenient" and found.status not in NEVER
        assert is_lenient or found.status in row["status_any"], found
    if row["class"] == "valid":
        assert_repeats(octets, found)


def assert_repeats(octets: bytes, found: Message) -> None:
    """RFC 3261 §8.2.6.2: Via in order, From, Call-ID and CSeq as they were; of the topmost Via we add parameters."""
    for name, compact in (("from", "f"), ("call-id", "i"), ("cseq", "cseq")):
        assert header_values(found.octets, name, compact) == header_values(octets, name, compact), name
    sent, back = header_values(octets, "via", "v"), header_values(found.octets, "via", "v")
    assert len(back) == len(sent)
    assert back[1:] == sent[1:]
    assert sent[0].partition("branch=")[2].partition(";")[0] in back[0]


async def final(agent: Agent, seconds: float) -> Message | None:
    """The next final response, or nothing within this time."""
    try:
        return await agent.wait_for(lambda message: message.status >= 200, seconds)
    except AssertionError:
        return None


async def assert_served(stranger: Agent) -> None:
    """Somebody untouched is answered within the second that "alive" allows at worst."""
    options = stranger.send(stranger.make("OPTIONS", "anyone"))
    assert (await stranger.response(options, seconds=1)).status == 200
