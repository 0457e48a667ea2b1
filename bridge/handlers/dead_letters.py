"""The REST routes for dead letters, and the reading of what a dead letter asked for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import azure.functions as func
from pydantic import AfterValidator, Field

from bridge.domain.commands import SubmitRun
from bridge.domain.inputs import Violation
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.handlers.answers import Caller, GetBridge, as_json, authenticated
from bridge.handlers.queues import posted_request
from bridge.handlers.runs import read_query, refusal
from bridge.payloads import commands, control, event_grid, records
from bridge.payloads.control import ControlCommand
from bridge.payloads.shape import Shape, in_utc
from bridge.ports import DeadLetterFilter
from bridge.services.accept_runs import RunRequest
from bridge.services.find_dead_letters import DeadEvents, KeptLetter, find_dead_letter, find_dead_letters
from bridge.services.replay_dead_letters import ReplayAnswer, ReplayRequest, replay_dead_letters


class DeadLettersQuery(Shape):
    """The query of `GET /api/v1/dead-letters`."""

    queue: Queue | None = None
    run_id: Annotated[str, Field(max_length=100)] | None = None
    since: Annotated[datetime, AfterValidator(in_utc)] | None = None
    limit: int = Field(default=50, ge=1, le=500)
    offset: int = Field(default=0, ge=0, le=1_000_000)


def listing(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """Dead letters from the ledger, newest first, long bodies by their beginning."""

    def handle(_: Caller) -> func.HttpResponse:
        query = read_query(request, DeadLettersQuery)
        wanted = DeadLetterFilter(
            queue=query.queue, run_id=query.run_id, since=query.since, limit=query.limit, offset=query.offset
        )
        found = list(find_dead_letters(wanted, get_bridge()))
        return as_json({"dead_letters": found, "limit": query.limit, "offset": query.offset})

    return authenticated(request, get_bridge, handle)


def show(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """One dead letter with its whole body, as far as it was kept."""

    def handle(caller: Caller) -> func.HttpResponse:
        dead_letter_id = request.route_params["dead_letter_id"]
        found = find_dead_letter(dead_letter_id, get_bridge())
        if isinstance(found, Violation):
            return refusal([found], caller.correlation_id, dead_letter_id=dead_letter_id[:100])
        return as_json(found)

    return authenticated(request, get_bridge, handle)


def replay(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """Have a dead letter handled again: 202, or a problem that says why it cannot be."""

    def handle(caller: Caller) -> func.HttpResponse:
        wanted = ReplayRequest(dead_letter_id=request.route_params["dead_letter_id"], caller=caller.identity)
        (answer,) = replay_dead_letters([wanted], read_letter, get_bridge())
        if answer.violations:
            return refusal(answer.violations, caller.correlation_id, dead_letter_id=wanted.dead_letter_id[:100])
        return as_json({**replayed(answer), "correlation_id": caller.correlation_id}, status=202)

    return authenticated(request, get_bridge, handle)


def replayed(answer: ReplayAnswer) -> Mapping[str, Any]:
    """What the caller sees of a letter that was replayed."""
    return {
        "status": "REPLAYED",
        "dead_letter_id": answer.dead_letter_id,
        "queue": answer.queue,
        "run_id": answer.run_id,
        "attempt": answer.attempt,
    }


def read_letter(letter: KeptLetter) -> SubmitRun | RunRequest | ControlCommand | DeadEvents | Records:
    """What the message asked for, as the function of its queue would read it. Raises: PoisonMessage."""
    match letter.queue:
        case Queue.RUN_COMMANDS:
            return _submit(letter)
        case Queue.RUN_CONTROL:
            return control.read_control(letter.body)
        case Queue.INBOUND_EVENTS:
            return DeadEvents(events=event_grid.read_events(letter.body, letter.door or ""))
        case Queue.RUN_EVENTS:
            return records.read_records(letter.body)


def _submit(letter: KeptLetter) -> SubmitRun | RunRequest:
    """A request in short form keeps the key that its message id had given it."""
    body = commands.read_submit(letter.body)
    if body.is_command:
        return body.to_command()
    return posted_request(body, letter.message_id)
