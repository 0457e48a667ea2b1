"""How evaluated events are told: to people in lines, to programs as JSON."""

from collections.abc import Iterator
from typing import Any

from bridge.cli import moments
from bridge.cli.evaluation import Evaluated, Evaluation
from bridge.cli.output import field_lines, value_text
from bridge.domain import event_kinds
from bridge.domain.records import AmlEvent
from bridge.domain.rules import correlation_id, rule_chain

#: What no evaluation can know.
OPEN = (
    "Whether an occasion was used up before cannot be seen from the event alone: "
    "the app asks RULE_ACTIONS, and starts a run of the same id only once."
)
_SHORT = {kind: name for name, kind in event_kinds.NAMES.items()}


def event_line(event: AmlEvent) -> str:
    """Which event this is."""
    names = sorted(_SHORT.get(kind, event.event_type) for kind in event_kinds.kinds(event))
    when = f"{moments.shown(event.event_time)} UTC" if event.event_time else "without a time"
    return f"{', '.join(names)}  {event.subject or '(no subject)'}  {when}  door {event.door}  id {event.id}"


def lines(evaluated: Evaluated) -> Iterator[str]:
    """Everything, rule by rule."""
    yield event_line(evaluated.event)
    if evaluated.refused is not None:
        yield f"  no rule: {evaluated.refused}"
        return
    yield f"  rules that led here: {_chain(evaluated.event)}"
    for each in evaluated.evaluations:
        yield from _evaluation_lines(each, evaluated.event)
    if evaluated.without_steps:
        names = ", ".join(evaluated.without_steps)
        yield f"  leave out steps of pipelines, as their where does not name data.runType: {names}"
    if evaluated.others:
        yield f"  not about this kind of event: {', '.join(evaluated.others)}"


def outcome(evaluation: Evaluation) -> str:
    """In a word, and the reason if it would not fire."""
    reason, run = evaluation.verdict.reason, evaluation.run
    if reason is not None:
        return f"would not fire ({reason})"
    return "would fire, but its run would be rejected" if run is not None and run.refusals else "would fire"


def document(evaluated: Evaluated) -> dict[str, Any]:
    """For programs."""
    event = evaluated.event
    chain = rule_chain(event)
    return {
        "id": event.id,
        "type": event.event_type,
        "subject": event.subject,
        "time": event.event_time.isoformat() if event.event_time else None,
        "door": event.door,
        "correlation_id": correlation_id(event),
        "rule_chain": None if chain is None else list(chain),
        "refused": evaluated.refused,
        "rules": [_rule_document(each, event) for each in evaluated.evaluations],
        "other_kinds": list(evaluated.others),
        "without_steps": list(evaluated.without_steps),
    }


def _rule_document(evaluation: Evaluation, event: AmlEvent) -> dict[str, Any]:
    verdict, run, window = evaluation.verdict, evaluation.run, evaluation.window
    return {
        "rule": evaluation.rule.name,
        "would_fire": verdict.acts,
        "reason": None if verdict.reason is None else str(verdict.reason),
        "words": list(verdict.words),
        "conditions": [
            {"path": finding.path, "met": finding.is_met, "words": finding.words} for finding in evaluation.findings
        ],
        "action": evaluation.rule.action.kind,
        "planned": dict(verdict.planned) or None,
        "run_id": run.run_id if run else None,
        "run_refused": list(run.refusals) if run else [],
        "action_id": verdict.action_id,
        "firing_key": list(evaluation.rule.firing_key(event)),
        "window": {"from": window[0].isoformat(), "to": window[1].isoformat()} if window else None,
    }


def _evaluation_lines(evaluation: Evaluation, event: AmlEvent) -> Iterator[str]:
    verdict = evaluation.verdict
    yield f"  {evaluation.rule.name}: {outcome(evaluation)}"
    for finding in evaluation.findings:
        yield f"    {'✓' if finding.is_met else '✗'} {finding.words}"
    told = {finding.words for finding in evaluation.findings}
    yield from (f"    ✗ {words}" for words in verdict.words if words not in told)
    if verdict.planned:
        yield from _plan_lines(evaluation)
    yield from _occasion_lines(evaluation, event)


def _plan_lines(evaluation: Evaluation) -> Iterator[str]:
    yield f"    do {evaluation.rule.action.kind}:"
    if evaluation.run is not None:
        yield f"      run id: {evaluation.run.run_id}"
    yield from field_lines(evaluation.verdict.planned, "      ")
    if evaluation.run is not None:
        yield from (f"    ✗ the run would be rejected: {words}" for words in evaluation.run.refusals)


def _occasion_lines(evaluation: Evaluation, event: AmlEvent) -> Iterator[str]:
    rule = evaluation.rule
    yield f"    firing key: {value_text(list(rule.firing_key(event)))}"
    if evaluation.window is not None and rule.cool_down is not None:
        begin, end = evaluation.window
        occasion = " and ".join(f'{path} "{value}"' for path, value in evaluation.key)
        yield (
            f"    cool-down {moments.span(rule.cool_down)}: fires once for {occasion} "
            f"from {moments.shown(begin)} to {moments.shown(end)} UTC"
        )
    elif rule.cool_down is not None:
        yield "    cool-down: none for an event without a time, which is an occasion of its own"
    else:
        yield f"    no cool-down: fires once for {_what_is_once(event)}"


def _what_is_once(event: AmlEvent) -> str:
    occasion = event_kinds.occasion(event)[-1]
    return f"event {event.id}" if occasion == event.id else f"run {occasion}"


def _chain(event: AmlEvent) -> str:
    chain, run = rule_chain(event), event_kinds.run_of(event)
    if chain is None and run is not None:
        return f"the event does not say; the app looks at the tags of run {run}"
    return " → ".join(chain) if chain else "none"
