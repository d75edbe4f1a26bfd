"""A browser's SIP library (JsSIP under Node) over WS and WSS: registration, MESSAGE, and calls both ways."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import ServerFactory
from tests.e2e.ports import free_port
from tests.e2e.server import md5_users
from tests.e2e.streams import make_pair

SCRIPT = Path(__file__).parent / "js" / "phone.js"


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_browsers_register_and_speak_over_websocket(
    start: ServerFactory, tmp_path: Path, scheme: str
) -> None:
    port = free_port()
    # JsSIP answers MD5 challenges alone.
    proxy = {"ws_port": port, "user_backends": md5_users("1001", "1002"), "media_proxy": "none"}
    pair = make_pair(tmp_path, "ws") if scheme == "wss" else {}
    server = start(proxy, pair)
    environment = {**os.environ, "NODE_TLS_REJECT_UNAUTHORIZED": "0"}
    phones = subprocess.run(
        ["node", SCRIPT, f"{scheme}://127.0.0.1:{port}/ws", "127.0.0.1"],
        capture_output=True, text=True, timeout=30, env=environment, check=False,
    )  # fmt: skip
    assert phones.returncode == 0, phones.stdout + phones.stderr
    told = [json.loads(line) for line in phones.stdout.splitlines() if line.startswith('{"event"')]
    events = [each["event"] for each in told]
    assert events.count("registered") == 2
    assert {"event": "message", "body": "Grüße aus dem Browser"} in told
    assert [each["to"] for each in told if each["event"] == "confirmed"] == ["1002", "1001"]
    assert events.count("callee_ended") == 2
    assert events[-1] == "done"
    assert server.exit_status is None
