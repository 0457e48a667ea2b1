"""NCRONTAB."""

from datetime import UTC, datetime

import pytest

from bridge.local.host.schedules import ScheduleError, parse_schedule


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("0 */5 * * * *", "2026-11-20T12:05:00"),
        ("30 15 3 * * *", "2026-11-21T03:15:30"),
        ("0 0 9 * * Mon-Fri", "2026-11-23T09:00:00"),
        ("0 0 0 1 Jan *", "2027-01-01T00:00:00"),
        ("0 0 0 * * 0", "2026-11-22T00:00:00"),
        ("*/10 1,2 12 * * *", "2026-11-20T12:01:00"),
    ],
)
def test_a_schedule_of_six_fields_comes_due_in_utc(schedule: str, due: str) -> None:
    friday_noon = datetime(2026, 11, 20, 12, 0, 5, tzinfo=UTC)

    assert parse_schedule(schedule).after(friday_noon) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_day_of_month_and_day_of_week_must_both_fit() -> None:
    schedule = parse_schedule("0 0 0 13 * 5")

    first = schedule.after(datetime(2026, 11, 20, tzinfo=UTC))
    second = schedule.after(first)

    assert first == datetime(2027, 8, 13, tzinfo=UTC)
    assert second == datetime(2028, 10, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    "schedule",
    [
        "* * * * *",
        "00:05:00",
        "0 0 0 L * *",
        "0 0 0 15W * *",
        "0 0 0 * * 5#2",
        "0 0 0 ? * *",
        "0 0 0 * * 7",
        "0 0 0 * * 1-7",
        "60 * * * * *",
        "0 0 0 30 2 *",
        "0 0 0 31 4 1",
        "",
    ],
)
def test_what_ncrontab_does_not_know_is_refused(schedule: str) -> None:
    with pytest.raises(ScheduleError):
        parse_schedule(schedule)
