"""`pbx check`: validate the configuration and do nothing else."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from pbx.config import Problem, examine, summary
from pbx.errors import ConfigError

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Main file, instead of the first that exists.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Findings as a JSON list.")]


def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Validate the configuration. Exit status 0: good (there may be warnings), 2: errors."""
    report = examine(config)
    show(report.problems, json=json)
    raise typer.Exit(0 if report.config is not None else ConfigError.exit_code)


def show(problems: tuple[Problem, ...], *, json: bool) -> None:
    """Print findings: one a line with the counts last, or one JSON list."""
    if json:
        print(json_format.dumps([problem.as_dict() for problem in problems], indent=2, default=str))
        return
    for problem in problems:
        print(problem)
    print(summary(problems))
