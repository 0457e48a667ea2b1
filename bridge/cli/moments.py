"""Points in time as people write and read them; what says nothing else is UTC."""

from datetime import UTC, datetime, timedelta

import typer

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def moment(text: str) -> datetime:
    """For options: a date, which is its midnight, or a date with a time."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f'"{text}": give a date such as 2026-11-01, or 2026-11-01T08:30Z') from None
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)


def shown(value: datetime | None) -> str:
    """To the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if value else "without a time"


def shown_text(text: str | None) -> str | None:
    """An ISO timestamp of the API; anything else stays as it is."""
    try:
        return shown(datetime.fromisoformat(text)) if text else None
    except ValueError:
        return text


def span(value: timedelta) -> str:
    """As rules.yaml writes it: 1d, 90m."""
    seconds = int(value.total_seconds())
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds and seconds % size == 0), ("s", 1))
    return f"{seconds // size}{unit}"
