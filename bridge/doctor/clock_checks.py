"""Is it the same time here as there? Tokens are refused by services for which they are too old, or not yet valid."""

from collections.abc import Iterator
from datetime import timedelta

from bridge.doctor.findings import Finding, fail, ok, skipped, warn
from bridge.doctor.subject import Subject

CHECK = "clock"
WARN_SECONDS, FAIL_SECONDS = 60, 300
MEND = "sudo timedatectl set-ntp true    # or let the host of this machine keep its time"


def check_clock(subject: Subject) -> Iterator[Finding]:
    """By what the services said while the other checks asked them."""
    offsets = subject.clocks.offsets()
    if not offsets:
        yield skipped(CHECK, "clock: not looked at", "no service said what time it is there")
    for service, offset in sorted(offsets.items()):
        yield _finding(service, offset)


def _finding(service: str, offset: timedelta) -> Finding:
    seconds = round(abs(offset.total_seconds()))
    what = f"this machine's clock is {seconds} s {'behind' if offset > timedelta() else 'ahead of'} that of {service}"
    if seconds > FAIL_SECONDS:
        return fail(CHECK, what, cause="tokens are refused when clocks differ by five minutes", mend=MEND)
    if seconds > WARN_SECONDS:
        return warn(CHECK, what, cause="from five minutes on tokens are refused", mend=MEND)
    return ok(CHECK, f"this machine's clock agrees with that of {service}")
