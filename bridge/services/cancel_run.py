"""Cancels a run's job, also when the cancel overtook the submit."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from bridge.domain import events, statuses, tags
from bridge.domain.callers import CallerIdentity
from bridge.domain.commands import CancelRun, CheckRun
from bridge.domain.errors import AccessDenied, PermanentError, RetryableError
from bridge.domain.inputs import shown
from bridge.domain.jobs import Job
from bridge.domain.queues import Queue
from bridge.domain.statuses import BridgeStatus, JobStatus, Note
from bridge.ports import Bridge, Message
from bridge.services import check_chain
from bridge.services.accept_runs import not_allowed
from bridge.services.find_job import find_job
from bridge.services.report import report

log = logging.getLogger(__name__)
#: How long a cancel waits for its submit, which may itself be waiting in back-off.
WAITS_FOR_JOB = timedelta(hours=24)
#: ... when the ledger shows the run as one that has not ended: it may wait for its place.
WAITS_AT_MOST = timedelta(days=31)
ASKS_FOR_JOB_EVERY = timedelta(minutes=1)
#: What the ledger shows of a run that may still get its job.
WAITING = frozenset({BridgeStatus.ACCEPTED, BridgeStatus.SUBMITTING})
#: Each time it asks the ledger too.
ASKS_WHEN_LATE_EVERY = timedelta(hours=1)
#: Tries between two looks into the ledger, each of which may wake a warehouse.
ASKS_LEDGER_EVERY = 10
LOOK_AFTER = timedelta(seconds=30)


def cancel_run(command: CancelRun, bridge: Bridge) -> None:
    """Ask AML to cancel the run's job; without a job, come back until there is one.

    Raises: RetryableError only when the queues themselves fail, so that the broker delivers again.
    """
    try:
        found = find_job(command.run_id, bridge, workspace=command.workspace)
        if found is None:
            _wait_for_job(command, bridge)
        elif statuses.is_terminal(found[1].status):
            _nothing_to_cancel(command, f"the run had ended: {found[1].status}", bridge)
        elif (refusal := _refusal(command, found[1], bridge)) is not None:
            log.warning("the cancel of %s is refused: %s", command.run_id, refusal)
            _nothing_to_cancel(command, refusal, bridge)
        else:
            _cancel(command, found[0], found[1], bridge)
    except RetryableError as error:
        _again(command, error, bridge)
    except PermanentError:  # AML may not be asked now; a later try may be allowed to
        _again(command, None, bridge)


@dataclass(frozen=True, kw_only=True)
class CancelRequest:
    """One run that a caller wants to be cancelled."""

    run_id: str
    #: Of a request that may come again, see `CancelRun.origin`.
    origin: str = ""


def request_cancels(requests: Sequence[CancelRequest], caller: CallerIdentity, bridge: Bridge) -> None:
    """Have the runs cancelled, whether their jobs exist already or not yet; a run that is named twice, once.

    Whether the caller may is found out with the job, which knows its pipeline: here that would be a slow look-up.

    Raises: RetryableError when the queue could not take them.
    """
    now = bridge.clock.now()
    origins: dict[str, str] = {}
    for request in requests:
        origins.setdefault(request.run_id, request.origin)
    commands = [
        CancelRun(
            run_id=run_id,
            workspace=None,
            requested_at=now,
            origin=origin,
            **asdict(caller),
        )
        for run_id, origin in origins.items()
    ]
    if commands:
        messages = [Message(message_id=command.message_id, body=command) for command in commands]
        bridge.sender.send(Queue.RUN_CONTROL, messages)


def request_cancel(run_id: str, caller: CallerIdentity, bridge: Bridge) -> None:
    """Have one run cancelled."""
    request_cancels([CancelRequest(run_id=run_id)], caller, bridge)


def _refusal(command: CancelRun, job: Job, bridge: Bridge) -> str | None:
    """Whoever may run a pipeline may cancel its runs, nobody else; why not this caller, if so."""
    name = job.tags.get(tags.PIPELINE, "")
    pipeline = bridge.catalogue.find(name)
    if pipeline is None:  # and nobody may run it any more
        return f'"{command.principal}" may not cancel it: pipelines.yaml has no pipeline {shown(name)}'
    return None if pipeline.allows(command.caller) else not_allowed(command.caller, name).message


def _cancel(command: CancelRun, workspace: str, job: Job, bridge: Bridge) -> None:
    try:
        bridge.jobs.cancel(workspace, command.run_id)
    except AccessDenied:
        raise  # a role may come back; the job is still there to be cancelled
    except PermanentError as error:
        _nothing_to_cancel(command, str(error), bridge)
        return
    now = bridge.clock.now()
    payload = {"principal": command.principal, "reason": command.reason}
    fact = events.job_fact(
        command.run_id,
        JobStatus.CANCEL_REQUESTED,
        now,
        workspace=workspace,
        trace_id=job.tags.get(tags.TRACE_ID),
        payload=payload,
    )
    report([fact], bridge)
    check = CheckRun(run_id=command.run_id, workspace=workspace, origin=f"c.{command.key}")
    check_chain.one_shot(check, bridge, due=now + LOOK_AFTER)


def _wait_for_job(command: CancelRun, bridge: Bridge) -> None:
    now = bridge.clock.now()
    is_late = now >= command.requested_at + WAITS_FOR_JOB
    if is_late or command.try_ % ASKS_LEDGER_EVERY == 0:
        why = _nothing_will_come(command, bridge, is_late=is_late)
        if why:
            _nothing_to_cancel(command, why, bridge)
            return
    copy = command.next_try()
    due = now + (ASKS_WHEN_LATE_EVERY if is_late else ASKS_FOR_JOB_EVERY)
    bridge.sender.send(Queue.RUN_CONTROL, [Message(message_id=copy.message_id, body=copy, due=due)])


def _nothing_will_come(command: CancelRun, bridge: Bridge, *, is_late: bool) -> str | None:
    """Why no job will appear, as far as the ledger knows. A run may wait for its place for longer than a day."""
    try:
        status = _recorded(command, bridge)
    except RetryableError:
        return None
    if status in {BridgeStatus.REJECTED, BridgeStatus.FAILED}:
        return "the run had ended without a job"
    too_late = bridge.clock.now() >= command.requested_at + WAITS_AT_MOST
    if is_late and (too_late or status not in WAITING):
        return f"no job of this run appeared within {'a month' if too_late else 'a day'}"
    return None


def _still_waits(command: CancelRun, bridge: Bridge) -> bool:
    """Whether the run waits for its place: then one answer that did not come is no reason to give up."""
    if bridge.clock.now() >= command.requested_at + WAITS_AT_MOST:
        return False
    try:
        return _recorded(command, bridge) in WAITING
    except RetryableError:
        return True


def _recorded(command: CancelRun, bridge: Bridge) -> str | None:
    row = bridge.ledger.run(command.run_id)
    return str(row["status"]) if row else None


def _again(command: CancelRun, error: RetryableError | None, bridge: Bridge) -> None:
    is_late = bridge.clock.now() >= command.requested_at + WAITS_FOR_JOB
    if is_late and not _still_waits(command, bridge):
        _nothing_to_cancel(command, "Azure ML did not answer for a day", bridge)
        return
    copy = command.next_try()
    due = bridge.clock.now() + bridge.retry.wait(command.try_, error)
    bridge.sender.send(Queue.RUN_CONTROL, [Message(message_id=copy.message_id, body=copy, due=due)])


def _nothing_to_cancel(command: CancelRun, why: str, bridge: Bridge) -> None:
    payload = {"principal": command.principal, "reason": command.reason, "message": why}
    distinct = command.origin or command.requested_at.isoformat()
    report([events.note(command.run_id, Note.CANCEL_IGNORED, bridge.clock.now(), distinct, payload)], bridge)
