"""Digest authentication and identity: users are compiled into the engine's table."""

from typing import ClassVar

from pbx.modules.native import NativeModule


class Auth(NativeModule):
    """Digest authentication and identity: users are compiled into the engine's table."""

    name: ClassVar[str] = "auth"
