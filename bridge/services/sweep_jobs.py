"""Once a day: compares AML's list of our jobs with the ledger and has every difference checked."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.domain import statuses, tags
from bridge.domain.commands import CheckRun
from bridge.domain.identity import is_run_id
from bridge.domain.jobs import Job
from bridge.domain.queues import Queue
from bridge.ports import Bridge, Message
from bridge.services.find_job import is_ours

log = logging.getLogger(__name__)
#: AML answers 25 reads a second to the whole subscription: a sweep takes a small part of that.
PAGES_PER_WORKSPACE = 200
#: A check reads twice; the other callers of the subscription keep most of the budget.
CHECKS_A_SECOND = 5


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """What a sweep saw."""

    jobs: int
    checks: int


def sweep_jobs(bridge: Bridge) -> SweepResult:
    """Send a one-shot check for each of our jobs that the ledger does not show as ended.

    Raises: RetryableError when AML, the ledger or the queues fail; the next sweep tries again.
    """
    seen = sent = 0
    for workspace in sorted(bridge.workspaces):
        since = bridge.clock.now() - timedelta(days=bridge.sweep_days)
        found = bridge.jobs.tagged(workspace, tags.BRIDGE, since=since, pages=PAGES_PER_WORKSPACE)
        jobs = [job for job in found if is_run_id(job.name) and is_ours(job, bridge)]
        seen += len(jobs)
        sent += _check_unended(workspace, jobs, bridge, after=sent)
    log.info("sweep saw %d jobs and asked for %d checks", seen, sent)
    return SweepResult(jobs=seen, checks=sent)


def _check_unended(workspace: str, jobs: list[Job], bridge: Bridge, *, after: int) -> int:
    """`after`: how many checks of other workspaces come first."""
    ended = bridge.ledger.ended([job.name for job in jobs]) if jobs else frozenset()
    today = f"s.{bridge.clock.now():%Y%m%d}"
    missing = [job for job in jobs if job.name not in ended]
    checks = [CheckRun(run_id=job.name, workspace=workspace, origin=today) for job in missing]
    if checks:
        now = bridge.clock.now()
        messages = [
            Message(message_id=check.message_id, body=check, due=_due(number, now))
            for number, check in enumerate(checks, start=after)
        ]
        bridge.sender.send(Queue.RUN_CONTROL, messages)
    ends = sum(statuses.is_terminal(job.status) for job in missing)
    log.info(
        "workspace %s: %d jobs, %d not ended in the ledger, %d of them ended in AML",
        workspace,
        len(jobs),
        len(missing),
        ends,
    )
    return len(checks)


def _due(number: int, now: datetime) -> datetime | None:
    """The first at once, the others one after the other."""
    seconds = number // CHECKS_A_SECOND
    return now + timedelta(seconds=seconds) if seconds else None
