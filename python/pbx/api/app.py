"""The endpoints: paths, scopes, and the shape of every answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from pbx.api import views
from pbx.api.access import AccessError, Caller, Scope, identify, refuse_cross_origin
from pbx.api.body import integer, read_object, refuse_unknown
from pbx.engine import Instance, ReloadRunningError
from pbx.errors import ConfigError, PbxBusyError, PbxError

Json = dict[str, Any]
Answer = tuple[int, Any]
Action = Callable[[Request, Json], Awaitable[Answer]]
Listing = Callable[[Instance, Mapping[str, str]], tuple[list[Json], str | None]]

RELOAD_KINDS = ("app", "routes", "trunks", "acl", "queues", "ivr")
_TRUE = frozenset(("true", "1", "yes", ""))
_FALSE = frozenset(("false", "0", "no"))


class Control(Protocol):
    """What the process offers besides its engine."""

    @property
    def http_address(self) -> str | None:
        """Where the management interface itself listens."""

    def reload(self, kind: str, *, check_only: bool) -> Json:
        """Load the files again and put them in force. Blocks; raises as `Instance.reload` does."""

    def shutdown(self, drain_secs: int | None) -> None:
        """Begin to shut down, as SIGTERM does."""

    def explain(self, question: Json) -> Json:
        """Say what would happen to a described call. Blocks; raises `ValueError` on a bad question."""


def make_app(instance: Instance, control: Control) -> Starlette:
    """The application, with the endpoints below `ami_path`."""
    endpoints = _Endpoints(instance, control)
    return Starlette(
        routes=[Mount(instance.config.proxy.ami_path, routes=endpoints.routes())],
        exception_handlers={
            AccessError: _on_refused,
            HTTPException: _on_http,
            PbxBusyError: _on_busy,
            Exception: _on_failure,
        },
    )


class _Endpoints:
    def __init__(self, instance: Instance, control: Control) -> None:
        self._instance = instance
        self._control = control

    def routes(self) -> list[Route]:
        reloads = [self._post(f"/reload/{kind}", "reload", self._reload(kind)) for kind in RELOAD_KINDS]
        return [
            self._get("/health", self._health),
            self._get("/transactions", self._transactions),
            self._list("/calls", views.calls),
            self._list("/dialogs", views.dialogs),
            self._list("/registrations", views.registrations),
            self._post("/calls/{id}/hangup", "control", self._hangup),
            self._post("/hangup/{id}", "control", self._hangup),
            self._post("/route/explain", "read", self._explain),
            self._post("/shutdown", "admin", self._shutdown),
            *reloads,
        ]

    def _caller(self, request: Request, scope: Scope) -> Caller:
        refuse_cross_origin(request.headers)
        peer = request.client.host if request.client is not None else None
        caller = identify(self._instance.config.main.ami, peer, request.headers)
        caller.require(scope)
        return caller

    def _get(self, path: str, view: Callable[[], Any]) -> Route:
        async def endpoint(request: Request) -> Response:
            self._caller(request, "read")
            return JSONResponse(await asyncio.to_thread(view))

        return Route(path, endpoint, methods=["GET"])

    def _list(self, path: str, listing: Listing) -> Route:
        async def endpoint(request: Request) -> Response:
            self._caller(request, "read")
            entries, cursor = await asyncio.to_thread(listing, self._instance, request.query_params)
            return JSONResponse(entries, headers={"X-Next-Cursor": cursor} if cursor else None)

        return Route(path, endpoint, methods=["GET"])

    def _post(self, path: str, scope: Scope, action: Action) -> Route:
        async def endpoint(request: Request) -> Response:
            caller = self._caller(request, scope)
            status = 500
            body: Json = {}
            try:
                body = await read_object(request)
                status, answer = await action(request, body)
            except AccessError as error:
                status = error.status
                raise
            finally:
                self._instance.log.info(
                    "audit", by=caller.name, path=request.url.path, status=status, reason=body.get("reason")
                )
            return JSONResponse(answer, status)

        return Route(path, endpoint, methods=["POST"])

    def _health(self) -> Json:
        return views.health(self._instance, self._control.http_address)

    def _transactions(self) -> Json:
        switch = self._instance.health()
        return {"transactions": switch["transactions"], "server_transactions": switch["server_transactions"]}

    async def _hangup(self, request: Request, body: Json) -> Answer:
        refuse_unknown(body, "code", "reason")
        code = integer(body.get("code"), "code", 400, 699)
        # Why is for the audit log; the peers are told by the status.
        if not isinstance(body.get("reason", ""), str):
            raise AccessError(400, "bad_request", "reason is text")
        handle = request.path_params["id"]
        # Python's own limit on digits guards against numbers no handle can have.
        known = handle.isascii() and handle.isdecimal() and len(handle) < 20
        if not known or not await asyncio.to_thread(self._instance.hangup, int(handle), code):
            raise AccessError(404, "not_found", "no such call")
        return 200, {"status": "ok"}

    async def _explain(self, _request: Request, body: Json) -> Answer:
        try:
            return 200, await asyncio.to_thread(self._control.explain, body)
        except ValueError as error:
            raise AccessError(400, "bad_request", str(error)) from None

    async def _shutdown(self, _request: Request, body: Json) -> Answer:
        refuse_unknown(body, "drain_secs")
        self._control.shutdown(integer(body.get("drain_secs"), "drain_secs", 0, 86_400))
        return 202, {"status": "draining"}

    def _reload(self, kind: str) -> Action:
        async def action(request: Request, _body: Json) -> Answer:
            check_only = _is_check_only(request.query_params)
            try:
                return 200, await asyncio.to_thread(self._control.reload, kind, check_only=check_only)
            except ReloadRunningError as error:
                return 409, _error("reload_running", str(error))
            except ConfigError as error:
                return 422, _error("invalid", "the configuration is refused; nothing changed") | {
                    "errors": list(error.lines)
                }
            except PbxBusyError:
                raise
            except PbxError as error:
                return 422, _error("invalid", "the configuration is refused; nothing changed") | {
                    "errors": [str(error)]
                }

        return action


def _is_check_only(query: Mapping[str, str]) -> bool:
    """Whether only to check. A word that is not understood must not end in a reload nobody wanted."""
    asked = False
    for name, value in query.items():
        if name == "mode" and value == "check":
            asked = True
        elif name in {"check_only", "dry_run"} and value.lower() in _TRUE | _FALSE:
            asked = asked or value.lower() in _TRUE
        else:
            raise AccessError(400, "bad_request", "the query is check_only=true, dry_run=true or mode=check")
    return asked


def _error(error: str, message: str) -> Json:
    return {"error": error, "message": message}


async def _on_refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AccessError)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    return JSONResponse(_error(error.error, str(error)), error.status, headers)


async def _on_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    names = {404: "not_found", 405: "method_not_allowed"}
    return JSONResponse(
        _error(names.get(error.status_code, "error"), error.detail),
        error.status_code,
        dict(error.headers or {}),
    )


async def _on_busy(_request: Request, error: Exception) -> Response:
    return JSONResponse(_error("busy", str(error)), 429)


async def _on_failure(_request: Request, _fault: Exception) -> Response:
    # What went wrong is in the log; a stranger learns nothing of it.
    return Response(
        json.dumps(_error("failed", "the request could not be carried out")),
        500,
        media_type="application/json",
    )
