"""NCRONTAB schedules in UTC: six fields, seconds first, day-of-month AND day-of-week."""

import re
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

#: What NCRONTAB knows: numbers, names, lists, ranges, steps. cronsim knows more (L, W, #), the platform does not.
_FIELD = re.compile(r"(\*|(\d+|[A-Za-z]{3})(-(\d+|[A-Za-z]{3}))?)(/\d+)?")
_DAY_OF_MONTH, _DAY_OF_WEEK = 3, 5


class ScheduleError(Exception):
    """The platform would refuse this schedule."""


class Schedule:
    """When a timer is due."""

    def __init__(self, fields: list[str]) -> None:
        self._parts = [" ".join(fields)]
        if fields[_DAY_OF_MONTH] != "*" and fields[_DAY_OF_WEEK] != "*":
            # cronsim takes either of two restricted day fields, NCRONTAB wants both: hence two schedules to intersect.
            by_day, by_weekday = list(fields), list(fields)
            by_day[_DAY_OF_WEEK] = by_weekday[_DAY_OF_MONTH] = "*"
            self._parts = [" ".join(by_day), " ".join(by_weekday)]

    def after(self, moment: datetime) -> datetime:
        """The first time due later than `moment`."""
        due = moment
        candidates: list[datetime] = [next(CronSim(part, due)) for part in self._parts]
        while min(candidates) != max(candidates):
            due = max(candidates) - timedelta(seconds=1)
            candidates = [next(CronSim(part, due)) for part in self._parts]
        return candidates[0]


def parse_schedule(text: str) -> Schedule:
    """The schedule that `text` says.

    Raises:
        ScheduleError: it is not six NCRONTAB fields.
    """
    fields = text.split()
    if len(fields) != 6:
        raise ScheduleError(f"schedule {text!r} must have six fields: second minute hour day month day-of-week")
    for field in fields:
        if not all(_FIELD.fullmatch(part) for part in field.split(",")):
            raise ScheduleError(f"schedule {text!r}: NCRONTAB does not know {field!r}")
    if re.search(r"(?<!/)\b[7-9]\b", fields[_DAY_OF_WEEK]):
        raise ScheduleError(f"schedule {text!r}: days of the week go from 0 (Sunday) to 6")
    schedule = Schedule(fields)
    try:
        schedule.after(datetime.now(UTC))
    except CronSimError as error:
        raise ScheduleError(f"schedule {text!r}: {error}") from error
    return schedule
