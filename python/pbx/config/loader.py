"""Reads the main file and every file it names, validates, merges and cross-checks them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pbx.config import merge
from pbx.config.checks import cross_check
from pbx.config.config import Config
from pbx.config.document import Document, read_document
from pbx.config.effective import not_yet_effective
from pbx.config.entry import Entry
from pbx.config.locate import find_main, list_files, shown_name
from pbx.config.messages import validate
from pbx.config.problem import Problem, summary
from pbx.config.tables.main import Main
from pbx.errors import ConfigError

# Kind: key of the list of files, directory below generated_dir.
KINDS = {
    "routes": ("routes_files", "routes"),
    "trunks": ("trunks_files", "trunks"),
    "acl_rules": ("acl_files", "acl"),
    "queues": ("queues_files", "queue"),
    "ivrs": ("ivr_files", "ivr"),
}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found. `config` is there when nothing is an error."""

    problems: tuple[Problem, ...]
    config: Config | None

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The findings that forbid a start."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def lines(self) -> tuple[str, ...]:
        """The report as text: one finding a line, counts last."""
        return (*map(str, self.problems), summary(self.problems))


def load(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Load the configuration, or raise `ConfigError` with all that is wrong with it."""
    report = examine(given, environ)
    if report.config is None:
        raise ConfigError(report.lines)
    return report.config


def examine(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> Report:
    """Load the configuration and report every finding."""
    path = find_main(given, environ)
    document, problems = (Document(None, ""), []) if path is None else read_document(path, str(path))
    if problems:
        return Report(tuple(problems), None)
    main, problems = validate(Main, document)
    if main is None:
        return _report(None, problems)
    files, faults = _read_files(main, document)
    problems += faults
    config, faults = _merge(main, document, files)
    problems += faults
    problems += cross_check(config)
    return _report(config, problems)


def _report(config: Config | None, problems: list[Problem]) -> Report:
    ordered = tuple(
        sorted(dict.fromkeys(problems), key=lambda p: (p.severity != "error", p.file, p.line or 0))
    )
    if config is None or any(problem.severity == "error" for problem in ordered):
        return Report(ordered, None)
    ordered += tuple(not_yet_effective(config))
    return Report(ordered, replace(config, problems=ordered))


def _read_files(main: Main, document: Document) -> tuple[dict[str, list[Document]], list[Problem]]:
    base = _base(document)
    generated = base / main.proxy.generated_dir
    files: dict[str, list[Document]] = {}
    problems: list[Problem] = []
    for kind, (key, directory) in KINDS.items():
        found = list_files(base, getattr(main.proxy, key), generated / directory)
        problems += [document.problem(("proxy", key, number), fault) for number, fault in found.faults]
        files[kind] = []
        for path, is_generated in found.files:
            shown = shown_name(document.path or base / "pbx.toml", path)
            read, faults = read_document(path, shown, generated=is_generated)
            problems += faults
            files[kind] += [] if faults else [read]
    return files, problems


def _merge(main: Main, document: Document, files: dict[str, list[Document]]) -> tuple[Config, list[Problem]]:
    routes, of_routes = merge.merged(
        [*merge.inline_routes(main, document)], files["routes"], merge.file_routes
    )
    trunks, of_trunks = merge.merged(
        [*merge.inline_trunks(main, document)], files["trunks"], merge.file_trunks
    )
    queues, of_queues = merge.merged(
        [*merge.inline_queues(main, document)], files["queues"], merge.file_queues
    )
    ivrs, of_ivrs = merge.merged([], files["ivrs"], merge.file_ivrs)
    rules: list[Entry[str]] = [*merge.inline_acl(main, document)]
    of_rules: list[Problem] = []
    for read in files["acl_rules"]:
        found, faults = merge.file_acl(read)
        rules += found
        of_rules += faults
    config = Config(
        main=main,
        document=document,
        base=_base(document),
        routes=tuple(routes.values()),
        trunks=trunks,
        queues=queues,
        ivrs=ivrs,
        acl_rules=tuple(rules),
        files={kind: tuple(documents) for kind, documents in files.items()},
    )
    return config, [*of_routes, *of_trunks, *of_queues, *of_ivrs, *of_rules]


def _base(document: Document) -> Path:
    return Path.cwd() if document.path is None else document.path.absolute().parent
