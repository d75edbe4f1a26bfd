"""SIPp over TCP and TLS as registrar client and caller, over TCP as callee: one connection for all calls, and one for each.

Debian builds SIPp without TLS, so that is put in front of it, and its scenarios say TLS in their Via.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.agent import Agent
from tests.e2e.conftest import OPEN, ServerFactory
from tests.e2e.ports import free_port
from tests.e2e.server import PASSWORD, PbxServer, md5_users
from tests.e2e.sipp_process import SCENARIOS, Sipp
from tests.e2e.streams import client_context, make_pair
from tests.e2e.tls_front import tls_front

CALLS = 200
ONE, EACH = "t1", "tn"
"""SIPp's names: one TCP connection, or one per call."""


def bind(server: PbxServer, user: str, port: int) -> None:
    """Register `user` at the SIPp that listens on `port` for TCP."""

    async def scenario() -> None:
        async with Agent(user, server.address) as agent:
            await agent.register(expires=50, contact=f"<sip:{user}@127.0.0.1:{port};transport=tcp>")

    asyncio.run(scenario())


def check(sipp: Sipp, calls: int, seconds: float) -> None:
    result = sipp.wait(seconds)
    assert result.is_clean(calls), f"{result}\n{sipp.explanation()}"


NAMES = [f"{2000 + number}" for number in range(50)]
ACCOUNTS = {
    "realms": ["bench"],
    "user_backends": md5_users(*NAMES, realm="bench"),
    "max_registrar_expires": 3600,
}


def registering(directory: Path, scenario: Path | str, remote: int, connections: str) -> Sipp:
    """A SIPp that registers every account once."""
    directory.mkdir(exist_ok=True)
    rows = [f"{name};[authentication username={name} password={PASSWORD}]" for name in NAMES]
    accounts = directory / "accounts.csv"
    accounts.write_text("\n".join(["SEQUENTIAL", *rows, ""]), encoding="utf-8")
    return Sipp(directory, scenario, port=free_port(), remote=f"127.0.0.1:{remote}").with_arguments(
        "-t", connections, "-inf", accounts, "-r", 50, "-m", len(NAMES), "-max_socket", 100
    )


def called_by_tcp(directory: Path, server: PbxServer) -> Sipp:
    """A callee that answers every call."""
    port, media = free_port(), free_port(span=16)
    called = Sipp(directory, "uas.xml", port=port)
    bind(server, "1002", port)
    return called.with_arguments("-t", ONE, "-m", CALLS, "-mp", media)


def calling(directory: Path, scenario: Path | str, remote: int, connections: str) -> Sipp:
    caller = Sipp(directory, scenario, port=free_port(), remote=f"127.0.0.1:{remote}")
    caller.with_arguments("-t", connections, "-s", "1002", "-r", 50, "-m", CALLS, "-l", CALLS)
    return caller.with_arguments("-mp", free_port(span=16), "-max_socket", 2 * CALLS)


def over_tls(directory: Path, scenario: str, server: PbxServer) -> Path:
    """The scenario with the transport it has for the server, and the server's own port."""
    path = directory / f"tls_{scenario}"
    text = (SCENARIOS / scenario).read_text(encoding="utf-8")
    text = text.replace("[transport]", "TLS").replace("[remote_port]", str(server.tls_port))
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("connections", [ONE, EACH])
def test_sipp_registers_with_digest_over_tcp(
    start: ServerFactory, peer: Callable[[str], None], tmp_path: Path, connections: str
) -> None:
    peer("sipp")
    server = start(ACCOUNTS)
    with registering(tmp_path / "sipp", "register.xml", server.port, connections) as phones:
        check(phones, len(NAMES), 30)


@pytest.mark.parametrize("connections", [ONE, EACH])
def test_sipp_calls_sipp_over_tcp(
    start: ServerFactory, peer: Callable[[str], None], tmp_path: Path, connections: str
) -> None:
    peer("sipp")
    server = start(OPEN)
    directory = tmp_path / "sipp"
    with (
        called_by_tcp(directory, server) as called,
        calling(directory, "uac.xml", server.port, connections) as caller,
    ):
        check(caller, CALLS, 60)
        check(called, CALLS, 20)


@pytest.mark.parametrize("connections", [ONE, EACH])
def test_sipp_registers_with_digest_and_calls_over_tls(
    start: ServerFactory, peer: Callable[[str], None], tmp_path: Path, connections: str
) -> None:
    peer("sipp")
    pair = make_pair(tmp_path, "pbx")
    registrar = start({**ACCOUNTS, "tls_port": free_port()}, pair)
    server = start({**OPEN, "tls_port": free_port()}, pair)
    directory = tmp_path / "sipp"

    async def scenario() -> None:
        async with tls_front(("127.0.0.1", registrar.tls_port), client_context()) as port:
            phones = registering(directory, over_tls(tmp_path, "register.xml", registrar), port, connections)
            with phones.with_arguments("-auth_uri", f"127.0.0.1:{registrar.tls_port}"):
                await asyncio.to_thread(check, phones, len(NAMES), 30)
        async with tls_front(("127.0.0.1", server.tls_port), client_context()) as port:
            with calling(directory, over_tls(tmp_path, "uac.xml", server), port, connections) as caller:
                await asyncio.to_thread(check, caller, CALLS, 60)

    with called_by_tcp(directory, server) as called:
        asyncio.run(scenario())
        check(called, CALLS, 20)
