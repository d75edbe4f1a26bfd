"""The modules of one configuration, in order."""

import importlib
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any

from pbx.config import Config
from pbx.errors import ConfigError
from pbx.modules.acl import Acl
from pbx.modules.auth import Auth
from pbx.modules.call import Call
from pbx.modules.module import Module
from pbx.modules.registrar import Registrar
from pbx.routing import Handler

GROUP = "pbx.modules"

_BUILT_IN: dict[str, type[Module]] = {module.name: module for module in (Acl, Auth, Registrar, Call)}


class Pipeline:
    """The modules as named by the `modules` key."""

    def __init__(self, modules: Sequence[Module]) -> None:
        self.modules = tuple(modules)

    @classmethod
    def load(cls, config: Config) -> "Pipeline":
        """Find and build every module. Raises `ConfigError` naming the one that fails."""
        return cls([_build(name, config) for name in config.proxy.modules])

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(module.name for module in self.modules)

    @property
    def handlers(self) -> Sequence[Handler]:
        """Handlers of all modules in order."""
        return [handler for module in self.modules for handler in module.handlers]

    def compile(self, config: Config, document: dict[str, Any]) -> None:
        """Let every module write its part of the engine's document."""
        document["switch"]["modules"] = []
        for module in self.modules:
            try:
                module.compile(document)
            except Exception as error:
                raise _refused(config, module.name, error) from error


def _build(name: str, config: Config) -> Module:
    try:
        return _module_type(name)(config)
    except ConfigError:
        raise
    except BaseException as error:
        raise _refused(config, name, error) from error


def _module_type(name: str) -> type[Module]:
    found = _BUILT_IN.get(name) or _entry_point(name) or _dotted(name)
    if not (isinstance(found, type) and issubclass(found, Module)):
        raise TypeError("it is no subclass of pbx.modules.Module")
    return found


def _entry_point(name: str) -> Any:
    return next((point.load() for point in entry_points(group=GROUP, name=name)), None)


def _dotted(name: str) -> Any:
    module, _, attribute = name.replace(":", ".").rpartition(".")
    if not module:
        raise LookupError("no such module")
    return getattr(importlib.import_module(module), attribute)


def _refused(config: Config, name: str, error: BaseException) -> ConfigError:
    shown = config.document.shown
    return ConfigError(
        [f'{shown}: proxy.modules: "{name}" cannot be loaded: {type(error).__name__}: {error}']
    )
