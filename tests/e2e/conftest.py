"""Fixtures of the end-to-end tests: servers that must be at rest when the test is over."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.server import PbxServer
from tests.e2e.streams import Ports

OPEN = {"modules": ["acl", "registrar", "call"]}
"""Nobody is challenged: for tests whose subject is not authentication."""
QUICK = {"t1_timer": 100, "t1x64_timer": 6400}
"""Timers a fifth of their default."""

FULL = bool(os.environ.get("PBX_FULL"))
"""Whether to take the numbers of the contract where the usual run takes fewer, to be quick."""

ServerFactory = Callable[..., PbxServer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[ServerFactory]:
    """Start servers; each must hold no call, dialog, session or port when the test is over."""
    with ExitStack() as running:
        servers: list[PbxServer] = []

        def begin(
            proxy: Mapping[str, object] | None = None, top: Mapping[str, object] | None = None
        ) -> PbxServer:
            server = PbxServer(tmp_path / f"pbx{len(servers)}", proxy, top)
            servers.append(running.enter_context(server))
            return server

        yield begin
        for server in servers:
            if server.exit_status is None:
                server.assert_at_rest()


@pytest.fixture
def ports(tmp_path: Path, start: ServerFactory) -> Ports:
    """A server on every transport."""
    return Ports(tmp_path, lambda proxy: start({**OPEN, **proxy}))


@pytest.fixture
def peer() -> Callable[[str], None]:
    """Fail, naming the command that helps, when a program to call with is not installed."""

    def need(program: str) -> None:
        packages = {
            "sipp": "sip-tester", "baresip": "baresip-core", "kamailio": "kamailio", "linphonec": "linphone-cli",
        }  # fmt: skip
        if shutil.which(program) is None:
            pytest.fail(f"{program} is missing: apt-get install --no-install-recommends {packages[program]}")

    return need
