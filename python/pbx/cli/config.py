"""`pbx config`: show the values in force, or the schema of the files."""

import json
from typing import Annotated

import typer

from pbx.cli.check import ConfigOption
from pbx.config import load
from pbx.config.dump import dump as dump_values
from pbx.config.dump import dump_files
from pbx.config.schema import DOCUMENTS, json_schema
from pbx.errors import ConfigError

config_app = typer.Typer(help="Show the configuration in force, or its schema.", no_args_is_help=True)


@config_app.command()
def dump(
    config: ConfigOption = None,
    files: Annotated[
        bool, typer.Option("--files", help="Only the names of the files that were read.")
    ] = False,
) -> None:
    """Print the values in force as TOML, with file and line; secrets as ***."""
    try:
        loaded = load(config)
    except ConfigError as error:
        typer.echo("\n".join(error.lines), err=True)
        raise typer.Exit(error.exit_code) from None
    typer.echo(dump_files(loaded) if files else dump_values(loaded), nl=False)


@config_app.command()
def schema(
    file: Annotated[str, typer.Option("--file", help=f"Kind of file: {', '.join(DOCUMENTS)}.")] = "main",
) -> None:
    """Print the JSON Schema of a configuration file."""
    if file not in DOCUMENTS:
        raise typer.BadParameter(f"{file!r} is not one of {', '.join(DOCUMENTS)}", param_hint="--file")
    typer.echo(json.dumps(json_schema(file), indent=2))
