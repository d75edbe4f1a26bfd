"""`pbx hangup` and `pbx reload`: telling the running instance."""

from typing import Annotated, Literal

import typer

from pbx.cli.check import ConfigOption
from pbx.cli.client import Client, TokenOption, UrlOption, refuse

Kind = Literal["app", "routes", "trunks", "acl", "queues", "ivr"]


def hangup(
    call: Annotated[str, typer.Argument(help="Handle of the call, the first column of `pbx calls`.")],
    code: Annotated[
        int | None,
        typer.Option("--code", min=400, max=699, help="Status for a call that is not answered yet."),
    ] = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
) -> None:
    """End a call. Exit status 1: there is no such call."""
    answer = Client(config, url, token).post(f"/hangup/{call}", {} if code is None else {"code": code})
    if answer.status != 200:
        refuse(answer)


def reload(
    kind: Annotated[Kind, typer.Argument(help="What to read again; app: everything.")] = "app",
    check_only: Annotated[
        bool, typer.Option("--check-only", help="Say what would change and change nothing.")
    ] = False,
    config: ConfigOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
) -> None:
    """Read the configuration again and put it in force, all or nothing.

    Exit status 1: another reload is running; 2: the new configuration has errors and the old one stays in force.
    """
    answer = Client(config, url, token).post(f"/reload/{kind}", check_only="true" if check_only else None)
    if answer.status != 200:
        refuse(answer)
    body = answer.body
    typer.echo("checked, nothing changed" if check_only else f"generation {body['generation']}")
    for name, changed in body["changed"].items():
        if changed:
            typer.echo(f"changed {name}: {', '.join(changed)}")
    for key in body["restart_required"]:
        typer.echo(f"restart required: {key}")
