"""The inner loops: the Rust micro-benchmarks, and the same parser through the Python API."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench.conftest import Report

ROOT = Path(__file__).parent.parent
CRATES = {"parse": "pbx-sip", "transactions": "pbx-sip", "relay": "pbx-media"}

INVITE = (
    b"INVITE sip:bob@biloxi.test SIP/2.0\r\nVia: SIP/2.0/UDP pc33.atlanta.test;branch=z9hG4bK776asdhds\r\n"
    b"Max-Forwards: 70\r\nTo: Bob <sip:bob@biloxi.test>\r\nFrom: Alice <sip:alice@atlanta.test>;tag=1928301774\r\n"
    b"Call-ID: a84b4c76e66710@pc33.atlanta.test\r\nCSeq: 314159 INVITE\r\nContact: <sip:alice@pc33.atlanta.test>\r\n"
    b"Content-Length: 0\r\n\r\n"
)


@pytest.mark.parametrize("name", CRATES)
def test_rust(report: Report, name: str) -> None:
    command = ["cargo", "bench", "--quiet", "--locked", "-p", CRATES[name], "--bench", name]

    def measure() -> dict[str, float]:
        output = subprocess.run(command, check=True, capture_output=True, cwd=ROOT, text=True).stdout
        figures: dict[str, float] = {}
        for line in output.splitlines():
            if line.startswith("{"):
                figures |= {
                    key: float(value)
                    for key, value in json.loads(line).items()
                    if isinstance(value, int | float)
                }
        return figures

    report("pbx", measure)


def test_parse_through_python(benchmark: Any) -> None:
    from pbx.sip import Message

    message = benchmark(Message.parse, INVITE)
    assert message.to_bytes() == INVITE
