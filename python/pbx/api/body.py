"""Reading the body of a request within its limits."""

import json
from typing import Any

from starlette.requests import Request

from pbx.api.access import AccessError

MAX_BODY = 1024 * 1024


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object of a POST, or `{}` for an empty body. Raises `AccessError` with 400, 413 or 415."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_BODY:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise _too_large()
    if not body:
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise AccessError(415, "unsupported_media_type", "Content-Type: application/json is needed")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise AccessError(400, "bad_request", "the body is not JSON") from None
    if not isinstance(value, dict):
        raise AccessError(400, "bad_request", "the body is not a JSON object")
    return value


def integer(value: Any, name: str, low: int, high: int) -> int | None:
    """An optional whole number of a body. Raises `AccessError` with 400."""
    if value is None:
        return None
    if type(value) is not int or not low <= value <= high:
        raise AccessError(400, "bad_request", f"{name} is a whole number from {low} to {high}")
    return value


def refuse_unknown(body: dict[str, Any], *known: str) -> None:
    """Nothing is ignored silently. Raises `AccessError` with 400."""
    if unknown := set(body) - set(known):
        raise AccessError(400, "bad_request", f"unknown field {', '.join(sorted(unknown))}")


def _too_large() -> AccessError:
    return AccessError(413, "too_large", f"the body has more than {MAX_BODY} octets")
