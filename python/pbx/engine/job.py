"""One question on its way through the handlers."""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pbx.engine.border import Bridge, Query
from pbx.routing import Forward, Handler, Invite, Reject, VerdictError, check_verdict
from pbx.routing.verdict import targets_of

if TYPE_CHECKING:
    from pbx.engine.failure_log import FailureLog


_CLOCK_SLACK_SECS = 0.05

NOBODY = Handler(
    function=lambda _invite: None, name="-", is_async=False, source=None, conditions=(), capture_names=()
)
"""Stands for the handler of a job that has none."""


class Job:
    """A waiting call, the handlers not yet asked, and the one way its answer leaves. Answered exactly once."""

    __slots__ = (
        "_bridge",
        "_failures",
        "_handlers",
        "_next",
        "answered",
        "deadline_at",
        "forgotten",
        "handler",
        "id",
        "invite",
        "loop",
        "task",
        "timeout_ms",
    )

    def __init__(
        self, query: Query, handlers: Sequence[Handler], bridge: Bridge, failures: "FailureLog"
    ) -> None:
        self.id = query.id
        self.invite = Invite(query)
        self._handlers = handlers
        self._next = 0
        self.handler = handlers[0] if handlers else NOBODY
        self._bridge = bridge
        self._failures = failures
        self.timeout_ms = query.timeout_ms
        self.deadline_at = time.monotonic() + self.timeout_ms / 1000
        self.answered = False
        self.forgotten = False
        self.task: asyncio.Task[None] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    def next_match(self) -> tuple[Handler, dict[str, str]] | None:
        """The next handler whose conditions hold, and its arguments."""
        while self._next < len(self._handlers):
            self.handler = handler = self._handlers[self._next]
            self._next += 1
            arguments = handler.captures(self.invite)
            if arguments is not None:
                return handler, arguments
        return None

    def forget(self) -> None:
        """The call no longer waits: nothing this job says counts any more."""
        if self.forgotten or self.answered:
            return
        self.forgotten = True
        # A caller who gives up is no fault of the handler's; both clocks may differ a little.
        if time.monotonic() > self.deadline_at - _CLOCK_SLACK_SECS:
            invite = self.invite
            self._failures.overdue(invite.call_id, invite.to_user, self.handler.name, self.timeout_ms)

    def rewind(self) -> None:
        """Ask the last handler again: it was called but has not begun."""
        self._next -= 1
        self.task = self.loop = None

    def finish(self, verdict: object, handler: Handler) -> bool:
        """Send what a handler returned. False: it returned `None`, so the next one has to be asked."""
        try:
            checked = check_verdict(verdict, self.invite)
            if checked is None:
                return False
            if not self.answered:
                self._send(checked)
                self.answered = True
        except VerdictError as error:
            self.fail(handler, error)
        except BaseException as error:  # noqa: BLE001 - a subclass of the user's may do anything when looked at
            self.fail(handler, error)
        return True

    def finish_unhandled(self) -> None:
        """No handler wanted it."""
        if not self.answered:
            self.answered = True
            self._bridge.not_handled(self.id)

    def fail(self, handler: Handler, error: BaseException) -> None:
        """The handler raised or returned nonsense: 500, and one line in the log."""
        if self.answered or self.forgotten:
            return
        self.answered = True
        self._bridge.failed(self.id)
        self._failures.report(self.invite.call_id, self.invite.to_user, handler.name, error)

    def refuse(self) -> None:
        """Nobody has room to run the handler: 503."""
        if not self.answered:
            self.answered = True
            self._bridge.overdue(self.id)

    def _send(self, verdict: Forward | Reject) -> None:
        if isinstance(verdict, Reject):
            self._bridge.reject(self.id, verdict.code, verdict.reason, list(verdict.headers.items()))
            return
        self._bridge.forward(
            self.id,
            (
                targets_of(verdict),
                verdict.strategy == "parallel",
                verdict.ring_timeout,
                verdict.media_proxy,
                None if verdict.codecs is None else list(verdict.codecs),
                list(verdict.headers.items()),
                not verdict.with_original_headers,
                verdict.caller_contact,
            ),
        )
