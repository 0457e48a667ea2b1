"""Replays dead letters: what a message had asked for is asked for again, a submit as the next attempt of its run."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bridge.domain import events
from bridge.domain.actions import ActionCommand
from bridge.domain.callers import CallerIdentity
from bridge.domain.commands import CancelRun, CheckRun, SubmitRun
from bridge.domain.events import RunEvent
from bridge.domain.inputs import Violation
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent, Records
from bridge.domain.statuses import BridgeStatus
from bridge.ports import Bridge, Message
from bridge.services.accept_runs import not_allowed
from bridge.services.find_dead_letters import DeadEvents, OpenLetter, ReadLetter, open_dead_letters
from bridge.services.ingest_event import ingest_event
from bridge.services.report import report, send_records

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ReplayRequest:
    """One dead letter that a caller wants to be handled again."""

    dead_letter_id: str
    caller: CallerIdentity
    #: Tells a request that is sent again from a second replay; None where only the time does.
    occasion: str | None = None
    #: What is wrong with the request itself, found while reading it.
    problem: Violation | None = None


@dataclass(frozen=True, kw_only=True)
class ReplayAnswer:
    """What the caller gets for one request."""

    dead_letter_id: str
    queue: Queue | None = None
    run_id: str | None = None
    #: Of a submit; nothing else has one.
    attempt: int | None = None
    #: Why it was not replayed.
    violations: Sequence[Violation] = ()


@dataclass
class _Outbox:
    """What is to be sent; messages by their ids, because two letters may ask for the same."""

    commands: dict[str, SubmitRun] = field(default_factory=dict)
    controls: dict[str, CheckRun | CancelRun | ActionCommand] = field(default_factory=dict)
    facts: list[RunEvent] = field(default_factory=list)
    records: Records = field(default_factory=Records)
    events: list[AmlEvent] = field(default_factory=list)


def replay_dead_letters(requests: Sequence[ReplayRequest], read: ReadLetter, bridge: Bridge) -> list[ReplayAnswer]:
    """Answer every request, in their order; when this returns, what the letters ask for is queued.

    Raises: RetryableError when the ledger or the queues were away. The same requests may be sent again.
    """
    wanted = dict.fromkeys(request.dead_letter_id for request in requests if request.problem is None)
    opened = open_dead_letters(list(wanted), read, bridge)
    attempts = _next_attempts(opened.values(), bridge)
    outbox = _Outbox()
    answers = [
        _refused(request, [request.problem])
        if request.problem is not None
        else _replay(request, _permitted(request, opened[request.dead_letter_id], bridge), attempts, outbox, bridge)
        for request in requests
    ]
    _send(outbox, bridge)
    return answers


def _permitted(
    request: ReplayRequest, opened: OpenLetter | Sequence[Violation], bridge: Bridge
) -> OpenLetter | Sequence[Violation]:
    """Who replays a submit has to be allowed its pipeline, besides the one who had asked for it first."""
    if not isinstance(opened, OpenLetter) or not isinstance(opened.content, SubmitRun):
        return opened
    pipeline = bridge.catalogue.find(opened.content.pipeline)
    if pipeline is None:
        return [bridge.catalogue.unknown(opened.content.pipeline)]
    if pipeline.allows(request.caller):
        return opened
    letter = opened.letter.dead_letter_id
    log.warning("dead letter %s is not replayed for %s: NOT_ALLOWED", letter, request.caller.principal)
    return [not_allowed(request.caller, pipeline.name, "dead_letter_id")]


def _next_attempts(opened: Iterable[OpenLetter | Sequence[Violation]], bridge: Bridge) -> Mapping[str, int]:
    """By run: one more than any attempt that the letters or the ledger know of, so that it is seen as the latest."""
    known: dict[str, int] = {}
    for each in opened:
        if isinstance(each, OpenLetter) and isinstance(each.content, SubmitRun):
            command = each.content
            known[command.run_id] = max(command.attempt, known.get(command.run_id, 0))
    rows = bridge.ledger.runs_by_id(list(known)) if known else {}
    return {
        run_id: 1 + max(attempt, int(rows[run_id]["attempt"]) if run_id in rows else 0)
        for run_id, attempt in known.items()
    }


def _replay(
    request: ReplayRequest,
    opened: OpenLetter | Sequence[Violation],
    attempts: Mapping[str, int],
    outbox: _Outbox,
    bridge: Bridge,
) -> ReplayAnswer:
    if not isinstance(opened, OpenLetter):
        return _refused(request, opened)
    letter, content = opened.letter, opened.content
    answer = ReplayAnswer(dead_letter_id=letter.dead_letter_id, queue=letter.queue, run_id=letter.run_id)
    if isinstance(content, SubmitRun):
        command = replace(content, attempt=attempts[content.run_id], try_=0, waits=0, waiting_since=None)
        outbox.commands[command.message_id] = command
        outbox.facts.append(_accepted(command, request, bridge))
        answer = replace(answer, run_id=command.run_id, attempt=command.attempt)
    elif isinstance(content, CheckRun | CancelRun):
        again = _control_again(content, request, bridge)
        outbox.controls[again.message_id] = again
        answer = replace(answer, run_id=again.run_id)
    elif isinstance(content, ActionCommand):
        action = content.replayed(f".{_origin(request, bridge)}")
        outbox.controls[action.message_id] = action
    elif isinstance(content, DeadEvents):
        outbox.events += content.events
    else:
        outbox.records += content.next_try()
    log.info("dead letter %s of %s is replayed by %s", letter.dead_letter_id, letter.queue, request.caller.principal)
    return answer


def _accepted(command: SubmitRun, request: ReplayRequest, bridge: Bridge) -> RunEvent:
    """The run is on its way again, whatever became of its earlier attempts."""
    payload = {"replayed_by": request.caller.principal, "dead_letter_id": request.dead_letter_id}
    columns = events.request_columns(command)
    now = bridge.clock.now()
    return events.bridge_fact(command.run_id, BridgeStatus.ACCEPTED, command.attempt, now, payload=payload, **columns)


def _origin(request: ReplayRequest, bridge: Bridge) -> str:
    return f"d.{request.dead_letter_id}.{request.occasion or f'{bridge.clock.now():%Y%m%dT%H%M%S}'}"


def _control_again(command: CheckRun | CancelRun, request: ReplayRequest, bridge: Bridge) -> CheckRun | CancelRun:
    """Under an id of its own, or duplicate detection would drop what was asked for before."""
    now, origin = bridge.clock.now(), _origin(request, bridge)
    if isinstance(command, CancelRun):  # still in the name of who had asked for it, whose rights `control` asks for
        return replace(command, requested_at=now, origin=origin, try_=0)
    # One look: the run's own chain went on when the letter was put aside.
    return CheckRun(
        run_id=command.run_id,
        workspace=command.workspace,
        origin=origin,
        attempt=command.attempt,
        if_missing_fail=command.if_missing_fail,
        tags=command.tags,
    )


def _send(outbox: _Outbox, bridge: Bridge) -> None:
    """Commands before facts, as for every accepted run."""
    for queue, bodies in ((Queue.RUN_COMMANDS, outbox.commands), (Queue.RUN_CONTROL, outbox.controls)):
        messages = [Message(message_id=message_id, body=body) for message_id, body in bodies.items()]
        if messages:
            bridge.sender.send(queue, messages)
    if outbox.facts:
        report(outbox.facts, bridge)
    if len(outbox.records):
        send_records(outbox.records, bridge)
    for event in outbox.events:
        ingest_event(event, bridge)


def _refused(request: ReplayRequest, violations: Sequence[Violation]) -> ReplayAnswer:
    return ReplayAnswer(dead_letter_id=request.dead_letter_id, violations=violations)
