"""The command `pbx`."""

from typing import Annotated

import typer

from pbx.cli.check import check
from pbx.cli.config import config_app
from pbx.cli.control import hangup, reload
from pbx.cli.route import route_app
from pbx.cli.run import run
from pbx.cli.show import calls, registrations, status
from pbx.config.machine import this_machine

EPILOG = (
    "Exit status: 0 good, 1 run-time failure (a port in use, nothing answers), 2 configuration or usage error. "
    "The configuration is the first that exists of --config, $PBX_CONFIG, ./pbx.toml, ./config/pbx.toml, "
    "/etc/pbx/pbx.toml."
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pbx {this_machine().version}")
        raise typer.Exit


app = typer.Typer(
    help="A SIP PBX: phones register, call each other, and are routed by TOML or Python.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def _program(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    """Options before the command."""


app.command(rich_help_panel="Server")(run)
app.command(rich_help_panel="Configuration")(check)
app.add_typer(config_app, name="config", rich_help_panel="Configuration")
for _command in (status, calls, registrations, hangup, reload):
    app.command(rich_help_panel="Running instance")(_command)
app.add_typer(route_app, name="route", rich_help_panel="Running instance")


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
