"""Working time: eight hours a day, from Monday to Friday."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

WORKING_DAY: Final = Decimal(8)
"""Hours; what somebody logs beyond them on one day is overtime."""
WORKING_WEEK: Final = 5
"""Days."""


# A project has few days and many dates.
@lru_cache(4096)
def workday(day: date) -> int:
    """The number of working days before a day: a weekend counts as the Monday behind it."""
    weeks, weekday = divmod(day.toordinal() - 1, 7)  # the first day of the calendar is a Monday
    return weeks * WORKING_WEEK + min(weekday, WORKING_WEEK)


@lru_cache(4096)
def calendar_day(number: int) -> date:
    """The working day that has so many before it; the last day of the calendar for all behind that."""
    weeks, weekday = divmod(number, WORKING_WEEK)
    return date.fromordinal(min(7 * weeks + weekday + 1, date.max.toordinal()))


def working_days(first: date, last: date) -> int:
    """The working days from the first to the last, both included; none where the last is before the first."""
    return max(0, workday(last) + (last.weekday() < WORKING_WEEK) - workday(first))
