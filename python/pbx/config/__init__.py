"""The configuration: `pbx.toml` and the files it names, validated, merged, explained, compiled for the engine."""

from pbx.config.config import Config
from pbx.config.loader import Report, examine, load
from pbx.config.problem import Problem, Severity, summary

__all__ = ["Config", "Problem", "Report", "Severity", "examine", "load", "summary"]
