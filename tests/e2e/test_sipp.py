"""SIPp calls through the server to SIPp: load, CANCEL, busy, no answer, hold."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.agent import Agent
from tests.e2e.conftest import OPEN, ServerFactory
from tests.e2e.ports import free_port
from tests.e2e.server import PbxServer
from tests.e2e.sipp_process import SCENARIOS, Sipp, SippResult


def bind(server: PbxServer, user: str, port: int) -> None:
    """Register `user` at the SIPp that listens on `port`."""

    async def scenario() -> None:
        async with Agent(user, server.address) as agent:
            await agent.register(expires=50, contact=f"<sip:{user}@127.0.0.1:{port}>")

    asyncio.run(scenario())


class Pair:
    """A SIPp caller and a SIPp callee, which is registered as 1002."""

    def __init__(self, server: PbxServer, directory: Path) -> None:
        self.server = server
        self.directory = directory
        self.callee_port = free_port()
        bind(server, "1002", self.callee_port)

    def run(self, caller: Path | str, callee: str, *, calls: int, rate: int, seconds: float) -> None:
        # SIPp binds several ports from the one it is given.
        media = free_port(span=32)
        with (
            Sipp(self.directory, callee, port=self.callee_port).with_arguments(
                "-m", calls, "-mp", media
            ) as called,
            Sipp(
                self.directory, caller, port=free_port(), remote=f"127.0.0.1:{self.server.port}"
            ).with_arguments(
                "-s", "1002", "-r", rate, "-m", calls, "-l", calls, "-mp", media + 16
            ) as calling,
        ):
            theirs = calling.wait(seconds)
            self.check(theirs, calling, calls)
            self.check(called.wait(10), called, calls)

    @staticmethod
    def check(result: SippResult, sipp: Sipp, calls: int) -> None:
        assert result.is_clean(calls), f"{result}\n{sipp.explanation()}"


@pytest.mark.slow
def test_5000_calls_at_500_a_second_without_failure_or_retransmission(
    start: ServerFactory, peer: Callable[[str], None], tmp_path: Path
) -> None:
    peer("sipp")
    Pair(start(OPEN), tmp_path / "sipp").run("uac.xml", "uas.xml", calls=5000, rate=500, seconds=60)


def test_caller_cancels(start: ServerFactory, peer: Callable[[str], None], tmp_path: Path) -> None:
    peer("sipp")
    Pair(start(OPEN), tmp_path / "sipp").run(
        "uac_cancel.xml", "uas_cancel.xml", calls=100, rate=50, seconds=30
    )


def with_status(directory: Path, status: int) -> Path:
    path = directory / f"uac_{status}.xml"
    text = (SCENARIOS / "uac_failed.xml").read_text(encoding="utf-8")
    path.write_text(text.replace("STATUS", str(status)), encoding="utf-8")
    return path


def test_callee_is_busy(start: ServerFactory, peer: Callable[[str], None], tmp_path: Path) -> None:
    peer("sipp")
    caller = with_status(tmp_path, 486)
    Pair(start(OPEN), tmp_path / "sipp").run(caller, "uas_busy.xml", calls=100, rate=50, seconds=30)


def test_callee_does_not_answer(start: ServerFactory, peer: Callable[[str], None], tmp_path: Path) -> None:
    peer("sipp")
    caller = with_status(tmp_path, 480)
    pair = Pair(start(OPEN | {"max_ring_time": 1}), tmp_path / "sipp")
    pair.run(caller, "uas_cancel.xml", calls=100, rate=50, seconds=30)


@pytest.mark.parametrize("media_proxy", ["all", "none"])
def test_caller_holds_and_resumes(
    start: ServerFactory, peer: Callable[[str], None], tmp_path: Path, media_proxy: str
) -> None:
    peer("sipp")
    pair = Pair(start(OPEN | {"media_proxy": media_proxy}), tmp_path / "sipp")
    pair.run("uac_reinvite.xml", "uas_reinvite.xml", calls=50, rate=25, seconds=30)
