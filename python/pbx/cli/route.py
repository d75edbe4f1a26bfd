"""`pbx route`: why calls go where they go."""

import json as json_format
from typing import Annotated, Any, Literal

import typer

from pbx.cli.check import ConfigOption
from pbx.cli.client import Client, JsonOption, TokenOption, UrlOption, refuse

route_app = typer.Typer(help="Find out why calls go where they go.", no_args_is_help=True)


@route_app.callback()
def _group() -> None:
    """Keeps `explain` a command of its own, also while it is the only one."""


@route_app.command()
def explain(  # noqa: PLR0917 - options of a command line
    caller: Annotated[str, typer.Option("--from", help="Calling user or URI.")],
    callee: Annotated[str, typer.Option("--to", help="Called user or URI.")],
    direction: Annotated[
        Literal["internal", "inbound", "outbound"], typer.Option("--direction", help="Direction of the call.")
    ] = "internal",
    config: ConfigOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
    json: JsonOption = False,
) -> None:
    """Ask the running instance what it would do with a call, without placing one."""
    question = {"from": caller, "to": callee, "direction": direction}
    answer = Client(config, url, token).post("/route/explain", question)
    if answer.status != 200:
        refuse(answer)
    if json:
        typer.echo(json_format.dumps(answer.body, indent=2))
        return
    _print(answer.body)


def _print(found: dict[str, Any]) -> None:
    typer.echo(f"{found['from']} calls {found['to']} ({found['direction']})")
    for rule in found.get("rules", []):
        typer.echo(f"  route {rule['name']} ({rule['origin']}): {_verdict(rule)}")
    outcome = [str(found["action"])]
    if found.get("code"):
        outcome.append(f"{found['code']} {found.get('reason') or ''}".strip())
    if found.get("target"):
        outcome.append(str(found["target"]))
    if found.get("targets"):
        outcome.append(", ".join(found["targets"]))
    typer.echo(f"{found['decided_by']}: {' '.join(outcome)}")


def _verdict(rule: dict[str, Any]) -> str:
    failed = rule.get("failed")
    if failed is None:
        return "matches"
    value = "absent" if failed["value"] is None else f'"{failed["value"]}"'
    return f'no: {failed["field"]} is {value}, wanted "{failed["pattern"]}"'
