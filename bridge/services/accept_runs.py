"""Takes requests for runs: each is answered at once, and what is accepted is durably queued before the answer."""

import logging
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bridge.domain import events, identity
from bridge.domain.callers import CallerIdentity
from bridge.domain.commands import Origin, SubmitRun
from bridge.domain.events import RunEvent
from bridge.domain.inputs import CheckedInputs, Violation, aml_literal, shown
from bridge.domain.pipelines import Pipeline
from bridge.domain.queues import Queue
from bridge.domain.statuses import BridgeStatus
from bridge.ports import Bridge, Message
from bridge.services.bridge_events import publish_accepted
from bridge.services.report import MESSAGE_LIMIT_BYTES, report

log = logging.getLogger(__name__)
#: No pipeline's name is longer; what a caller gives instead is not repeated in answers and rows beyond this.
NAME_LIMIT = 200
KEY_LIMIT = 500
#: Inputs of rejected rows are kept for the reader, within reason.
REJECTED_INPUTS_LIMIT = 100


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """One run that a caller asks for, as it came through a door."""

    pipeline: str
    inputs: Mapping[str, object]
    idempotency_key: str | None
    origin: Origin
    rerun_of: str | None = None
    #: What is wrong with the row itself, found while reading it.
    problem: Violation | None = None


@dataclass(frozen=True, kw_only=True)
class RunAnswer:
    """What the caller gets for one request, in the request's order."""

    status: BridgeStatus
    run_id: str
    pipeline: str
    idempotency_key: str
    trace_id: str
    fingerprint: str | None = None
    violations: Sequence[Violation] = ()
    #: What would be submitted; only looked at for a dry run.
    command: SubmitRun | None = None


@dataclass
class _Batch:
    answers: list[RunAnswer] = field(default_factory=list)
    commands: list[SubmitRun] = field(default_factory=list)
    #: Of the commands, in their order.
    texts: list[str] = field(default_factory=list)
    facts: list[RunEvent] = field(default_factory=list)
    #: run id -> fingerprint, of this request.
    seen: dict[str, str] = field(default_factory=dict)


def accept_runs(requests: Sequence[RunRequest], bridge: Bridge, *, dry_run: bool = False) -> list[RunAnswer]:
    """Answer every request; when this returns, the accepted ones are queued.

    Raises: RetryableError when the queue could not take them. The same requests sent again, with the keys of the
    answers, make whole what was half done.
    """
    now = bridge.clock.now()
    batch = _Batch()
    for request in requests:
        _decide(request, batch, now, bridge)
    _log_rejections(requests, batch.answers, bridge)
    if not dry_run:
        _queue(batch, bridge)
    return batch.answers


def _log_rejections(requests: Sequence[RunRequest], answers: Sequence[RunAnswer], bridge: Bridge) -> None:
    """One line however many rows, with nothing in it that a caller has written: its words may be anything."""
    codes = Counter(
        f"{answer.violations[0].code} ({answer.pipeline if bridge.catalogue.find(answer.pipeline) else 'no pipeline'})"
        for answer in answers
        if answer.violations
    )
    if codes:
        origin = requests[0].origin
        found = ", ".join(f"{count} {code}" for code, count in codes.most_common(10))
        log.warning("of %d requests by %s, %s: %s", len(answers), origin.principal, origin.source, found)


def key_problem(key: object) -> Violation | None:
    """A key is text that fits into ids and logs; an empty one was hardly meant as none."""
    if key is None or (isinstance(key, str) and 0 < len(key) <= KEY_LIMIT and key.isprintable()):
        return None
    message = f"the idempotency key must be text of 1 to {KEY_LIMIT} printable characters, or NULL for none"
    return Violation(code="BAD_KEY", message=message, field="idempotency_key")


def idempotency_key(request: RunRequest) -> str:
    """The caller's key, else the batch's id and row, else a random one."""
    if request.idempotency_key:
        return request.idempotency_key
    origin = request.origin
    if origin.query_batch_id is not None:
        return f"{origin.query_batch_id}:{origin.row_number}"
    return str(uuid.uuid4())


def run_id_of(request: RunRequest, bridge: Bridge) -> str:
    """The run that a request with a key asks for; without one every call names another."""
    return identity.run_id(bridge.name, request.pipeline, idempotency_key(request))


def _decide(request: RunRequest, batch: _Batch, now: datetime, bridge: Bridge) -> None:
    key = idempotency_key(request)
    run_id = identity.run_id(bridge.name, request.pipeline, key)
    outcome = command_or_violations(request, run_id, bridge, accepted_at=now)
    text = ""
    if isinstance(outcome, SubmitRun):
        earlier = batch.seen.get(run_id)
        text = bridge.sender.text(outcome)
        if earlier is not None and earlier != outcome.fingerprint:
            outcome = [_conflict(key)]
        elif len(text) > MESSAGE_LIMIT_BYTES:
            outcome = [_too_large(len(text))]
    if isinstance(outcome, SubmitRun):
        if run_id not in batch.seen:
            batch.commands.append(outcome)
            batch.texts.append(text)
            batch.seen[run_id] = outcome.fingerprint
        columns = events.request_columns(outcome)
        batch.facts.append(events.bridge_fact(run_id, BridgeStatus.ACCEPTED, outcome.attempt, now, **columns))
        batch.answers.append(
            RunAnswer(
                status=BridgeStatus.ACCEPTED,
                run_id=run_id,
                pipeline=request.pipeline,
                idempotency_key=key,
                trace_id=request.origin.trace_id,
                fingerprint=outcome.fingerprint,
                command=outcome,
            )
        )
    else:
        batch.facts.append(rejection(request, run_id, outcome, now))
        batch.answers.append(
            RunAnswer(
                status=BridgeStatus.REJECTED,
                run_id=run_id,
                pipeline=request.pipeline,
                idempotency_key=key,
                trace_id=request.origin.trace_id,
                violations=outcome,
            )
        )


def command_or_violations(
    request: RunRequest, run_id: str, bridge: Bridge, *, accepted_at: datetime | None
) -> SubmitRun | list[Violation]:
    """The command that does what was asked, or everything that is wrong with the request."""
    if request.problem is not None:
        return [request.problem]
    checked = check_request(request.pipeline, request.inputs, request.origin, bridge)
    if isinstance(checked, list):
        return checked
    pipeline, inputs = checked
    return _command_for(pipeline, inputs, run_id, request, bridge, accepted_at=accepted_at)


def check_request(
    name: str, inputs: Mapping[str, object], origin: Origin, bridge: Bridge
) -> tuple[Pipeline, CheckedInputs] | list[Violation]:
    """The pipeline and its checked inputs, or everything that is wrong with the request."""
    pipeline = bridge.catalogue.find(name)
    if pipeline is None:
        return [bridge.catalogue.unknown(name)]
    if not pipeline.allows(origin.caller):
        return [not_allowed(origin.caller, name)]
    checked = bridge.catalogue.check(pipeline, inputs)
    return checked if isinstance(checked, list) else (pipeline, checked)


def not_allowed(caller: CallerIdentity, pipeline: str, field: str = "pipeline") -> Violation:
    """What to tell a caller whom the pipeline's `allow` does not name."""
    role = f" with the role {shown(caller.roles[0])}" if caller.roles else ""
    message = f'"{caller.principal}"{role} may not run "{pipeline}": it has to be added to "allow" in pipelines.yaml'
    return Violation(code="NOT_ALLOWED", message=message, field=field)


def _command_for(
    pipeline: Pipeline,
    inputs: CheckedInputs,
    run_id: str,
    request: RunRequest,
    bridge: Bridge,
    *,
    accepted_at: datetime | None,
) -> SubmitRun:
    """Workspace and component version are fixed here, so a later pipelines.yaml does not change what was accepted."""
    literals = {name: aml_literal(value) for name, value in inputs.items()}
    return SubmitRun(
        run_id=run_id,
        pipeline=pipeline.name,
        inputs=inputs,
        fingerprint=identity.fingerprint(pipeline.name, pipeline.component, literals),
        component=pipeline.component,
        workspace=pipeline.workspace or bridge.workspace,
        origin=request.origin,
        accepted_at=accepted_at,
        experiment=pipeline.experiment or pipeline.name,
        tags=pipeline.tags,
        rerun_of=request.rerun_of,
    )


def rejection(request: RunRequest, run_id: str, violations: Sequence[Violation], now: datetime) -> RunEvent:
    """The row that tells why the request did not become a run."""
    first = violations[0]
    inputs = dict(request.inputs) if len(request.inputs) <= REJECTED_INPUTS_LIMIT else None
    if any(violation.code == "TOO_LARGE" for violation in violations):
        inputs = None
    return events.bridge_fact(
        run_id,
        BridgeStatus.REJECTED,
        1,
        now,
        pipeline=request.pipeline,
        inputs=inputs,
        error_code=first.code,
        error_message="; ".join(violation.message for violation in violations),
        rerun_of=request.rerun_of,
        **events.origin_columns(request.origin),
    )


def _queue(batch: _Batch, bridge: Bridge) -> None:
    """Commands first: a run without its ACCEPTED row is whole, an ACCEPTED row without its run would be a lie."""
    commands = [
        Message(message_id=command.message_id, body=command, text=text)
        for command, text in zip(batch.commands, batch.texts, strict=True)
    ]
    if commands:
        bridge.sender.send(Queue.RUN_COMMANDS, commands)
    if batch.facts:
        report(batch.facts, bridge)
    if commands:
        log.info("%d runs are accepted for %s", len(commands), batch.commands[0].origin.principal)
    publish_accepted(batch.commands, bridge)


def _conflict(key: str) -> Violation:
    return Violation(
        code="IDEMPOTENCY_CONFLICT",
        message=f'another row of this request uses the key "{key[:100]}" with other inputs: give each run its own key',
        field="idempotency_key",
    )


def _too_large(size: int) -> Violation:
    return Violation(
        code="TOO_LARGE",
        message=(
            f"the row takes {size:,} bytes, {MESSAGE_LIMIT_BYTES:,} is the limit: "
            "pass a reference (a table, a path), not the data itself"
        ),
        field="inputs",
    )
