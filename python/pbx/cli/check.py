"""`pbx check`: validate the configuration and do nothing else."""

import json as json_format
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from pbx.config import Config, Problem, examine, summary
from pbx.errors import ConfigError
from pbx.modules import Pipeline
from pbx.routing import RouterError, load_router

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Main file, instead of the first that exists.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Findings as a JSON list.")]


def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Validate the configuration. Exit status 0: good (there may be warnings), 2: errors."""
    report = examine(config)
    failed = [] if report.config is None else list(_start_problems(report.config))
    show((*failed, *report.problems), json=json)
    raise typer.Exit(0 if report.config is not None and not failed else ConfigError.exit_code)


def _start_problems(config: Config) -> Iterator[Problem]:
    """What only importing the administrator's own code can tell."""
    try:
        Pipeline.load(config)
    except ConfigError as error:
        message = error.lines[0].removeprefix(f"{config.document.shown}: proxy.modules: ")
        yield config.document.problem(("proxy", "modules"), message)
    try:
        if config.proxy.router is not None:
            load_router(config.proxy.router, config.base)
    except RouterError as error:
        yield config.document.problem(("proxy", "router"), str(error))


def show(problems: tuple[Problem, ...], *, json: bool) -> None:
    """Print findings: one a line with the counts last, or one JSON list."""
    if json:
        print(json_format.dumps([problem.as_dict() for problem in problems], indent=2, default=str))
        return
    for problem in problems:
        print(problem)
    print(summary(problems))
