"""What happened to a run: the rows of RUN_EVENTS, and how they fold into one state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from bridge.domain import statuses
from bridge.domain.commands import Origin, SubmitRun
from bridge.domain.identity import short_hash
from bridge.domain.statuses import BridgeStatus, JobStatus, Note


@dataclass(frozen=True, kw_only=True)
class RunEvent:
    """One row of RUN_EVENTS, column by column; times are aware UTC."""

    #: The same fact has the same id, whoever saw it and however often.
    event_id: str
    run_id: str
    is_job_fact: bool
    #: 0 for job facts and notes, which belong to no attempt.
    attempt: int
    status: str
    #: 0 for notes, which never change the state.
    rank: int
    occurred_at: datetime
    source: str | None = None
    principal: str | None = None
    pipeline: str | None = None
    fingerprint: str | None = None
    inputs: Mapping[str, Any] | None = None
    job_name: str | None = None
    workspace: str | None = None
    component: str | None = None
    studio_url: str | None = None
    query_id: str | None = None
    query_batch_id: str | None = None
    row_number: int | None = None
    batch_rows: int | None = None
    correlation_id: str | None = None
    trace_id: str | None = None
    rerun_of: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    outputs: Mapping[str, Any] | None = None
    payload: Mapping[str, Any] | None = None

    @property
    def order(self) -> tuple[Any, ...]:
        """The greatest event holds the run's state. The last parts only tell two requests of the same run apart."""
        place = (self.is_job_fact, self.attempt, self.rank, self.occurred_at, self.event_id)
        row = -1 if self.row_number is None else self.row_number
        return (*place, self.correlation_id or "", self.query_batch_id or "", row, self.query_id or "")


COLUMNS = tuple(field.name for field in fields(RunEvent))
#: Columns that only the state's own event decides; every other column folds by itself.
_STATE_COLUMNS = ("event_id", "is_job_fact", "attempt", "status", "rank", "occurred_at")


def bridge_fact(run_id: str, status: BridgeStatus, attempt: int, at: datetime, **columns: Any) -> RunEvent:
    """What the bridge did with a request in one attempt."""
    return RunEvent(
        event_id=short_hash([run_id, status, str(attempt)]),
        run_id=run_id,
        is_job_fact=False,
        attempt=attempt,
        status=status,
        rank=statuses.bridge_rank(status),
        occurred_at=at,
        **columns,
    )


def job_fact(run_id: str, status: str, at: datetime, **columns: Any) -> RunEvent:
    """What AML says of the job; `status` in our spelling."""
    return RunEvent(
        event_id=short_hash([run_id, "job", status]),
        run_id=run_id,
        is_job_fact=True,
        attempt=0,
        status=status,
        rank=statuses.job_rank(status),
        occurred_at=at,
        job_name=run_id,
        **columns,
    )


def submitted(command: SubmitRun, at: datetime, **columns: Any) -> RunEvent:
    """The job exists. Repeats the request's columns, so that RUNS is whole even without ACCEPTED."""
    return job_fact(command.run_id, JobStatus.SUBMITTED, at, **request_columns(command), **columns)


def note(
    run_id: str,
    name: Note,
    at: datetime,
    distinct: str,
    payload: Mapping[str, Any],
    *,
    trace_id: str | None = None,
) -> RunEvent:
    """A remark in the history; `distinct` tells it from other remarks of the same name about the run."""
    return RunEvent(
        event_id=short_hash([run_id, "note", name, distinct]),
        run_id=run_id,
        is_job_fact=False,
        attempt=0,
        status=name,
        rank=0,
        occurred_at=at,
        trace_id=trace_id,
        payload=payload,
    )


def request_columns(command: SubmitRun) -> dict[str, Any]:
    """What every row about a run repeats of its request."""
    return {
        **origin_columns(command.origin),
        "pipeline": command.pipeline,
        "fingerprint": command.fingerprint,
        "inputs": dict(command.inputs),
        "workspace": command.workspace,
        "component": command.component,
        "rerun_of": command.rerun_of,
    }


def origin_columns(origin: Origin) -> dict[str, Any]:
    return {
        "source": origin.source,
        "principal": origin.principal,
        "query_id": origin.query_id,
        "query_batch_id": origin.query_batch_id,
        "row_number": origin.row_number,
        "batch_rows": origin.batch_rows,
        "correlation_id": origin.correlation_id,
        "trace_id": origin.trace_id,
    }


def fold(events: Iterable[RunEvent]) -> dict[str, Any] | None:
    """One run's state, whatever the order and repetition of its events; None while no fact is known.

    The state is the greatest fact's; every other column is the greatest fact's in which it is not null. Notes count
    for nothing. An error belongs to its kind: what went wrong before there was a job is not shown of the job.
    `sql/parts/runs_fold.sql` says the same in SQL.
    """
    facts = sorted((event for event in events if event.rank > 0), key=lambda event: event.order, reverse=True)
    if not facts:
        return None
    folded = {name: getattr(facts[0], name) for name in COLUMNS}
    for name in COLUMNS:
        if name not in _STATE_COLUMNS and folded[name] is None:
            folded[name] = next((value for event in facts if (value := getattr(event, name)) is not None), None)
    folded |= _error_columns(facts)
    folded["attempt"] = max(1, *(event.attempt for event in facts))
    return folded


def _error_columns(facts: list[RunEvent]) -> dict[str, Any]:
    """Of the job facts where there are any, else of the state alone; `facts` are sorted, the greatest first.

    None of a completed run: it may have been asked to stop, and finished first.
    """
    if facts[0].status == JobStatus.COMPLETED:
        return {"error_code": None, "error_message": None}
    of_the_job = [event for event in facts if event.is_job_fact] or facts[:1]
    names = ("error_code", "error_message")
    return {
        name: next((value for event in of_the_job if (value := getattr(event, name)) is not None), None)
        for name in names
    }
