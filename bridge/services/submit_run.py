"""Makes sure that exactly one AML job exists for a command, and that it is followed to its end."""

import logging
from collections.abc import Mapping
from datetime import datetime

from bridge.domain import events, tags
from bridge.domain.commands import CheckRun, SubmitRun
from bridge.domain.errors import JobExists, Paced, PermanentError, PipelineFull, RetryableError
from bridge.domain.inputs import InputType, Violation, aml_literal
from bridge.domain.jobs import Job, JobRequest
from bridge.domain.pipelines import Pipeline
from bridge.domain.queues import Queue
from bridge.domain.records import Records, dead_letter
from bridge.domain.statuses import BridgeStatus, JobStatus, Note
from bridge.ports import Bridge, Message
from bridge.services import check_chain
from bridge.services.accept_runs import (
    RunRequest,
    check_request,
    command_or_violations,
    rejection,
    run_id_of,
)
from bridge.services.active_runs import place_for
from bridge.services.bridge_events import tell_end
from bridge.services.report import report, send_records

log = logging.getLogger(__name__)
GAVE_UP = "GAVE_UP"


def submit_run(command: SubmitRun, bridge: Bridge, *, redelivered: bool = False) -> None:
    """Submit the run's job, or find that it exists, and report it.

    `redelivered` says that an earlier delivery of this message may have got as far as AML.
    Raises: RetryableError only when the queues themselves fail, so that the broker delivers again.
    """
    allowed = _allowed(command, bridge)
    if allowed is None:
        return
    command, pipeline = allowed
    request = _job_request(command, pipeline, bridge.name)
    try:
        job = _ensure_job(request, pipeline, bridge, look_first=redelivered or command.try_ > 0)
    except Paced as error:
        _wait(command, error, bridge)
    except RetryableError as error:
        _try_later(command, pipeline, error, bridge)
    except JobExists as error:
        _conflict(command, error, bridge)
    except PermanentError as error:
        _fail(command, error.code, str(error), bridge)
    else:
        _follow(command, pipeline, job, bridge)


def submit_request(request: RunRequest, bridge: Bridge, *, redelivered: bool = False) -> None:
    """Submit a run that was posted straight to the queue, which nobody has looked at yet."""
    run_id = run_id_of(request, bridge)
    outcome = command_or_violations(request, run_id, bridge, accepted_at=None)
    if isinstance(outcome, SubmitRun):
        submit_run(outcome, bridge, redelivered=redelivered)
    else:
        log.warning("the request %s by %s is rejected: %s", run_id, request.origin.principal, outcome[0].code)
        report([rejection(request, run_id, outcome, bridge.clock.now())], bridge)


def _allowed(command: SubmitRun, bridge: Bridge) -> tuple[SubmitRun, Pipeline] | None:
    """The command with its inputs as they were checked; None when it may not run, which is then reported.

    The queue is not trusted: whoever may send to it could write anything.
    """
    checked = check_request(command.pipeline, command.inputs, command.origin, bridge)
    if isinstance(checked, list):
        violations: list[Violation] = checked
    else:
        pipeline, inputs = checked
        violations = _foreign(command, pipeline, bridge)
        if not violations:
            # What was not asked for when the command was made is not added by a newer pipelines.yaml.
            return command.with_inputs({name: inputs[name] for name in command.inputs if name in inputs}), pipeline
    # A request that came straight to the queue was never accepted; an accepted one fails because the file has changed.
    status = BridgeStatus.REJECTED if command.accepted_at is None else BridgeStatus.FAILED
    message = "; ".join(violation.message for violation in violations)
    log.warning("the command %s by %s is refused: %s", command.run_id, command.origin.principal, violations[0].code)
    _end(command, status, violations[0].code, message, bridge)
    return None


def _foreign(command: SubmitRun, pipeline: Pipeline, bridge: Bridge) -> list[Violation]:
    """A command may be older than pipelines.yaml and name another version, but not another component or workspace."""
    name = command.component.rpartition(":")[0]
    if name != pipeline.component.rpartition(":")[0]:
        message = f'"{command.component}" is not the component of "{pipeline.name}", which is {pipeline.component}'
        return [Violation(code="FOREIGN_COMPONENT", message=message, field="component")]
    if command.workspace != (pipeline.workspace or bridge.workspace):
        message = f'"{command.workspace}" is not the workspace of "{pipeline.name}"'
        return [Violation(code="FOREIGN_WORKSPACE", message=message, field="workspace")]
    return []


def _job_request(command: SubmitRun, pipeline: Pipeline, bridge_name: str) -> JobRequest:
    literals, data = {}, {}
    for name, value in command.inputs.items():
        kind = pipeline.inputs[name].type
        if kind in {InputType.URI_FILE, InputType.URI_FOLDER}:
            data[name] = (kind.value, str(value))
        else:
            literals[name] = aml_literal(value)
    return JobRequest(
        name=command.run_id,
        workspace=command.workspace,
        component=command.component,
        experiment=command.experiment or command.pipeline,
        display_name=f"{command.pipeline} {command.run_id}",
        inputs=literals,
        data_inputs=data,
        tags=tags.job_tags(bridge_name, command),
        compute=pipeline.compute,
    )


def _ensure_job(request: JobRequest, pipeline: Pipeline, bridge: Bridge, *, look_first: bool) -> Job:
    """The one job of this name; it is created at most once, whoever asks and however often."""
    if look_first:
        existing = _look(request.workspace, request.name, bridge)
        if existing is not None:
            return _ours(existing, request)
    try:
        with place_for(request, pipeline, bridge):
            return bridge.jobs.submit(request)
    except JobExists:
        existing = _look(request.workspace, request.name, bridge)
        if existing is None:  # deleted in between, or not readable yet
            raise RetryableError(f"AML says that {request.name} exists, but does not show it") from None
        return _ours(existing, request)


def _look(workspace: str, name: str, bridge: Bridge) -> Job | None:
    """The job, if there is one. As long as AML refuses to say, the run is neither failed nor submitted."""
    try:
        return bridge.jobs.get(workspace, name)
    except PermanentError as error:
        raise RetryableError(f"AML does not say whether the job exists: {error}") from error


def _ours(existing: Job, request: JobRequest) -> Job:
    if existing.tags.get(tags.FINGERPRINT) != request.tags[tags.FINGERPRINT]:
        raise JobExists(f"a job named {request.name} exists with other contents", code="CONFLICT")
    return existing


def _follow(command: SubmitRun, pipeline: Pipeline, job: Job, bridge: Bridge) -> None:
    """Start the chain of checks, then report: a run that nobody follows would be worse than one reported late."""
    submitted_at = job.created_at or bridge.clock.now()
    check = CheckRun(
        run_id=command.run_id,
        workspace=command.workspace,
        submitted_at=submitted_at,
        timeout_at=submitted_at + pipeline.timeout if pipeline.timeout else None,
        last_status=JobStatus.SUBMITTED,
        tags=tags.origin_tags(command.pipeline, command.origin),
    )
    check_chain.schedule_first(check, bridge)
    log.info("the job of %s is submitted", command.run_id)
    report([events.submitted(command, submitted_at, studio_url=job.studio_url)], bridge)


def _wait(command: SubmitRun, error: Paced, bridge: Bridge) -> None:
    """Nothing has failed, so it counts as no try. Rows tell of a full pipeline only, and once: waits are many."""
    now = bridge.clock.now()
    due = now + bridge.retry.wait(command.try_, error)
    since = command.waiting_since or (now if isinstance(error, PipelineFull) else None)
    copy = command.next_wait(since)
    bridge.sender.send(Queue.RUN_COMMANDS, [Message(message_id=copy.message_id, body=copy, due=due)])
    if since != command.waiting_since:
        payload = {"message": str(error), "next_look_at": due.isoformat()}
        _report_delay(command, Note.WAITING, payload, now, bridge)


def _try_later(command: SubmitRun, pipeline: Pipeline, error: RetryableError, bridge: Bridge) -> None:
    if bridge.retry.gives_up(command.try_):
        _give_up(command, pipeline, error, bridge)
        return
    now = bridge.clock.now()
    due = now + bridge.retry.wait(command.try_, error)
    copy = command.next_try()
    bridge.sender.send(Queue.RUN_COMMANDS, [Message(message_id=copy.message_id, body=copy, due=due)])
    log.warning("the submission of %s is tried again at %s: %s", command.run_id, due, error)
    payload = {"try": command.try_, "next_try_at": due.isoformat(), "error": str(error)}
    _report_delay(command, Note.RETRY_SCHEDULED, payload, now, bridge)


def _report_delay(command: SubmitRun, note: Note, payload: Mapping[str, object], now: datetime, bridge: Bridge) -> None:
    """The copy is on its way: raising now would have the broker deliver this message again, and send another one."""
    distinct = f"{command.attempt}:{command.try_}"
    fact = events.bridge_fact(
        command.run_id, BridgeStatus.SUBMITTING, command.attempt, now, **events.request_columns(command)
    )
    try:
        trace_id = command.origin.trace_id
        report([fact, events.note(command.run_id, note, now, distinct, payload, trace_id=trace_id)], bridge)
    except RetryableError as unreported:
        log.warning("the delay of %s could not be reported: %s", command.run_id, unreported)


def _give_up(command: SubmitRun, pipeline: Pipeline, error: RetryableError, bridge: Bridge) -> None:
    """FAILED only when AML itself says that there is no job; as long as it says nothing, go on asking."""
    now = bridge.clock.now()
    try:
        job = _look(command.workspace, command.run_id, bridge)
    except RetryableError as still:
        copy = command.next_try()
        due = now + bridge.retry.wait(command.try_, still)
        bridge.sender.send(Queue.RUN_COMMANDS, [Message(message_id=copy.message_id, body=copy, due=due)])
        return
    if job is not None:
        _follow(command, pipeline, job, bridge)
        return
    message = f"AML could not take the job in {command.try_ + 1} tries; the last answer: {error}"
    letter = dead_letter(
        queue=Queue.RUN_COMMANDS,
        message_id=command.message_id,
        body=bridge.sender.text(command),
        reason=GAVE_UP,
        description=message,
        run_id=command.run_id,
        at=now,
    )
    fact = _failed(command, BridgeStatus.FAILED, GAVE_UP, message, now)
    send_records(Records(run_events=(fact,), dead_letters=(letter,)), bridge)
    tell_end(fact, tags.job_tags(bridge.name, command), bridge)


def _conflict(command: SubmitRun, error: JobExists, bridge: Bridge) -> None:
    """The key's job does other work. It is not touched, and its run keeps its state; the note says who asked."""
    payload = {
        "fingerprint": command.fingerprint,
        "source": command.origin.source,
        "principal": command.origin.principal,
        "correlation_id": command.origin.correlation_id,
        "message": f"{error}: the same idempotency key was used for different work",
    }
    now, trace_id = bridge.clock.now(), command.origin.trace_id
    report(
        [events.note(command.run_id, Note.CONFLICT, now, command.fingerprint, payload, trace_id=trace_id)],
        bridge,
    )


def _fail(command: SubmitRun, code: str, message: str, bridge: Bridge) -> None:
    _end(command, BridgeStatus.FAILED, code, message, bridge)


def _end(command: SubmitRun, status: BridgeStatus, code: str, message: str, bridge: Bridge) -> None:
    fact = _failed(command, status, code, message, bridge.clock.now())
    report([fact], bridge)
    if status is BridgeStatus.FAILED:
        tell_end(fact, tags.job_tags(bridge.name, command), bridge)


def _failed(command: SubmitRun, status: BridgeStatus, code: str, message: str, at: datetime) -> events.RunEvent:
    return events.bridge_fact(
        command.run_id,
        status,
        command.attempt,
        at,
        error_code=code,
        error_message=message,
        **events.request_columns(command),
    )
