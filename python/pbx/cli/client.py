"""Talking to the running instance through its management interface."""

import http.client
import json
import os
import urllib.parse
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

import typer

from pbx.cli.check import ConfigOption
from pbx.config import load
from pbx.errors import ConfigError

TIMEOUT_SECS = 35
TOKEN_VARIABLE = "PBX_AMI_TOKEN"  # noqa: S105 - the name, not the token

UrlOption = Annotated[
    str | None,
    typer.Option("--url", help="Management interface, instead of the one the configuration names."),
]
TokenOption = Annotated[
    str | None,
    typer.Option("--token", envvar=TOKEN_VARIABLE, help="Bearer token; not needed from an allowed address."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and decoded body."""

    status: int
    body: Any
    cursor: str | None = None


class Client:
    """Where the instance is and who asks."""

    def __init__(self, config: ConfigOption = None, url: str | None = None, token: str | None = None) -> None:
        self._url = (url or _configured(config)).rstrip("/")
        self._token = token or os.environ.get(TOKEN_VARIABLE)

    def get(self, path: str, **query: Any) -> Any:
        """The body of a GET. Ends the program with status 1 when there is no good answer."""
        return self.must("GET", path, query).body

    def pages(self, path: str, limit: int) -> list[Any]:
        """Entries of a list, following the cursor until `limit`."""
        entries: list[Any] = []
        cursor: str | None = None
        while len(entries) < limit:
            answer = self.must("GET", path, {"limit": min(1000, limit - len(entries)), "cursor": cursor})
            entries += answer.body
            cursor = answer.cursor
            if cursor is None:
                break
        return entries

    def post(self, path: str, body: dict[str, Any] | None = None, **query: Any) -> Answer:
        """The answer to a POST, whatever its status."""
        return self._send("POST", path, query, body)

    def must(self, method: str, path: str, query: dict[str, Any]) -> Answer:
        """An answer with status 2xx; otherwise the program ends with status 1."""
        answer = self._send(method, path, query, None)
        if not 200 <= answer.status < 300:
            refuse(answer)
        return answer

    def _send(self, method: str, path: str, query: dict[str, Any], body: dict[str, Any] | None) -> Answer:
        connection = self._connection()
        target = f"{urllib.parse.urlsplit(self._url).path}{path}"
        if given := {key: value for key, value in query.items() if value is not None}:
            target += "?" + urllib.parse.urlencode(given)
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            fail(f"no running pbx answers at {self._url}: {getattr(error, 'strerror', None) or error}")
        finally:
            connection.close()
        try:
            return Answer(response.status, json.loads(text), response.headers.get("X-Next-Cursor"))
        except ValueError:
            fail(f"{self._url} is no pbx: its answer is not JSON")

    def _connection(self) -> http.client.HTTPConnection:
        try:
            parts = urllib.parse.urlsplit(self._url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            fail(f"--url {self._url}: {error}", 2)
        if parts.scheme not in ("http", "https") or not host:
            fail(f"--url {self._url}: http://HOST:PORT/PATH is needed", 2)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(host, port, timeout=TIMEOUT_SECS)


def fail(message: str, code: int = 1) -> NoReturn:
    """Print a line to standard error and end the program."""
    typer.echo(f"pbx: {message}", err=True)
    raise typer.Exit(code)


def refuse(answer: Answer) -> NoReturn:
    """End the program with what the instance said."""
    body = answer.body if isinstance(answer.body, dict) else {}
    for line in body.get("errors", []):
        typer.echo(line, err=True)
    fail(str(body.get("message", f"status {answer.status}")), 2 if answer.status == 422 else 1)


def _configured(config: ConfigOption) -> str:
    try:
        loaded = load(config)
    except ConfigError as error:
        typer.echo("\n".join(error.lines), err=True)
        fail("where the instance listens cannot be read from this file; give --url", error.exit_code)
    address = loaded.main.http_addr
    if address is None:
        fail("the configuration has no http_addr; give --url", 2)
    host, _, port = address.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - where to connect, not to bind
    return f"http://{host}:{port}{loaded.proxy.ami_path}"
