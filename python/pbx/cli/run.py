"""`pbx run`: the server in the foreground."""

import asyncio
import sys
from pathlib import Path

import typer

from pbx.cli.check import ConfigOption
from pbx.cli.panel import Panel
from pbx.cli.process import Process
from pbx.config import load
from pbx.config.machine import this_machine
from pbx.engine import Instance
from pbx.errors import ConfigError, PbxError, StartError
from pbx.log import EventLog

SWITCH_INTERVAL_SECS = 0.0005
"""How long one Python thread may keep the interpreter when another wants it: what a decision may have to wait."""


def run(config: ConfigOption = None) -> None:
    """Start the PBX and serve until SIGTERM or Ctrl-C.

    On a terminal a live panel shows what it does; otherwise each event is one `key=value` line on standard error (or
    in `log_file`), `event=ready` first when it serves. The first SIGTERM or SIGINT refuses new calls and waits for the
    running ones up to `shutdown_drain_secs`, the second ends at once. SIGHUP reopens the log and reloads. Exit status
    0: stopped by a signal; 1: a port is in use or the engine failed; 2: the configuration is refused.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_SECS)
    try:
        raise typer.Exit(_serve(config))
    except ConfigError as error:
        typer.echo("\n".join(error.lines), err=True)
        raise typer.Exit(error.exit_code) from None
    except PbxError as error:
        typer.echo(f"pbx: {error}", err=True)
        raise typer.Exit(error.exit_code) from None


def _serve(given: Path | None) -> int:
    config = load(given)
    log_file = config.main.log_file
    panel = Panel() if sys.stdout.isatty() else None
    try:
        log = EventLog(
            config.main.log_level,
            path=config.resolve(log_file) if log_file else None,
            stream=panel.stream if panel is not None else None,
        )
    except OSError as error:
        raise StartError(f"cannot write log_file {log_file}: {error.strerror}") from None
    instance = Instance(config, this_machine(), log)
    process = Process(instance, log, given, panel)
    try:
        return asyncio.run(process.run())
    finally:
        log.stop()
