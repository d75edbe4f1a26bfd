"""What would happen to a call, found out by asking the same handlers and the same route table, without a call."""

import asyncio
import dataclasses
import threading
from collections.abc import Sequence
from typing import Any

from pbx.engine.border import Uri
from pbx.engine.instance import Instance
from pbx.engine.interrupt import raise_in
from pbx.engine.reach import reach
from pbx.routing import Decided, Forward, Handler, Invite, InviteFields, Reject, check_verdict
from pbx.routing.verdict import targets_of

Json = dict[str, Any]

MAX_TEXT = 1024


def explain_call(instance: Instance, question: Json) -> Json:
    """Explain `{from, to, direction?, user?, headers?}`, where from and to are users or URIs.

    Blocks for `decision_timeout_ms` at most. Raises `ValueError` when the question cannot be understood.
    """
    host = _own_host(instance)
    caller, callee = _uri(question, "from", host), _uri(question, "to", host)
    fields = _fields(question, caller, callee)
    config = instance.config
    answer: Json = {"from": str(caller), "to": str(callee), "direction": fields.direction}
    asked = _ask(instance.generation.handlers, fields, config.proxy.decision_timeout_ms / 1000)
    if asked is not None:
        return answer | asked
    routes = instance.explain_routes(
        {
            "from": str(caller),
            "request_uri": str(callee),
            "direction": fields.direction,
            "headers": [list(header) for header in fields.headers],
        }
    )
    if routes.get("error"):
        raise ValueError(routes["error"])
    decided_by = f"route {routes['matched']}" if routes.get("matched") else "bindings"
    found = (
        answer
        | {"decided_by": decided_by}
        | {name: value for name, value in routes.items() if value is not None}
    )
    return found | (reach(instance, found["target"]) if found["action"] == "bindings" else {})


def _fields(question: Json, caller: Uri, callee: Uri) -> InviteFields:
    if unknown := set(question) - {"from", "to", "direction", "user", "headers"}:
        raise ValueError(f"unknown field {', '.join(sorted(unknown))}")
    direction = question.get("direction", "internal")
    if direction not in ("internal", "inbound", "outbound"):
        raise ValueError("direction is internal, inbound or outbound")
    headers = question.get("headers", [])
    if not isinstance(headers, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        for pair in headers
    ):
        raise ValueError("headers is a list of [name, value]")
    user = question.get("user", caller.user if direction == "internal" else None)
    if user is not None and not isinstance(user, str):
        raise ValueError("user is text")
    return InviteFields(
        request_uri=str(callee),
        from_header=f"<{caller}>",
        to_header=f"<{callee}>",
        from_user=caller.user or "",
        from_host=caller.host.lower(),
        to_user=callee.user or "",
        to_host=callee.host.lower(),
        headers=[(name, value) for name, value in headers],
        user=user,
        direction=direction,
    )


def _uri(question: Json, name: str, host: str) -> Uri:
    text = question.get(name)
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_TEXT:
        raise ValueError(f"{name} is a user or a URI")
    if ":" not in text:
        text = f"sip:{text}" if "@" in text else f"sip:{text}@{host}"
    try:
        return Uri.parse(text)
    except ValueError as error:
        raise ValueError(f'{name}: "{text}": {error.args[0]}') from None


def _own_host(instance: Instance) -> str:
    realms = instance.config.proxy.realms
    return str(realms[0]) if realms else "localhost"


def _ask(handlers: Sequence[Handler], fields: InviteFields, timeout: float) -> Json | None:
    """What the handlers say; `None` when none of them decides."""
    if not handlers:
        return None
    box: list[Decided | BaseException] = []
    thread = threading.Thread(
        target=_run, args=(handlers, Invite(fields), box), name="pbx-explain", daemon=True
    )
    thread.start()
    thread.join(timeout)
    if not box:
        raise_in(thread)
        return {
            "decided_by": "router",
            "action": "reject",
            "code": 503,
            "reason": f"no answer within {timeout:g} s",
        }
    outcome = box[0]
    if isinstance(outcome, BaseException):
        return {
            "decided_by": "router",
            "action": "reject",
            "code": 500,
            "reason": f"{type(outcome).__name__}: {str(outcome)[:200]}",
        }
    return _shown(outcome, Invite(fields))


def _run(handlers: Sequence[Handler], invite: Invite, box: list[Decided | BaseException]) -> None:
    try:
        decided = asyncio.run(_decide(handlers, invite))
        check_verdict(decided.verdict, invite)
        box.append(decided)
    except BaseException as error:  # noqa: BLE001 - the handler's fault is the answer
        box.append(error.with_traceback(None))


async def _decide(handlers: Sequence[Handler], invite: Invite) -> Decided:
    for handler in handlers:
        decided = await handler.ask(invite)
        if decided is not None:
            return Decided(decided, handler.name)
    return Decided(None, None)


def _shown(decided: Decided, invite: Invite) -> Json | None:
    verdict = decided.verdict
    by = {"decided_by": f"handler {decided.handler}"}
    if isinstance(verdict, Reject):
        return by | {"action": "reject", "code": verdict.code, "reason": verdict.reason}
    if isinstance(verdict, Forward):
        options = {
            key: value
            for key, value in dataclasses.asdict(verdict).items()
            if value not in (None, (), {}, [])
        }
        return by | {
            "action": "forward",
            "targets": [text for _, text in targets_of(verdict)] or [invite.to_user],
            **_rest(options),
        }
    return None


def _rest(options: Json) -> Json:
    return {key: value for key, value in options.items() if key not in ("targets", "to_user")}
