"""What a module is."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pbx.config import Config
from pbx.routing import Handler


class Module:
    """One entry of the `modules` key. Third parties subclass it and name the class by dotted path or entry point.

    A module is built anew for every configuration generation; raising in `__init__` refuses the configuration.
    """

    name: ClassVar[str]
    """Name in `modules` and in `/health`."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def compile(self, document: dict[str, Any]) -> None:
        """Write what the engine shall do natively into its document."""

    @property
    def handlers(self) -> Sequence[Handler]:
        """Handlers asked about each INVITE, after those of `router`. None: the engine never asks for this module."""
        return ()
