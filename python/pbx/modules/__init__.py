"""The module pipeline: what each entry of `modules` compiles into the engine, and what it decides when asked."""

from pbx.modules.module import Module
from pbx.modules.pipeline import Pipeline

__all__ = ["Module", "Pipeline"]
