"""The run's status as a lattice: every event has a place, so any order of events ends in the same state."""

from enum import StrEnum


class BridgeStatus(StrEnum):
    """What the bridge itself did with a request, within one attempt."""

    REJECTED = "REJECTED"  # -> nothing; the request was not usable
    ACCEPTED = "ACCEPTED"  # -> SUBMITTING, SUBMITTED
    SUBMITTING = "SUBMITTING"  # AML did not take it yet, the next try is scheduled
    FAILED = "FAILED"  # gave up; no job exists


class JobStatus(StrEnum):
    """What AML says of the job. Other words that AML may invent are kept as they come."""

    SUBMITTED = "SUBMITTED"  # the job exists, nothing more is known
    QUEUED = "QUEUED"
    NOT_STARTED = "NOT_STARTED"
    STARTING = "STARTING"
    PREPARING = "PREPARING"
    PROVISIONING = "PROVISIONING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    NOT_RESPONDING = "NOT_RESPONDING"  # may come back to any state
    FINALIZING = "FINALIZING"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


class Note(StrEnum):
    """Worth a row in the history, without any effect on the state."""

    CONFLICT = "CONFLICT"  # another request used the same key for other work
    RETRY_SCHEDULED = "RETRY_SCHEDULED"
    WAITING = "WAITING"  # for a place: its pipeline has max_active_runs
    STUCK = "STUCK"
    NOTIFIED = "NOTIFIED"
    CANCEL_IGNORED = "CANCEL_IGNORED"  # nothing was left to cancel


#: What a run can be, as far as is known: AML may invent more.
KNOWN = tuple(dict.fromkeys((*map(str, BridgeStatus), *map(str, JobStatus))))
TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED})

_BRIDGE_RANKS = {
    BridgeStatus.REJECTED: 10,
    BridgeStatus.ACCEPTED: 20,
    BridgeStatus.SUBMITTING: 30,
    BridgeStatus.FAILED: 40,
}
_RUNNING_RANK = 120
_JOB_RANKS: dict[str, int] = {
    JobStatus.SUBMITTED: 100,
    JobStatus.QUEUED: 110,
    JobStatus.NOT_STARTED: 110,
    JobStatus.STARTING: 110,
    JobStatus.PREPARING: 110,
    JobStatus.PROVISIONING: 110,
    JobStatus.RUNNING: _RUNNING_RANK,
    JobStatus.PAUSED: _RUNNING_RANK,
    JobStatus.NOT_RESPONDING: _RUNNING_RANK,
    JobStatus.FINALIZING: 130,
    JobStatus.CANCEL_REQUESTED: 140,
    JobStatus.COMPLETED: 150,
    JobStatus.FAILED: 150,
    JobStatus.CANCELED: 150,
}


def bridge_rank(status: BridgeStatus) -> int:
    return _BRIDGE_RANKS[status]


def job_rank(status: str) -> int:
    """The place of a job's status; an unknown one counts as running, because it is certainly not an end."""
    return _JOB_RANKS.get(status, _RUNNING_RANK)


def is_terminal(status: str) -> bool:
    """Whether nothing can follow. NotResponding and Paused are not ends, although the SDK counts them as such."""
    return status in TERMINAL


def job_status(aml_status: str) -> str:
    """AML's word in our spelling: `NotStarted`, `notstarted` and `CancelRequested` in any case; others upper-cased."""
    folded = aml_status.replace("_", "").replace(" ", "").upper()
    return _FOLDED.get(folded, aml_status.upper())


_FOLDED = {status.replace("_", ""): status.value for status in JobStatus} | {"CANCELLED": JobStatus.CANCELED.value}
