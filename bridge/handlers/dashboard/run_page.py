"""One run: what it was asked, how far it got, every event of it, and what can be done."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import azure.functions as func

from bridge.domain.errors import PermanentError, RetryableError
from bridge.domain.events import RunEvent
from bridge.domain.identity import is_run_id
from bridge.domain.links import query_url, studio_url
from bridge.handlers.answers import problem
from bridge.handlers.dashboard.actions import SAID
from bridge.handlers.dashboard.context import PageQuery, Visit
from bridge.handlers.dashboard.rendering import render
from bridge.handlers.runs import no_such_run
from bridge.ports import Bridge
from bridge.services.find_runs import find_run, live_run
from bridge.services.run_story import Story, find_story

#: Of the bar that shows how the time went.
BAR_WIDTH = 320
#: Lines of the history on the page; the ledger has all.
LINES = 300


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that happened."""

    at: datetime
    status: str
    #: Who says so.
    source: str
    text: str = ""
    #: As JSON for who wants to know.
    details: Any = None
    #: Of a dead letter.
    dead_letter_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A part of the run's time."""

    name: str
    kind: str
    seconds: float
    x: float
    width: float


def show(visit: Visit, run_id: str) -> func.HttpResponse:
    """The run from the ledger; Azure ML is asked when the ledger has nothing of it yet, or who looks wants it."""
    query = visit.query()
    story = find_story(run_id, visit.bridge)
    if story is None or story.run is None:
        return _young(visit, run_id, query, story)
    run = story.run
    is_permitted = visit.may_run(run["pipeline"])
    return render(
        "run.html",
        visit.page("runs"),
        run=run,
        story=story,
        live=_live(run_id, visit.bridge) if query.live else None,
        said=SAID.get(query.said or ""),
        lines=_lines(story)[:LINES],
        left_out=max(0, len(story.history) + len(story.surroundings) - LINES),
        phases=_phases(story, visit.bridge.clock.now()),
        facts=_facts(run, story),
        inputs=_values(run["inputs"]),
        outputs=_values(run["outputs"]),
        studio_url=studio_url(run["studio_url"]),
        query_url=query_url(visit.bridge.dashboard.queries_url, run["query_id"]),
        can_cancel=is_permitted and not story.has_ended,
        can_rerun=is_permitted and run["inputs"] is not None,
        form_key=uuid.uuid4().hex,
    )


def _live(run_id: str, bridge: Bridge) -> Mapping[str, Any]:
    """A status, or why there is none."""
    try:
        found = live_run(run_id, bridge)
    except (RetryableError, PermanentError) as error:
        return {"status": None, "words": f"does not answer now: {error}"}
    if found is None:
        return {"status": None, "words": "has no job of this run"}
    return {"status": found["status"], "words": found["error_message"] or ""}


def _young(visit: Visit, run_id: str, query: PageQuery, story: Story | None) -> func.HttpResponse:
    """Of which nothing is recorded yet: what Azure ML says, or that it was accepted just now."""
    live = find_run(run_id, visit.bridge)
    said = SAID.get(query.said or "") if is_run_id(run_id) else None
    seconds = visit.bridge.record_window.total_seconds() + 30
    if live is None and story is None and said is None:
        detail = no_such_run(run_id, visit.bridge)
        return problem(404, "No such run", detail, correlation_id=visit.caller.correlation_id)
    return render(
        "young_run.html",
        visit.page("runs"),
        run_id=run_id,
        live=live,
        said=said,
        seconds=round(seconds),
        studio_url=studio_url(live.get("studio_url")) if live else None,
    )


def _values(kept: Any) -> Sequence[tuple[str, Any]] | None:
    """By name; a VARIANT could be anything."""
    if kept is None:
        return None
    return list(kept.items()) if isinstance(kept, Mapping) else [("", kept)]


def _lines(story: Story) -> list[Line]:
    """Everything in the order in which it happened."""
    lines = [_line(event) for event in story.history]
    for found in story.surroundings:
        is_letter = found["kind"] == "dead_letter"
        lines.append(
            Line(
                at=datetime.fromisoformat(found["occurred_at"]).astimezone(UTC),
                status="DEAD_LETTER" if is_letter else str(found["status"]),
                source=str(found["name"]),
                text=f"{found['status']}: {found['detail'] or ''}" if is_letter else str(found["detail"] or ""),
                dead_letter_id=found["id"] if is_letter else None,
            )
        )
    return sorted(lines, key=lambda line: line.at)


def _line(event: RunEvent) -> Line:
    payload = event.payload if isinstance(event.payload, Mapping) else {}
    message = event.error_message or payload.get("message") or payload.get("error") or payload.get("reason") or ""
    details = {
        name: value
        for name in ("attempt", "source", "principal", "component", "workspace", "outputs", "payload")
        if (value := getattr(event, name))
    }
    return Line(
        at=event.occurred_at,
        status=event.status,
        source="Azure ML" if event.is_job_fact else "note" if event.rank == 0 else "the bridge",
        text=f"{event.error_code}: {message}" if event.error_code else str(message),
        details=details or None,
    )


def _phases(story: Story, now: datetime) -> list[Phase]:
    """From one milestone to the next; what goes on, until now."""
    run = story.run or {}
    marks = [
        ("in the bridge", "bridge", story.accepted_at),
        ("waiting in Azure ML", "waiting", story.submitted_at),
        ("running", "running", run.get("started_at")),
    ]
    known = [(name, kind, at) for name, kind, at in marks if at is not None]
    end = run.get("ended_at") or (None if story.has_ended else now)
    if not known or end is None:
        return []
    ends = [at for _, _, at in known[1:]] + [end]
    lasted = [max(0.0, (until - at).total_seconds()) for (_, _, at), until in zip(known, ends, strict=True)]
    whole = sum(lasted) or 1.0
    phases, x = [], 0.0
    for (name, kind, _), seconds in zip(known, lasted, strict=True):
        width = round(BAR_WIDTH * seconds / whole, 2)
        phases.append(Phase(name=name, kind=kind, seconds=seconds, x=round(x, 2), width=width))
        x += width
    return phases


def _facts(run: Mapping[str, Any], story: Story) -> Sequence[tuple[str, str]]:
    """What is known of it, by name."""
    facts = {
        "Asked by": run["principal"],
        "Door": run["source"],
        "Attempt": str(run["attempt"]) if run["attempt"] > 1 else None,
        "Conflicts": str(story.conflicts) if story.conflicts else None,
        "Component": run["component"],
        "Workspace": run["workspace"],
        "Query": run["query_id"],
        "Batch": run["query_batch_id"],
        "Row": f"number {run['row_number']}, counted from 0, of {run['batch_rows']}" if run["batch_rows"] else None,
        "Correlation id": run["correlation_id"],
        "Trace id": run["trace_id"],
        "Fingerprint": run["fingerprint"],
    }
    return [(name, str(value)) for name, value in facts.items() if value]
