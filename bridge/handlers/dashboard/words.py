"""Times, numbers and statuses in words that people read at a glance; every time is UTC."""

from datetime import UTC, datetime, timedelta

from bridge.domain.statuses import BridgeStatus, JobStatus, Note

#: What a status means to who looks: the colour, the sign and the order follow from it.
_TONES = {
    JobStatus.COMPLETED: "good",
    JobStatus.FAILED: "bad",
    BridgeStatus.REJECTED: "bad",
    JobStatus.CANCELED: "stopped",
    JobStatus.CANCEL_REQUESTED: "stopped",
    BridgeStatus.ACCEPTED: "waiting",
    BridgeStatus.SUBMITTING: "waiting",
    JobStatus.SUBMITTED: "waiting",
    JobStatus.QUEUED: "waiting",
    JobStatus.NOT_STARTED: "waiting",
    JobStatus.STARTING: "waiting",
    JobStatus.PREPARING: "waiting",
    JobStatus.PROVISIONING: "waiting",
    Note.CONFLICT: "bad",
    Note.CANCEL_IGNORED: "stopped",
    Note.RETRY_SCHEDULED: "waiting",
    Note.WAITING: "waiting",
    # Of rules.
    "DONE": "good",
    "FIRED": "active",
    "NOT_FIRED": "stopped",
}
UNKNOWN = "—"
_UNITS = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min"))


def tone(status: str) -> str:
    """good, bad, stopped, waiting or active."""
    return _TONES.get(status, "active")


def label(status: str) -> str:
    """NOT_STARTED as Not started."""
    return status.replace("_", " ").capitalize()


def clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M:%S}"


def day(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b}"


def moment(at: datetime) -> str:
    """Day and minute."""
    return f"{day(at)}, {at.astimezone(UTC):%H:%M}"


def ago(at: datetime, now: datetime) -> str:
    """How long since, in the largest unit that has one."""
    past = now - at
    for unit, name in _UNITS:
        if past >= unit:
            return f"{past // unit} {name} ago"
    return "just now" if past > -timedelta(minutes=1) else "in the future"


def seconds(value: float | None) -> str:
    """A duration in its two largest units."""
    if value is None:
        return UNKNOWN
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def percent(share: float | None) -> str:
    """100 % only when nothing failed."""
    if share is None:
        return UNKNOWN
    return f"{int(share * 1000) / 10:.3g} %"


def amount(number: int, one: str, many: str) -> str:
    """`1 run`, `2,000 runs`."""
    return f"{number:,} {one if number == 1 else many}"


def first_line(text: str | None, longest: int = 160) -> str:
    """The beginning of what can be a whole traceback."""
    line = next((line.strip() for line in (text or "").splitlines() if line.strip()), "")
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
