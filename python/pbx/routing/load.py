"""Fetching the user's router: imported fresh for every generation, so that a reload sees the edited file."""

import importlib
import importlib.util
import sys
import uuid
from pathlib import Path
from types import ModuleType

from pbx.errors import PbxError
from pbx.routing.router import Router

_DEFAULT_NAME = "router"


class RouterError(PbxError):
    """The `router` key names nothing that can be imported, or something that is no `Router`."""

    exit_code = 2


def load_router(reference: str, directory: Path) -> Router:
    """Load `"package.module:name"` or `"file.py"` (optionally `"file.py:name"`), relative to the main file's directory.

    Everything the import raises becomes a `RouterError` that names the cause. Modules already imported under the same
    package stay as they are; only the named module is executed again.
    """
    source, _, name = reference.partition(":")
    try:
        module = _from_file(directory / source) if source.endswith(".py") else _from_module(source, directory)
    except RouterError:
        raise
    except BaseException as error:
        raise RouterError(
            f'"{reference}" cannot be imported: {type(error).__name__}: {_text(error)}'
        ) from error
    router = getattr(module, name or _DEFAULT_NAME, None)
    if router is None:
        raise RouterError(f'"{reference}" has no variable named "{name or _DEFAULT_NAME}"')
    if not isinstance(router, Router):
        raise RouterError(
            f'"{reference}": {name or _DEFAULT_NAME} is a {type(router).__name__}, not a pbx.routing.Router'
        )
    return router


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise RouterError(f'cannot read "{path}": no such file')
    unique = f"pbx_router_{path.stem}_{uuid.uuid4().hex}"
    spec = importlib.util.spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise RouterError(f'"{path}" is not a Python file')
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickling look their module up by name while it is being executed.
    sys.modules[unique] = module
    try:
        # Compiled from the text: two saves within a second would otherwise be served from one cached bytecode file.
        code = compile(path.read_bytes(), str(path), "exec")
        exec(code, module.__dict__)  # noqa: S102 - the operator's own file
    finally:
        sys.modules.pop(unique, None)
    return module


def _from_module(name: str, directory: Path) -> ModuleType:
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    importlib.invalidate_caches()
    kept = sys.modules.pop(name, None)
    try:
        return importlib.import_module(name)
    except BaseException:
        if kept is not None:
            sys.modules[name] = kept
        raise


def _text(error: BaseException) -> str:
    try:
        return str(error)[:500]
    except Exception:  # noqa: BLE001 - __str__ is the user's as well
        return "(no text)"
