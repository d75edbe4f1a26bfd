"""Access lists: judged natively, before anything that costs."""

from typing import ClassVar

from pbx.modules.native import NativeModule


class Acl(NativeModule):
    """Access lists: judged natively, before anything that costs."""

    name: ClassVar[str] = "acl"
