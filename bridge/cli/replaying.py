"""Recorded events before today's rules: what would have been done, without doing it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.cli import explanation
from bridge.cli.evaluation import Evaluated, Evaluation, Judge, used_before
from bridge.cli.output import value_text
from bridge.domain.records import AmlEvent

COLUMNS = ("rule", "would have fired", "not fired")


@dataclass(frozen=True, kw_only=True)
class RuleSummary:
    """How often one rule would have fired, and what it was kept from by."""

    rule: str
    fired: int
    #: By reason.
    not_fired: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Every event of the time in question, oldest first."""

    events: tuple[Evaluated, ...]
    summaries: tuple[RuleSummary, ...]
    #: When the last event happened, if there were more than were asked for.
    cut_at: datetime | None = None

    @property
    def concerned(self) -> list[Evaluated]:
        """The events that any rule is about."""
        return [each for each in self.events if each.evaluations]


def replayed(
    events: Sequence[AmlEvent], judge: Judge, *, until: datetime | None, limit: int, step: Callable[[], None]
) -> Replay:
    """What the rules make of the events, each occasion counted once; `step` is called after each event."""
    wanted = [event for event in events if until is None or event.event_time is None or event.event_time < until]
    first: dict[str, AmlEvent] = {}
    evaluated = []
    for event in wanted:
        evaluated.append(used_before(judge.evaluated(event), first))
        step()
    is_cut = len(events) >= limit and len(wanted) == len(events)
    return Replay(
        events=tuple(evaluated),
        summaries=tuple(_summary(rule.name, evaluated) for rule in judge.rules),
        cut_at=next((event.event_time for event in reversed(wanted) if event.event_time), None) if is_cut else None,
    )


def lines(replay: Replay) -> Iterator[str]:
    """Each event that a rule is about."""
    for each in replay.concerned:
        yield explanation.event_line(each.event)
        yield from (f"  {'✓' if found.verdict.acts else '✗'} {_told(found)}" for found in each.evaluations)
    if replay.concerned:
        yield ""
    yield f"{len(replay.events)} events, {len(replay.concerned)} of them of a kind that a rule is about"


def summary(replay: Replay) -> list[dict[str, Any]]:
    """A row for each rule, of COLUMNS."""
    return [
        {
            "rule": each.rule,
            "would have fired": each.fired,
            "not fired": ", ".join(f"{reason} {count}" for reason, count in each.not_fired.items()) or "-",
        }
        for each in replay.summaries
    ]


def document(replay: Replay) -> dict[str, Any]:
    """For programs."""
    return {
        "events": [explanation.document(each) for each in replay.concerned],
        "events_read": len(replay.events),
        "rules": [
            {"rule": each.rule, "fired": each.fired, "not_fired": dict(each.not_fired)} for each in replay.summaries
        ],
        "cut_at": replay.cut_at.isoformat() if replay.cut_at else None,
    }


def _summary(rule: str, events: Sequence[Evaluated]) -> RuleSummary:
    verdicts = [found.verdict for each in events for found in each.evaluations if found.rule.name == rule]
    reasons = Counter(str(verdict.reason) for verdict in verdicts if not verdict.acts)
    return RuleSummary(
        rule=rule, fired=sum(verdict.acts for verdict in verdicts), not_fired=dict(sorted(reasons.items()))
    )


def _told(found: Evaluation) -> str:
    verdict = found.verdict
    if not verdict.acts:
        return f"{found.rule.name}: {verdict.reason}: {'; '.join(verdict.words)}"
    run = f", run {found.run.run_id}" if found.run else ""
    refused = f", which would be rejected: {'; '.join(found.run.refusals)}" if found.run and found.run.refusals else ""
    return f"{found.rule.name}: {found.rule.action.kind}{run}{refused} {value_text(verdict.planned)}"
