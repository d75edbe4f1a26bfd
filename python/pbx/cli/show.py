"""`pbx status`, `pbx calls`, `pbx registrations`: what the running instance is doing."""

import json as json_format
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pbx.cli.check import ConfigOption
from pbx.cli.client import Client, JsonOption, TokenOption, UrlOption

LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Entries shown at most.")]

MAX_PIPE_COLUMNS = 4096
WHOLE = frozenset(("id", "aor", "state"))
"""Columns a narrow terminal does not shorten: they are typed again."""


def status(
    config: ConfigOption = None, url: UrlOption = None, token: TokenOption = None, json: JsonOption = False
) -> None:
    """Show the state of the running instance. Exit status 1: it is degraded or does not answer."""
    health = Client(config, url, token).get("/health")
    if json:
        typer.echo(json_format.dumps(health, indent=2))
    else:
        _print_status(health)
    raise typer.Exit(0 if health["status"] == "ok" else 1)


def calls(
    config: ConfigOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
    limit: LimitOption = 100,
    json: JsonOption = False,
) -> None:
    """List the calls that are up or being set up. The first column is what `pbx hangup` takes."""
    entries = Client(config, url, token).pages("/calls", limit)
    columns = ("id", "state", "from", "to", "callee", "age_secs", "answered_secs", "media", "decided_by")
    _print_list(entries, columns, json=json)


def registrations(
    config: ConfigOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
    limit: LimitOption = 100,
    json: JsonOption = False,
) -> None:
    """List the phones that are registered."""
    entries = Client(config, url, token).pages("/registrations", limit)
    _print_list(entries, ("aor", "contact", "source", "expires_secs", "nat", "user_agent"), json=json)


def _print_status(health: dict[str, Any]) -> None:
    listeners = ", ".join(f"{entry['transport']} {entry['address']}" for entry in health["listeners"])
    sip, media = health["sipserver"], health["media"]
    typer.echo(
        f"{health['status']}, pbx {health['version']}, up {health['uptime']} s, generation {health['generation']}"
    )
    typer.echo(f"listeners      {listeners}")
    typer.echo(
        f"calls          {sip['calls']} ({sip['dialogs']} dialogs, {sip['transactions']} transactions)"
    )
    typer.echo(f"registrations  {sip['registrations']}")
    typer.echo(f"media          {media['sessions']} sessions, {media['ports_free']} port pairs free")
    for warning in health["warnings"]:
        typer.echo(warning)


def _print_list(entries: list[dict[str, Any]], columns: tuple[str, ...], *, json: bool) -> None:
    if json:
        typer.echo(json_format.dumps(entries, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True, overflow="ellipsis", min_width=_width(column, entries))
    for entry in entries:
        # What phones send may look like markup or hold control characters.
        table.add_row(*(Text(_plain(entry.get(column))) for column in columns))
    console = Console()
    if not console.is_terminal:
        # Whoever reads a pipe wants whole values, one entry a line.
        console.width = MAX_PIPE_COLUMNS
    console.print(table)
    if not entries:
        typer.echo("none")


def _width(column: str, entries: list[dict[str, Any]]) -> int:
    """Characters of a column that must not be shortened; the others take what is left."""
    if column not in WHOLE:
        return len(column)
    return max((len(_plain(entry.get(column))) for entry in entries), default=0)


def _plain(value: Any) -> str:
    text = "" if value is None else str(value)
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
