"""Rules that look at more than one key, or beyond the configuration's text."""

from collections.abc import Callable, Iterator

from pbx.config.checks.access import check_access
from pbx.config.checks.acl import check_acl
from pbx.config.checks.addresses import check_addresses
from pbx.config.checks.menus import check_menus
from pbx.config.checks.modules import check_modules
from pbx.config.checks.references import check_references
from pbx.config.checks.trunks import check_trunks
from pbx.config.checks.users import check_users
from pbx.config.checks.values import check_values
from pbx.config.config import Config
from pbx.config.problem import Problem

__all__ = ["cross_check"]

_RULES: tuple[Callable[[Config], Iterator[Problem]], ...] = (
    check_addresses,
    check_values,
    check_modules,
    check_users,
    check_acl,
    check_trunks,
    check_references,
    check_menus,
    check_access,
)


def cross_check(config: Config) -> list[Problem]:
    """Everything these rules find in a merged configuration."""
    return [problem for rule in _RULES for problem in rule(config)]
