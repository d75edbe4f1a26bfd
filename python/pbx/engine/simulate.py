"""A router under the simulator: the real switch, the real checks of verdicts, virtual time, a network that loses."""

import asyncio
from collections.abc import Sequence

from pbx.engine.border import ForwardTuple, Query, SimulationReport, simulate
from pbx.engine.failure_log import FailureLog
from pbx.engine.job import Job
from pbx.log import EventLog
from pbx.routing import Router

Answer = ForwardTuple | tuple[int, str | None, list[tuple[str, str]]] | str


def simulate_router(
    router: Router, seed: int, loss: float = 0.3, *, log: EventLog | None = None, ladder: bool = False
) -> SimulationReport:
    """Play the scenario of a seed with every call decided by the router.

    `loss` is the share of datagrams lost. Handlers that await real time hold up the run, not virtual time.
    """
    failures = FailureLog(log or EventLog("error"))
    handlers = router.handlers

    def decide(query: Query) -> tuple[float, Answer]:
        slot = _Slot()
        asyncio.run(_ask(Job(query, handlers, slot, failures)))
        return 0.001, slot.answer

    return simulate(seed, loss, decide, ladder=ladder)


async def _ask(job: Job) -> None:
    while (matched := job.next_match()) is not None:
        handler, arguments = matched
        try:
            verdict = handler.function(job.invite, **arguments)
            if asyncio.iscoroutine(verdict):
                verdict = await verdict
        except BaseException as error:  # noqa: BLE001 - as in the engine
            return job.fail(handler, error)
        if job.finish(verdict, handler):
            return None
    return job.finish_unhandled()


class _Slot:
    """A bridge that keeps the one answer."""

    def __init__(self) -> None:
        self.answer: Answer = "overdue"

    def fileno(self) -> int:
        return -1

    def take(self, limit: int) -> Sequence[Query]:
        del limit
        return ()

    def forward(self, query: int, forward: ForwardTuple) -> None:
        del query
        self.answer = forward

    def reject(self, query: int, code: int, reason: str | None, headers: list[tuple[str, str]]) -> None:
        del query
        self.answer = code, reason, headers

    def not_handled(self, query: int) -> None:
        del query
        self.answer = "not_handled"

    def failed(self, query: int) -> None:
        del query
        self.answer = "failed"

    def overdue(self, query: int) -> None:
        del query
        self.answer = "overdue"
