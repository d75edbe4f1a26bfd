"""Which file is the main one, and which files its lists name."""

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pbx.config.document import cause

_GLOB = set("*?[")
_PLACES = ("pbx.toml", "config/pbx.toml", "/etc/pbx/pbx.toml")
# More files than this are a glob that went astray.
MAX_FILES = 10_000


def find_main(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The main file: given, named by `PBX_CONFIG`, or the first that exists. None: defaults only."""
    if given is None and (named := environ.get("PBX_CONFIG")):
        given = Path(named)
    # A file that was named must be there; reading it says what is wrong.
    if given is not None:
        return given
    return next((path for path in map(Path, _PLACES) if path.is_file()), None)


@dataclass(slots=True)
class FileList:
    """The files of one kind in the order of merging, and the entries that name no file."""

    files: list[tuple[Path, bool]] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)


def list_files(base: Path, patterns: list[str], generated: Path) -> FileList:
    """Files in list order, a glob's matches by path bytes, generated ones last; each once, at its last place."""
    found = FileList()
    ordered: list[tuple[Path, bool]] = []
    for number, pattern in enumerate(patterns):
        if _GLOB & set(pattern):
            ordered += [(path, False) for path in _matches(base / pattern)]
        elif fault := _fault(base / pattern):
            found.faults.append((number, f'cannot read "{pattern}": {fault}'))
        else:
            ordered.append((base / pattern, False))
    ordered += [(path, True) for path in _matches(generated / "*.generated.toml")]
    last = {os.path.realpath(path): place for place, (path, _) in enumerate(ordered)}
    found.files = [ordered[place] for place in sorted(last.values())][:MAX_FILES]
    return found


def shown_name(main: Path, file: Path) -> str:
    """How messages name a further file: as the main file is named, below its directory."""
    relative = os.path.relpath(file, main.parent)
    if relative.startswith(".."):
        return str(file)
    return str(main.parent / relative)


def _matches(pattern: Path) -> list[Path]:
    names = (name for name in glob.iglob(str(pattern), recursive=True) if Path(name).is_file())
    return [Path(name) for name in sorted(names, key=os.fsencode)]


def _fault(path: Path) -> str | None:
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return cause(error)
