"""Answers questions about runs: one run live from AML, lists from the ledger."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bridge.domain import statuses, tags
from bridge.domain.errors import PermanentError, RetryableError
from bridge.domain.identity import is_run_id
from bridge.domain.jobs import Job, JobDetails
from bridge.ports import Bridge, RunFilter
from bridge.services.find_job import find_job


def find_run(run_id: str, bridge: Bridge) -> Mapping[str, Any] | None:
    """The run: AML's word where there is a job, which costs no warehouse; the ledger's row otherwise.

    Raises: RetryableError when neither could be asked.
    """
    if not is_run_id(run_id):
        return None
    try:
        live = live_run(run_id, bridge)
    except (RetryableError, PermanentError):  # also when the app's identity may not look
        return bridge.ledger.run(run_id)
    return live or bridge.ledger.run(run_id)


def find_runs(wanted: RunFilter, bridge: Bridge) -> Sequence[Mapping[str, Any]]:
    """Rows of RUNS, newest first."""
    return bridge.ledger.runs(wanted)


def recorded_run(run_id: str, bridge: Bridge) -> Mapping[str, Any] | None:
    """As the ledger has it, whatever Azure ML would say now. Raises: RetryableError."""
    return bridge.ledger.run(run_id)


def recorded_runs(run_ids: Sequence[str], bridge: Bridge) -> Mapping[str, Mapping[str, Any]]:
    """As the ledger has them, by id; without ids it is not asked. Raises: RetryableError."""
    return bridge.ledger.runs_by_id(run_ids) if run_ids else {}


def live_run(run_id: str, bridge: Bridge) -> Mapping[str, Any] | None:
    """What Azure ML says of the run's job; None when there is none. Raises: RetryableError, PermanentError."""
    found = find_job(run_id, bridge)
    if found is None:
        return None
    workspace, job = found
    started = statuses.is_terminal(job.status) or job.status == statuses.JobStatus.RUNNING
    details = bridge.jobs.details(workspace, run_id) if started else JobDetails()
    return _shown(job, details, workspace)


def _shown(job: Job, details: JobDetails, workspace: str) -> Mapping[str, Any]:
    """The same names as the columns of RUNS."""
    row = {
        "run_id": job.name,
        "status": job.status,
        "pipeline": job.tags.get(tags.PIPELINE),
        "fingerprint": job.tags.get(tags.FINGERPRINT),
        "job_name": job.name,
        "workspace": workspace,
        "studio_url": job.studio_url,
        "submitted_at": job.created_at,
        "started_at": details.started_at,
        "ended_at": details.ended_at,
        "error_code": details.error_code,
        "error_message": details.error_message,
        "outputs": details.outputs,
    }
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
