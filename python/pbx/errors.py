"""The exceptions this package raises on purpose. Each names the exit status `pbx` ends with when nobody catches it."""

from collections.abc import Sequence
from typing import ClassVar


class PbxError(Exception):
    """Root of every error a caller of this package may want to catch."""

    exit_code: ClassVar[int] = 1


class ConfigError(PbxError):
    """The configuration is refused. `lines` holds every finding in the format of the error report, counts last."""

    exit_code: ClassVar[int] = 2

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines: tuple[str, ...] = tuple(lines)


class StartError(PbxError):
    """The configuration is good but the system refuses it: a port in use, an interface that is gone."""


class PbxBusyError(PbxError):
    """A bounded queue of one call or of the whole process is full; the command was not taken. Try again later."""
