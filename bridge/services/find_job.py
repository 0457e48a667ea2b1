"""Finds a run's job in Azure ML, and tells the jobs of this bridge from those of others in the same workspace."""

from bridge.domain import tags
from bridge.domain.jobs import Job
from bridge.ports import Bridge


def find_job(run_id: str, bridge: Bridge, *, workspace: str | None = None) -> tuple[str, Job] | None:
    """The workspace and the job of this run; without a workspace every one of them is looked into.

    Raises: RetryableError; PermanentError.
    """
    for name in [workspace] if workspace else sorted(bridge.workspaces):
        job = bridge.jobs.get(name, run_id)
        if job is not None and is_ours(job, bridge):
            return name, job
    return None


def is_ours(job: Job, bridge: Bridge) -> bool:
    """Whether this bridge made the job: several bridges may share a workspace."""
    return job.tags.get(tags.BRIDGE) == bridge.name


def known_workspace(name: str, bridge: Bridge) -> str:
    """The workspace of this name as the settings spell it, which Azure does in any case; else the app's own."""
    return next((known for known in bridge.workspaces if known.lower() == name.lower()), bridge.workspace)
