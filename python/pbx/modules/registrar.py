"""REGISTER: bindings live in the engine."""

from typing import ClassVar

from pbx.modules.native import NativeModule


class Registrar(NativeModule):
    """REGISTER: bindings live in the engine."""

    name: ClassVar[str] = "registrar"
