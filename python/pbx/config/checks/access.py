"""Files the configuration mentions: readable, writable, playable."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pbx.config.config import Config
from pbx.config.document import Document, cause
from pbx.config.model_walk import all_values
from pbx.config.positions import KeyPath
from pbx.config.problem import Problem
from pbx.config.sound import Sound, file_fault
from pbx.config.tables.scalars import FilePath, OutputPath

_ROUTER = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def check_access(config: Config) -> Iterator[Problem]:
    """Every file that is mentioned and cannot be used."""
    for path, value in all_values(config.main):
        yield from _judge(config, config.document, path, value, config.base)
    queue_dir = config.resolve(config.proxy.queue_dir)
    for entries, base in ((config.queues.values(), queue_dir), (config.ivrs.values(), config.base)):
        for entry in entries:
            if entry.document is not config.document:
                for path, value in all_values(entry.value):
                    yield from _judge(config, entry.document, (*entry.path, *path), value, base)
    for trunk in config.trunks.values():
        if trunk.document is not config.document:
            for path, value in all_values(trunk.value):
                yield from _judge(config, trunk.document, (*trunk.path, *path), value, config.base)
    yield from _router(config)


def _judge(config: Config, document: Document, path: KeyPath, value: Any, base: Path) -> Iterator[Problem]:
    if isinstance(value, FilePath):
        if fault := _unreadable(config.resolve(value)):
            yield _lineless(document.problem(path, f'cannot read "{value}": {fault}'))
    elif isinstance(value, OutputPath):
        if fault := _unwritable(config.resolve(value)):
            yield document.problem(path, f'cannot write "{value}": {fault}')
    elif isinstance(value, Sound) and value.file is not None:
        sound_base = config.resolve(config.proxy.queue_dir) if path[:2] == ("proxy", "queues") else base
        if fault := _unplayable(sound_base / value.file):
            yield document.problem(path, f'cannot play "{value}": {fault}')


def _lineless(problem: Problem) -> Problem:
    """The fault is in another file, so no line of this one is to blame."""
    return Problem(problem.file, None, problem.key, problem.message, problem.value)


def _unreadable(path: Path) -> str | None:
    try:
        if path.is_dir():
            return None if os.access(path, os.R_OK | os.X_OK) else "permission denied"
        with path.open("rb"):
            return None
    except OSError as error:
        return cause(error)


def _unwritable(path: Path) -> str | None:
    if path.exists():
        return None if os.access(path, os.W_OK) else "permission denied"
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir():
        return "not a directory"
    return None if os.access(parent, os.W_OK | os.X_OK) else "permission denied"


def _unplayable(path: Path) -> str | None:
    try:
        return file_fault(path)
    except OSError as error:
        return cause(error)


def _router(config: Config) -> Iterator[Problem]:
    router = config.proxy.router
    if router is None:
        return
    path: KeyPath = ("proxy", "router")
    file = router.partition(":")[0]
    if file.endswith(".py"):
        if fault := _unreadable(config.resolve(file)):
            yield _lineless(config.document.problem(path, f'cannot read "{file}": {fault}'))
    elif not _ROUTER.fullmatch(router):
        yield config.document.problem(path, f'"{router}": "package.module:name" or "file.py" is needed')
