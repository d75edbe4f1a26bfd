"""INVITE and everything after it: routes are compiled, only a router in Python is asked."""

from typing import ClassVar

from pbx.modules.native import NativeModule


class Call(NativeModule):
    """INVITE and everything after it: routes are compiled, only a router in Python is asked."""

    name: ClassVar[str] = "call"
