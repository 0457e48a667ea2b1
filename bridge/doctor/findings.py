"""What an examination finds: of each thing whether it is well, and if not why not, and what mends it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.masking import masked


class Status(StrEnum):
    """How a thing is."""

    OK = "ok"
    #: It works, but not as it was meant to, or not for long.
    WARN = "warn"
    #: Something does not work because of it.
    FAIL = "fail"
    #: Not looked at; the cause says why.
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    #: Which check it is, as docs/operations.md lists them.
    check: str
    status: Status
    what: str
    cause: str = ""
    #: Commands or edits that mend it, a line each; empty when nothing has to be done.
    mend: str = ""

    def without_secrets(self) -> "Finding":
        """Services repeat what they were sent."""
        return Finding(
            check=self.check,
            status=self.status,
            what=masked(self.what),
            cause=masked(self.cause),
            mend=masked(self.mend),
        )


def ok(check: str, what: str, cause: str = "") -> Finding:
    return Finding(check=check, status=Status.OK, what=what, cause=cause)


def warn(check: str, what: str, *, cause: str = "", mend: str) -> Finding:
    return Finding(check=check, status=Status.WARN, what=what, cause=cause, mend=mend)


def fail(check: str, what: str, *, cause: str = "", mend: str) -> Finding:
    return Finding(check=check, status=Status.FAIL, what=what, cause=cause, mend=mend)


def skipped(check: str, what: str, cause: str, *, mend: str = "") -> Finding:
    return Finding(check=check, status=Status.SKIPPED, what=what, cause=cause, mend=mend)


def worst(findings: Iterable[Finding]) -> Status:
    """What all of them come to: what was skipped is no fault by itself."""
    found = {finding.status for finding in findings}
    return next((status for status in (Status.FAIL, Status.WARN) if status in found), Status.OK)
