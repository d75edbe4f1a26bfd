"""`policy` of routes and trunks."""

import re
import zoneinfo
from typing import Annotated

from pydantic import AfterValidator

from pbx.config.tables.names import OptPattern
from pbx.config.tables.scalars import TimeOfDay
from pbx.config.tables.table import UNSET, Table, key, refuse

_COUNTRY = re.compile(r"[A-Za-z]{2}")
_PREFIX = re.compile(r"\+?[0-9]{1,15}")


def _country(text: str) -> str:
    if not _COUNTRY.fullmatch(text):
        raise refuse("a two-letter country code is needed")
    return text.upper()


def _region(text: str) -> str:
    if not (_COUNTRY.fullmatch(text) or _PREFIX.fullmatch(text)):
        raise refuse("a two-letter country code or a number prefix is needed")
    return text.upper()


def zone(text: str) -> str:
    """Accept an IANA time zone."""
    try:
        zoneinfo.ZoneInfo(text)
    except (ValueError, OSError):
        raise refuse("not a time zone") from None
    return text


def _zone_or_local(text: str) -> str:
    return "Local" if text.lower() == "local" else zone(text)


Country = Annotated[str, AfterValidator(_country)]
OptCountry = Annotated[Country | None, UNSET]
Zone = Annotated[str, AfterValidator(zone)]


class TimeWindow(Table):
    """Times at which calls are allowed."""

    start: TimeOfDay = key(..., "First minute.")
    end: TimeOfDay = key(..., "Minute of the end; before start: the next day.")
    timezone: Annotated[str, AfterValidator(_zone_or_local)] = key("Local", "IANA time zone or Local.")


class FrequencyLimit(Table):
    """Calls of one caller in some hours."""

    count: int = key(..., "Calls.", ge=1)
    window_hours: int = key(..., "Hours.", ge=1)


class DailyLimit(Table):
    """Calls of one caller in a day."""

    count: int = key(..., "Calls.", ge=1)


class Concurrency(Table):
    """Calls of one caller at once."""

    max_total: int = key(..., "Calls.", ge=1)


class Policy(Table):
    """What a caller may do by a route or trunk."""

    called_prefix: OptPattern = key(None, "The policy applies only to callees with this prefix.")
    trunk_country: OptCountry = key(None, "How national numbers are read.")
    allowed_destination_countries: list[Country] | None = key(None, "Countries that may be called.")
    deny_regions: list[Annotated[str, AfterValidator(_region)]] = key(
        [], "Countries or prefixes that may not be called."
    )
    allow_landline: bool = key(True, "False: fixed-line numbers are refused.")
    time_window: TimeWindow | None = key(None, "Times at which calls are allowed.")
    frequency_limit: FrequencyLimit | None = key(None, "Calls in some hours.")
    daily_limit: DailyLimit | None = key(None, "Calls in a day.")
    concurrency: Concurrency | None = key(None, "Calls at once.")
