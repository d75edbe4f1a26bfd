"""The router a user's file builds: handlers in order, each with its conditions."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pbx.routing.invite import Direction, Invite
from pbx.routing.pattern import Pattern
from pbx.routing.verdict import Verdict

HandlerFunction = Callable[..., Verdict | Awaitable[Verdict]]
Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_KEYWORD_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Condition:
    """One field of the INVITE and what it must look like."""

    attribute: str
    pattern: Pattern


@dataclass(frozen=True, slots=True, eq=False)
class Handler:
    """A function of the user's and when it is asked. Identity is what the engine keeps its timing record by."""

    function: HandlerFunction
    name: str
    is_async: bool
    source: Direction | None
    conditions: tuple[Condition, ...]
    capture_names: tuple[tuple[str, ...], ...]
    """Per condition: the parameters its unnamed groups fill, in order."""

    def captures(self, invite: Invite) -> dict[str, str] | None:
        """Keyword arguments for the function; `None` when a condition does not hold."""
        if self.source is not None and invite.source != self.source:
            return None
        arguments: dict[str, str] = {}
        for condition, names in zip(self.conditions, self.capture_names, strict=True):
            found = condition.pattern.match(getattr(invite, condition.attribute))
            if found is None:
                return None
            named, unnamed = found
            if named:
                arguments.update(named)
            if unnamed:
                arguments.update(zip(names, unnamed, strict=False))
        return arguments

    async def ask(self, invite: Invite) -> Verdict:
        """Run the function if its conditions hold."""
        arguments = self.captures(invite)
        if arguments is None:
            return None
        answer = self.function(invite, **arguments)
        return await answer if isinstance(answer, Awaitable) else answer


@dataclass(frozen=True, slots=True)
class Decided:
    """A verdict and who gave it; `handler` is `None` when nobody did."""

    verdict: Verdict
    handler: str | None


class Router:
    """Collects handlers. They are asked in the order they were written; the first verdict that is not `None` counts."""

    def __init__(self, name: str = "router") -> None:
        self.name = name
        self._handlers: list[Handler] = []

    def __repr__(self) -> str:
        return f"Router({self.name!r}, {len(self._handlers)} handlers)"

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """All handlers in the order they are asked."""
        return tuple(self._handlers)

    def invite(
        self,
        *,
        to_user: str | None = None,
        to_host: str | None = None,
        from_user: str | None = None,
        from_host: str | None = None,
        user: str | None = None,
        source: Direction | None = None,
    ) -> Callable[[Decorated], Decorated]:
        """Decorate a handler of initial INVITEs; all conditions given must hold.

        Conditions are patterns (`Pattern`); users compare case-sensitively, hosts do not. The handler is called with
        the `Invite` and, by name, what the groups captured: a named group fills the parameter of its name, unnamed
        groups fill the remaining parameters in order. Sync or async. Raises `TypeError` when groups and parameters do
        not fit together, so the mistake is found at start.
        """
        written = {
            "to_user": to_user,
            "to_host": to_host,
            "from_user": from_user,
            "from_host": from_host,
            "user": user,
        }
        conditions = tuple(
            Condition(attribute, Pattern(text, ignore_case=attribute.endswith("_host")))
            for attribute, text in written.items()
            if text is not None
        )
        if source not in (None, "internal", "inbound", "outbound"):
            raise ValueError(f"source is 'internal', 'inbound' or 'outbound', not {source!r}")

        def register(function: Decorated) -> Decorated:
            self._handlers.append(_handler(cast("HandlerFunction", function), source, conditions))
            return function

        return register

    async def decide(self, invite: Invite) -> Decided:
        """Ask the handlers as the engine would, without deadline. For tests."""
        for handler in self._handlers:
            verdict = await handler.ask(invite)
            if verdict is not None:
                return Decided(verdict, handler.name)
        return Decided(None, None)


def _handler(
    function: HandlerFunction, source: Direction | None, conditions: tuple[Condition, ...]
) -> Handler:
    if not callable(function):
        raise TypeError(f"{function!r} is not a function")
    name = f"{getattr(function, '__module__', '?')}:{getattr(function, '__qualname__', repr(function))}"
    return Handler(
        function=function,
        name=name,
        is_async=inspect.iscoroutinefunction(function),
        source=source,
        conditions=conditions,
        capture_names=_capture_names(function, name, conditions),
    )


def _capture_names(
    function: HandlerFunction, name: str, conditions: tuple[Condition, ...]
) -> tuple[tuple[str, ...], ...]:
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise TypeError(f"{name} takes no parameter; the first one is the Invite")
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    rest = [parameter for parameter in parameters[1:] if parameter.kind in _KEYWORD_KINDS]
    named = {group for condition in conditions for group in condition.pattern.group_names}
    accepted = {parameter.name for parameter in rest}
    if (strangers := named - accepted) and not takes_any:
        raise TypeError(f"{name} has no parameter for the group {', '.join(sorted(strangers))}")
    free = [parameter.name for parameter in rest if parameter.name not in named]
    result: list[tuple[str, ...]] = []
    for condition in conditions:
        count = condition.pattern.unnamed_groups
        result.append(tuple(free[:count]))
        del free[:count]
    required = {parameter.name for parameter in rest if parameter.default is inspect.Parameter.empty}
    if missing := required & set(free):
        raise TypeError(f"{name} wants {', '.join(sorted(missing))}, which no group of its patterns captures")
    return tuple(result)
