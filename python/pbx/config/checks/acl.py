"""Access rules that do less than they seem to."""

from collections.abc import Iterator

from pbx.config.acl_rule import parse_acl_rule
from pbx.config.config import Config
from pbx.config.problem import Problem


def check_acl(config: Config) -> Iterator[Problem]:
    """Rules that can never match, and rules whose host bits were dropped."""
    decided_by = None
    for entry in config.acl_rules:
        rule = parse_acl_rule(entry.value)
        if decided_by is not None:
            message = f'unreachable: "{entry.value}" stands after "{decided_by.value}" of {decided_by.origin}'
            yield entry.problem((), message, severity="warning")
        elif rule.network is None:
            decided_by = entry
        if rule.masked:
            yield entry.problem(
                (), f'"{entry.value}" has host bits set; it is read as "{rule}"', severity="warning"
            )
