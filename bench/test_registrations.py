"""Registrations with digest: 401, then 200, ten thousand users."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.conftest import Report
from bench.load import ONE, run_registrations
from bench.servers import Kamailio, pbx
from tests.e2e.server import PbxServer, md5_users

USERS = 10_000
RATE = 2000
COUNT = 20_000


def registrar(server: str, directory: Path) -> PbxServer | Kamailio:
    if server == "kamailio-registrar":
        return Kamailio(directory, ONE.server, variant=server)
    # MD5 is the only algorithm SIPp answers.
    users = md5_users(*(f"user{n:05d}" for n in range(USERS)), realm="bench")
    return pbx(
        directory,
        ONE.server,
        modules=["acl", "auth", "registrar", "call"],
        realms=["bench"],
        routes=None,
        user_backends=users,
    )


@pytest.mark.parametrize("server", ["pbx", "kamailio-registrar"])
def test_registrations_with_digest(
    report: Report, wants: Callable[[str], None], tmp_path: Path, server: str
) -> None:
    wants(server)
    with registrar(server, tmp_path / "server") as running:
        # Every user once, so that the figure is that of refreshes.
        run_registrations(
            tmp_path / "warm",
            running.port,
            running.pid,
            users=USERS,
            rate=RATE,
            count=USERS,
            core=ONE.generator,
        )

        def measure() -> dict[str, float]:
            run = run_registrations(
                tmp_path / "load",
                running.port,
                running.pid,
                users=USERS,
                rate=RATE,
                count=COUNT,
                core=ONE.generator,
            )
            assert run.result.is_clean(COUNT), run
            return {"registrations_cpu_s_per_10000": run.cpu / COUNT * 10_000}

        report(server, measure)
