"""Modules the engine carries out itself."""

from typing import Any

from pbx.modules.module import Module


class NativeModule(Module):
    """Its place in `modules` is its place in the engine's order of judgement; its tables are compiled from the keys."""

    def compile(self, document: dict[str, Any]) -> None:
        """Take part in the engine's order of judgement."""
        order: list[str] = document["switch"]["modules"]
        if self.name not in order:
            order.append(self.name)
