"""Business hours of menus and queues."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pbx.config.tables.ivr_action import Action
from pbx.config.tables.names import OptSound
from pbx.config.tables.policy import Zone
from pbx.config.tables.scalars import OptText, TimeOfDay
from pbx.config.tables.table import FOLD, Table, key, refuse_at

Day = Annotated[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], FOLD]
_SHORT_FORM = ("work_days", "work_start", "work_end", "break_start", "break_end")


class Schedule(Table):
    """Open times of some days."""

    days: list[Day] = key(..., "Days.", min_length=1)
    start: TimeOfDay = key(..., "Opening minute.")
    end: TimeOfDay = key(..., "Closing minute; not after start: on the next day.")


class BusinessHours(Table):
    """When somebody is there."""

    enabled: bool = key(False, "Whether hours are looked at.")
    timezone: Zone = key("UTC", "IANA time zone.")
    schedules: list[Schedule] = key([], "Open times.")
    work_days: list[Annotated[int, Field(ge=1, le=7)]] | None = key(None, "Short form: days, 1 = Monday.")
    work_start: TimeOfDay | None = key(None, "Short form: opening minute.")
    work_end: TimeOfDay | None = key(None, "Short form: closing minute.")
    break_start: TimeOfDay | None = key(None, "Short form: first minute of the break.")
    break_end: TimeOfDay | None = key(None, "Short form: end of the break.")
    closed_action: Action | None = key(None, "What happens while closed; hangup if not given.")
    closed_greeting: OptSound = key(None, "Sound played while closed.")
    closed_text: OptText = key(None, "Text spoken while closed.")

    @model_validator(mode="after")
    def _one_form(self) -> "BusinessHours":
        short = [name for name in _SHORT_FORM if getattr(self, name) is not None]
        if short and self.schedules:
            raise refuse_at(short[0], "not together with schedules")
        if (self.break_start is None) != (self.break_end is None):
            raise refuse_at("break_start", "break_start and break_end go together")
        if short and (self.work_start is None or self.work_end is None or not self.work_days):
            raise refuse_at(short[0], "work_days, work_start and work_end go together")
        return self
