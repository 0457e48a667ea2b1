"""Asks AML about one run and reports what changed; the only place that ends a run on AML's word."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.domain import events, statuses, tags
from bridge.domain.commands import CheckRun
from bridge.domain.errors import AccessDenied, PermanentError, RetryableError
from bridge.domain.events import RunEvent
from bridge.domain.jobs import Job, JobDetails
from bridge.domain.queues import Queue
from bridge.domain.statuses import BridgeStatus, JobStatus
from bridge.ports import Bridge, Message
from bridge.services import check_chain
from bridge.services.bridge_events import tell_end
from bridge.services.find_job import is_ours
from bridge.services.report import report

log = logging.getLogger(__name__)
#: A job that AML does not show counts as deleted when it is missing twice, the second time so long after submission.
MISSING_AFTER = timedelta(minutes=10)
#: After 1, 2, 4, 8 and 16 minutes.
LOOKS_AT_CANCEL = 5
TIMED_OUT = "TIMED_OUT"
JOB_DELETED = "JOB_DELETED"


def check_run(check: CheckRun, bridge: Bridge) -> None:
    """Look at the run's job once, report a change, and schedule the chain's next step unless this was the end.

    Raises: RetryableError only when the queues themselves fail, so that the broker delivers again.
    """
    try:
        job = bridge.jobs.get(check.workspace, check.run_id)
        if job is None:
            _missing(check, bridge)
        elif is_ours(job, bridge):
            _found(check, job, bridge)
        # else: another bridge's job, of whose runs we keep no account
    except RetryableError as error:
        _look_again(check, error, bridge)
    except PermanentError as error:
        # A role that was taken away, for example: somebody will mend it, and until then the run must not be forgotten.
        log.warning("check of %s: %s", check.run_id, error)
        _look_again(check, None, bridge)


def _found(check: CheckRun, job: Job, bridge: Bridge) -> None:
    if job.status != check.last_status:
        details = _details(check, job, bridge)
        fact = _fact(check, job, details, bridge)
        report([fact], bridge)
        if statuses.is_terminal(job.status):
            log.info("run %s has ended: %s", check.run_id, job.status)
            # A time that every look gives: what repeats the end must not look like another one.
            tell_end(fact, job.tags, bridge, at=details.ended_at or job.created_at)
    if statuses.is_terminal(job.status):
        return
    if check.if_missing_fail is not None:
        _adopt(check, job, bridge)
        return
    if check.step is None and job.status == JobStatus.CANCEL_REQUESTED:
        _await_cancel(check, bridge)
        return
    following = replace(check, last_status=job.status, missing_since=None)
    timed_out = check.timeout_at is not None and bridge.clock.now() >= check.timeout_at
    if timed_out and _time_out(check, bridge):
        following = replace(following, timeout_at=None)
    check_chain.schedule_next(following, bridge)


def _await_cancel(check: CheckRun, bridge: Bridge) -> None:
    """A job takes minutes to stop, and AML may send no event for it: look again some times before the chain does."""
    if check.try_ < LOOKS_AT_CANCEL:
        again = replace(check.next_try(), last_status=JobStatus.CANCEL_REQUESTED)
        check_chain.one_shot(again, bridge, due=bridge.clock.now() + timedelta(minutes=2**check.try_))


def _adopt(check: CheckRun, job: Job, bridge: Bridge) -> None:
    """A dead submit had made its job after all: follow it as its submit would have done."""
    submitted_at = job.created_at or bridge.clock.now()
    pipeline = bridge.catalogue.find(job.tags.get(tags.PIPELINE, ""))
    chain = CheckRun(
        run_id=check.run_id,
        workspace=check.workspace,
        submitted_at=submitted_at,
        timeout_at=submitted_at + pipeline.timeout if pipeline and pipeline.timeout else None,
        last_status=job.status,
        tags=check.tags,
    )
    check_chain.schedule_first(chain, bridge)


def _fact(check: CheckRun, job: Job, details: JobDetails, bridge: Bridge) -> RunEvent:
    """The job's status as a row."""
    ended = statuses.is_terminal(job.status)
    now = bridge.clock.now()
    timeout = _timeout(job, details, bridge)
    return events.job_fact(
        check.run_id,
        job.status,
        _occurred_at(check, details, ended=ended) or now,
        workspace=check.workspace,
        pipeline=job.tags.get(tags.PIPELINE),
        fingerprint=job.tags.get(tags.FINGERPRINT),
        trace_id=job.tags.get(tags.TRACE_ID),
        studio_url=job.studio_url,
        started_at=details.started_at,
        ended_at=(details.ended_at or now) if ended else None,
        error_code=details.error_code or (TIMED_OUT if timeout else None),
        error_message=details.error_message or timeout,
        outputs=details.outputs,
    )


def _timeout(job: Job, details: JobDetails, bridge: Bridge) -> str | None:
    """That the pipeline's timeout was over when the job was canceled, in words; whoever looks sees the same."""
    pipeline = bridge.catalogue.find(job.tags.get(tags.PIPELINE, ""))
    if job.status != JobStatus.CANCELED or pipeline is None or not pipeline.timeout or job.created_at is None:
        return None
    over = job.created_at + pipeline.timeout
    if (details.ended_at or bridge.clock.now()) < over:
        return None
    return f"the pipeline's timeout ended at {over}, so the job was canceled"


def _occurred_at(check: CheckRun, details: JobDetails, *, ended: bool) -> datetime | None:
    """When the status began, as far as the history knows; a job that runs again after a pause does so now."""
    if ended:
        return details.ended_at
    began = check.last_status is None or statuses.job_rank(check.last_status) < statuses.job_rank(JobStatus.RUNNING)
    return details.started_at if began else None


def _details(check: CheckRun, job: Job, bridge: Bridge) -> JobDetails:
    """Times, error and outputs, which are only read when they can have appeared.

    Without a history a word about why there is none: an end is reported in any case.
    """
    if not statuses.is_terminal(job.status) and job.status != JobStatus.RUNNING:
        return JobDetails()
    try:
        return bridge.jobs.details(check.workspace, check.run_id)
    except PermanentError as error:
        return JobDetails(error_message=f"the run history could not be read: {error}")


def _time_out(check: CheckRun, bridge: Bridge) -> bool:
    """The pipeline's timeout is over: cancel the job, and say why in the row that asks for it. False: try again."""
    try:
        bridge.jobs.cancel(check.workspace, check.run_id)
    except AccessDenied as error:
        log.warning("the timeout of %s could not be carried out: %s", check.run_id, error)
        return False
    except PermanentError:  # it has ended meanwhile; the next look reports how
        return True
    fact = events.job_fact(
        check.run_id,
        JobStatus.CANCEL_REQUESTED,
        bridge.clock.now(),
        workspace=check.workspace,
        trace_id=check.tags.get(tags.TRACE_ID),
        error_code=TIMED_OUT,
        error_message=f"the pipeline's timeout ended at {check.timeout_at}, so the job is being cancelled",
    )
    report([fact], bridge)
    check_chain.one_shot(
        CheckRun(run_id=check.run_id, workspace=check.workspace, origin="t"),
        bridge,
        due=bridge.clock.now() + timedelta(minutes=1),
    )
    return True


def _missing(check: CheckRun, bridge: Bridge) -> None:
    now = bridge.clock.now()
    if check.if_missing_fail is not None:
        _end(_never_submitted(check, bridge), check, bridge)
    elif check.step is None or check.submitted_at is None:
        return  # a hint about a job that is not there says nothing; the run's own chain decides
    elif check.missing_since is not None and now >= check.submitted_at + MISSING_AFTER:
        fact = events.job_fact(
            check.run_id,
            JobStatus.FAILED,
            now,
            workspace=check.workspace,
            pipeline=check.tags.get(tags.PIPELINE),
            trace_id=check.tags.get(tags.TRACE_ID),
            ended_at=now,
            error_code=JOB_DELETED,
            error_message=f"the job was deleted in Azure ML; it was missing since {check.missing_since}",
        )
        _end(fact, check, bridge, at=check.missing_since)
    else:
        check_chain.schedule_next(replace(check, missing_since=check.missing_since or now), bridge)


def _end(fact: RunEvent, check: CheckRun, bridge: Bridge, at: datetime | None = None) -> None:
    """A run that ends without a job to look at."""
    report([fact], bridge)
    tell_end(fact, check.tags, bridge, at=at)


def _never_submitted(check: CheckRun, bridge: Bridge) -> RunEvent:
    return events.bridge_fact(
        check.run_id,
        BridgeStatus.FAILED,
        check.attempt,
        bridge.clock.now(),
        workspace=check.workspace,
        pipeline=check.tags.get(tags.PIPELINE),
        trace_id=check.tags.get(tags.TRACE_ID),
        error_code="DEAD_LETTERED",
        error_message=check.if_missing_fail,
    )


def _look_again(check: CheckRun, error: RetryableError | None, bridge: Bridge) -> None:
    """AML did not answer. A chain never gives up before its last step; a one-shot check gives up like any command."""
    if check.step is None and check.if_missing_fail is None and bridge.retry.gives_up(check.try_, error):
        return
    started = check.submitted_at
    if started is not None and bridge.clock.now() > started + check_chain.LAST_AFTER:
        return
    copy = check.next_try()
    due = bridge.clock.now() + bridge.retry.wait(check.try_, error)
    bridge.sender.send(Queue.RUN_CONTROL, [Message(message_id=copy.message_id, body=copy, due=due)])
