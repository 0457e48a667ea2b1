"""Starts runs again: new runs of the same pipelines, with the inputs that the ledger keeps of the old ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.domain import identity
from bridge.domain.commands import Origin
from bridge.domain.inputs import Violation
from bridge.ports import Bridge
from bridge.services.accept_runs import RunAnswer, RunRequest, accept_runs, idempotency_key


@dataclass(frozen=True, kw_only=True)
class RerunRequest:
    """One run that a caller wants once more."""

    #: The run that is there; what is no run id has a problem.
    run_id: str
    #: Of the new run.
    idempotency_key: str | None
    origin: Origin
    #: What is wrong with the request itself, found while reading it.
    problem: Violation | None = None


@dataclass(frozen=True, kw_only=True)
class RerunRefusal:
    """Why there is no new run."""

    violation: Violation


def rerun_runs(requests: Sequence[RerunRequest], bridge: Bridge) -> list[RunAnswer | RerunRefusal]:
    """Answer every request, in their order; when this returns, the accepted runs are queued.

    The new runs are checked as any other: whether the caller may, and the inputs against today's pipelines.yaml.
    Raises: RetryableError when the ledger or the queues were away. The same requests, with the same keys, may follow.
    """
    wanted = dict.fromkeys(request.run_id for request in requests if request.problem is None)
    rows = bridge.ledger.runs_by_id(list(wanted)) if wanted else {}
    outcomes = [_new_run(request, rows.get(request.run_id), bridge) for request in requests]
    accepted = iter(accept_runs([outcome for outcome in outcomes if isinstance(outcome, RunRequest)], bridge))
    return [next(accepted) if isinstance(outcome, RunRequest) else outcome for outcome in outcomes]


def _new_run(request: RerunRequest, row: Mapping[str, Any] | None, bridge: Bridge) -> RunRequest | RerunRefusal:
    if request.problem is not None:
        return RerunRefusal(violation=request.problem)
    if row is None:
        seconds = bridge.record_window.total_seconds() + 30
        return _refused(
            "UNKNOWN_RUN",
            f"the ledger has no run {request.run_id}; one that was just accepted shows up within {seconds:.0f} seconds",
        )
    if row["pipeline"] is None or row["inputs"] is None:
        return _refused("INPUTS_NOT_KEPT", f"the ledger does not have the inputs of {request.run_id}: submit it anew")
    wanted = RunRequest(
        pipeline=row["pipeline"],
        inputs=row["inputs"],
        idempotency_key=request.idempotency_key,
        origin=request.origin,
        rerun_of=request.run_id,
    )
    if identity.run_id(bridge.name, wanted.pipeline, idempotency_key(wanted)) == request.run_id:
        return _refused(
            "BAD_KEY", "this is the key of the run itself: a rerun needs a key of its own", "idempotency_key"
        )
    return wanted


def _refused(code: str, message: str, field: str = "run_id") -> RerunRefusal:
    return RerunRefusal(violation=Violation(code=code, message=message, field=field))
