"""The real Python router under the simulator at 30 % loss: every rule of the switch holds."""

import asyncio

import pytest

from pbx.engine.simulate import simulate_router
from pbx.routing import Forward, Reject, Router

SEEDS = range(150)


def _reports(router, seeds=SEEDS, **options):
    reports = [simulate_router(router, seed, **options) for seed in seeds]
    for report in reports:
        if report.violations:
            again = simulate_router(router, report.seed, ladder=True, **options)
            pytest.fail(f"seed {report.seed}: {report.violations}\n{again.ladder}")
    return reports


def test_router_that_forwards_every_call_keeps_all_rules():
    router = Router()

    @router.invite()
    def everyone(call):
        return Forward()

    reports = _reports(router)
    assert sum(report.answered for report in reports) > 50
    assert sum(report.registrations for report in reports) > 100


def test_router_of_many_opinions_keeps_all_rules():
    router = Router()
    asked = []

    @router.invite(to_user=r"100([13])")
    async def odd(call, digit):
        asked.append(call.call_id)
        await asyncio.sleep(0)
        return Forward(
            targets=["1001", "1002"], strategy="parallel" if digit == "1" else "sequential", ring_timeout=5
        )

    @router.invite(to_user="1002", source="internal")
    def busy(call):
        return Reject(486, "Gone Fishing", {"X-Why": "fish"})

    reports = _reports(router)
    assert len(asked) > 50
    assert sum(report.failed for report in reports) > 20


def test_equal_seeds_give_equal_ladders():
    router = Router()

    @router.invite()
    def everyone(call):
        return Forward()

    one, two = (simulate_router(router, 7, ladder=True) for _ in range(2))
    assert one.ladder == two.ladder
    assert "INVITE" in one.ladder
