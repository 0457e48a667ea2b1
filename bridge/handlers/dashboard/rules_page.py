"""What the rules made of events."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import azure.functions as func

from bridge.handlers.dashboard.context import ROWS, Visit, choices
from bridge.handlers.dashboard.overview_page import NAMES, REACHES, TIMES
from bridge.handlers.dashboard.rendering import render
from bridge.ports import DecisionFilter
from bridge.services.find_decisions import find_decisions


def show(visit: Visit) -> func.HttpResponse:
    """Newest first; also what they let be, if who looks wants it."""
    query = visit.query()
    wanted = DecisionFilter(
        since=REACHES[query.back].since(visit.bridge.clock.now()),
        rule=query.rule,
        not_fired=query.show == "all",
        limit=ROWS + 1,
        offset=query.offset,
    )
    found = [_decision(row) for row in find_decisions(wanted, visit.bridge)]
    return render(
        "rules.html",
        visit.page("rules"),
        query=query,
        time_name=NAMES[query.back],
        times=TIMES,
        decisions=found[:ROWS],
        has_more=len(found) > ROWS,
        rules=choices((rule.name for rule in visit.bridge.reactions.rules.all), query.rule),
    )


def _decision(row: Mapping[str, Any]) -> dict[str, Any]:
    """With its time as a time, and its words for people."""
    payload = row["payload"]
    message = payload.get("message") if isinstance(payload, Mapping) else None
    at = datetime.fromisoformat(row["occurred_at"]).astimezone(UTC)
    return {**row, "occurred_at": at, "message": str(message or "")}
