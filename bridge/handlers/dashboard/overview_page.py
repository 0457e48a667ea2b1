"""The first page: what ran, what failed, what waits, what needs a hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func

from bridge.domain.queues import Queue
from bridge.domain.statuses import BridgeStatus, JobStatus
from bridge.domain.totals import Amounts, Totals
from bridge.handlers.dashboard.context import ROWS, PageQuery, Visit, choices
from bridge.handlers.dashboard.plots import plots, title_of
from bridge.handlers.dashboard.rendering import render
from bridge.handlers.dashboard.words import amount
from bridge.ports import ACTIVE, RunSearch
from bridge.services.overview import Reach, RecentAnswers, find_overview

#: Of this process.
recent_answers = RecentAnswers()
REACHES = {
    "24h": Reach(back=timedelta(hours=24), every=timedelta(hours=1)),
    "7d": Reach(back=timedelta(days=7), every=timedelta(hours=6)),
    "30d": Reach(back=timedelta(days=30), every=timedelta(days=1)),
}
NAMES = {"24h": "the last 24 hours", "7d": "the last 7 days", "30d": "the last 30 days"}
#: For lists to choose from.
TIMES = (("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days"))
#: What people filter by, in this order, besides everything.
STATUSES = (JobStatus.FAILED, ACTIVE, JobStatus.COMPLETED, JobStatus.CANCELED, BridgeStatus.REJECTED)


@dataclass(frozen=True, kw_only=True)
class Tab:
    """One status to look at."""

    status: str | None
    amount: int
    is_current: bool


def show(visit: Visit) -> func.HttpResponse:
    """Runs by time, status, pipeline and text, with all that is counted."""
    query = visit.query()
    wanted = RunSearch(
        since=visit.bridge.clock.now(),  # the reach says how much before
        status=query.status,
        pipeline=query.pipeline,
        text=query.q,
        limit=ROWS + 1,  # one more tells whether there is a next page
        offset=query.offset,
    )
    reach = REACHES[query.back]
    found = find_overview(wanted, reach, recent_answers, visit.bridge)
    totals = found.totals
    return render(
        "overview.html",
        visit.page("runs"),
        query=query,
        time_name=NAMES[query.back],
        times=TIMES,
        found=found,
        totals=totals,
        headline=_headline(totals.together, query),
        needs=_needs(totals, query),
        tabs=_tabs(totals.together, query.status),
        runs=[_dated(run) for run in found.runs[:ROWS]],
        has_more=len(found.runs) > ROWS,
        pipelines=choices(
            sorted({*visit.bridge.catalogue.names(), *(name for name in totals.pipelines if name)}), query.pipeline
        ),
        example=next(iter(visit.bridge.catalogue.names()), "my-pipeline"),
        plots=plots(totals.spans, reach.every, totals.together),
        span_titles=[title_of(span, reach.every) for span in totals.spans],
        queues=tuple(Queue),
        has_filter=any((query.q, query.pipeline, query.status)),
        depths_setting="SERVICE_BUS_RESOURCE_ID",
    )


def _headline(together: Amounts, query: PageQuery) -> str:
    """The answer to the first question of the morning, in one line."""
    which = "run" if not (query.q or query.pipeline) else "matching run"
    runs = amount(together.all, which, f"{which}s")
    if not together.all:
        return f"No {which}s in {NAMES[query.back]}"
    if together.failed:
        return f"{together.failed:,} of {runs} failed"
    if together.active:
        return f"{runs}, none failed, {together.active:,} not ended yet"
    return f"{runs}, none failed"


def _needs(totals: Totals, query: PageQuery) -> Sequence[tuple[str, str]]:
    """What somebody has to look at: a page's name, and words."""
    if query.q or query.pipeline:
        return ()
    letters = sum(each.amount for each in totals.dead_letters)
    failed = sum(each.failed for each in totals.rules)
    found = []
    if letters:
        found.append(("dead-letters", amount(letters, "dead letter", "dead letters")))
    if failed:
        found.append(("rules", amount(failed, "failed action of a rule", "failed actions of rules")))
    return found


def _tabs(together: Amounts, current: str | None) -> list[Tab]:
    amounts = {**together.by_status, ACTIVE: together.active}
    shown = [each for each in STATUSES if amounts.get(each) or each in {current, JobStatus.FAILED, ACTIVE}]
    return [
        Tab(status=None, amount=together.all, is_current=current is None),
        *(Tab(status=each, amount=amounts.get(each, 0), is_current=each == current) for each in shown),
    ]


def _dated(run: Mapping[str, Any]) -> dict[str, Any]:
    """With its times as times."""
    return {**run, "began_at": datetime.fromisoformat(run["began_at"]).astimezone(UTC)}
