"""Messages that could not be handled: a list of them, and one with its body."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import azure.functions as func

from bridge.domain.inputs import Violation
from bridge.domain.queues import Queue
from bridge.domain.records import body_digest
from bridge.handlers.answers import problem
from bridge.handlers.dashboard.actions import SAID
from bridge.handlers.dashboard.context import ROWS, Visit, choices
from bridge.handlers.dashboard.overview_page import NAMES, REACHES, TIMES
from bridge.handlers.dashboard.rendering import render
from bridge.payloads import lossless
from bridge.ports import DeadLetterFilter
from bridge.services.find_dead_letters import find_dead_letter, find_dead_letters
from bridge.services.find_runs import recorded_run, recorded_runs

#: What a replay does, by the queue.
REPLAYS = {
    Queue.RUN_COMMANDS: "The same run is asked for again, as its next attempt.",
    Queue.RUN_CONTROL: "The check, cancel or action is asked for again.",
    Queue.RUN_EVENTS: "The rows are written into the ledger again.",
    Queue.INBOUND_EVENTS: "The event is judged again, by today's rules.",
}


def listing(visit: Visit) -> func.HttpResponse:
    """Newest first, each with what its run has come to meanwhile."""
    query = visit.query()
    since = REACHES[query.back].since(visit.bridge.clock.now())
    wanted = DeadLetterFilter(queue=query.queue, since=since, limit=ROWS + 1, offset=query.offset)
    letters = [_dated(letter) for letter in find_dead_letters(wanted, visit.bridge)]
    run_ids = sorted({letter["run_id"] for letter in letters if letter["run_id"]})
    return render(
        "dead_letters.html",
        visit.page("dead-letters"),
        query=query,
        time_name=NAMES[query.back],
        times=TIMES,
        letters=letters[:ROWS],
        runs=recorded_runs(run_ids, visit.bridge),
        has_more=len(letters) > ROWS,
        queues=choices(Queue, query.queue),
    )


def show(visit: Visit, dead_letter_id: str) -> func.HttpResponse:
    """One letter, whole as far as it was kept."""
    query = visit.query()
    found = find_dead_letter(dead_letter_id, visit.bridge)
    if isinstance(found, Violation):
        return problem(404, "No such dead letter", found.message, correlation_id=visit.caller.correlation_id)
    letter = _dated(found)
    is_whole = body_digest(letter["body"] or "") == letter["body_sha256"]
    return render(
        "dead_letter.html",
        visit.page("dead-letters"),
        letter=letter,
        body=_readable(letter["body"] or ""),
        is_whole=is_whole,
        run=recorded_run(letter["run_id"], visit.bridge) if letter["run_id"] else None,
        replay=REPLAYS.get(letter["queue"]),
        can_replay=visit.bridge.dashboard.has_actions and is_whole and letter["queue"] in REPLAYS,
        said=SAID.get(query.said or ""),
        form_key=uuid.uuid4().hex,
    )


def _dated(letter: Mapping[str, Any]) -> dict[str, Any]:
    at = letter["occurred_at"]
    return {**letter, "occurred_at": datetime.fromisoformat(at).astimezone(UTC) if at else None}


def _readable(body: str) -> Any:
    """JSON is shown line by line, anything else as it came."""
    try:
        return lossless.loads(body)
    except ValueError:
        return body
