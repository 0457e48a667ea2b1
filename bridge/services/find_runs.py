"""Answers questions about runs: one run live from AML, lists from the ledger."""

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.domain import tags
from bridge.domain.identity import is_run_id
from bridge.domain.jobs import Job
from bridge.ports import Bridge, RunFilter


def find_run(run_id: str, bridge: Bridge) -> Mapping[str, Any] | None:
    """The run: AML's word where there is a job, which costs no warehouse; the ledger's row otherwise."""
    if not is_run_id(run_id):
        return None
    for workspace in sorted(bridge.workspaces):
        job = bridge.jobs.get(workspace, run_id)
        if job is not None and job.tags.get(tags.BRIDGE) == bridge.name:
            return _live(job, workspace)
    return bridge.ledger.run(run_id)


def find_runs(wanted: RunFilter, bridge: Bridge) -> Sequence[Mapping[str, Any]]:
    """Rows of RUNS, newest first."""
    return bridge.ledger.runs(wanted)


def _live(job: Job, workspace: str) -> Mapping[str, Any]:
    return {
        "run_id": job.name,
        "status": job.status,
        "pipeline": job.tags.get(tags.PIPELINE),
        "fingerprint": job.tags.get(tags.FINGERPRINT),
        "job_name": job.name,
        "workspace": workspace,
        "studio_url": job.studio_url,
        "submitted_at": job.created_at.isoformat() if job.created_at else None,
        "source": "azure_ml",
    }
