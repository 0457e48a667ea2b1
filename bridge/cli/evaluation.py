"""What rules make of events, with everything that people want to know of it: shared by `explain` and `replay`.

It decides as the app does, by the same functions; what only the app can know is left open.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bridge.domain import aml_events, event_kinds, identity
from bridge.domain.actions import deployment_name
from bridge.domain.callers import CallerIdentity
from bridge.domain.event_fields import ABSENT, field
from bridge.domain.inputs import shown
from bridge.domain.pipelines import Catalogue
from bridge.domain.records import AmlEvent
from bridge.domain.rules import Condition, DeployAction, Rule, SubmitAction, bucket_start
from bridge.domain.verdicts import Reason, Verdict, judge
from bridge.services.plan_actions import idempotency_key, principal

#: How rules.yaml spells what a condition wants, by its fields.
_WANTED = {
    "equals": "equals",
    "one_of": "in",
    "none_of": "not_in",
    "prefix": "prefix",
    "suffix": "suffix",
    "contains": "contains",
    "minimum": "min",
    "maximum": "max",
    "above": "above",
    "below": "below",
    "exists": "exists",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One condition and what the event has there."""

    path: str
    is_met: bool
    words: str


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """The run that a rule would start."""

    run_id: str
    #: Why it would not be accepted.
    refusals: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One rule about this kind of event, and the event."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    run: PlannedRun | None
    #: The fields that make the occasion, by path; empty when a run or an event is one by itself.
    key: tuple[tuple[str, str], ...]
    #: Of a rule with a cool-down: from when to when it fires once.
    window: tuple[datetime, datetime] | None

    @property
    def rule(self) -> Rule:
        return self.verdict.rule


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """One event and all rules."""

    event: AmlEvent
    #: Why no rule gets to see the event; None when they do.
    refused: str | None = None
    evaluations: tuple[Evaluation, ...] = ()
    #: Names of the rules about other kinds of events.
    others: tuple[str, ...] = ()
    #: Names of the rules about this kind that leave out the steps of pipelines, as this event is.
    without_steps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Judge:
    """The rules, with what is needed besides them."""

    rules: Sequence[Rule]
    catalogue: Catalogue
    bridge_name: str

    def evaluated(self, event: AmlEvent) -> Evaluated:
        refused = refusal(event)
        if refused is not None:
            return Evaluated(event=event, refused=refused)
        kinds = event_kinds.kinds(event)
        return Evaluated(
            event=event,
            evaluations=tuple(self._evaluation(rule, event) for rule in self.rules if rule.wants(event)),
            others=tuple(rule.name for rule in self.rules if not rule.on & kinds),
            without_steps=tuple(rule.name for rule in self.rules if rule.on & kinds and not rule.wants(event)),
        )

    def _evaluation(self, rule: Rule, event: AmlEvent) -> Evaluation:
        verdict = judge(rule, event, self.bridge_name)
        if isinstance(rule.action, DeployAction) and verdict.planned:
            name = deployment_name(verdict.planned["model_name"], verdict.planned["model_version"])
            verdict = replace(verdict, planned={**verdict.planned, "deployment": name})
        has_run = isinstance(rule.action, SubmitAction) and bool(verdict.planned)
        return Evaluation(
            verdict=verdict,
            findings=tuple(_finding(condition, event) for condition in rule.where),
            run=self._run(verdict) if has_run else None,
            key=_key(rule, event),
            window=_window(rule, event),
        )

    def _run(self, verdict: Verdict) -> PlannedRun:
        name, rule = verdict.planned["pipeline"], verdict.rule.name
        key = idempotency_key(rule, verdict.action_id)
        return PlannedRun(
            run_id=identity.run_id(self.bridge_name, name, key),
            refusals=tuple(self._refusals(name, verdict.planned["inputs"], principal(rule))),
        )

    def _refusals(self, name: str, inputs: Any, caller: str) -> list[str]:
        """As the app finds them when it takes the request."""
        pipeline = self.catalogue.find(name)
        if pipeline is None:
            return [self.catalogue.unknown(name).message]
        if not pipeline.allows(CallerIdentity(principal=caller)):
            return [f'"{caller}" may not run "{name}": it has to be added to "allow" in pipelines.yaml']
        checked = self.catalogue.check(pipeline, inputs)
        return [violation.message for violation in checked] if isinstance(checked, list) else []


def usual_door(event: AmlEvent) -> str:
    """The door by which an event of this type comes to the app, for events in files, which do not say."""
    known = event_kinds.doors(event)
    return "custom" if "custom" in known else next(iter(known))


def refusal(event: AmlEvent) -> str | None:
    """Why the app would not show the event to the rules, as far as its type and its door say."""
    if event.event_type.lower() == aml_events.RUN_REQUEST:
        return "it asks for a run itself: rules do not see it"
    return event_kinds.door_problem(event)


def used_before(evaluated: Evaluated, first: dict[str, AmlEvent]) -> Evaluated:
    """The same after other events: what acts on an occasion of theirs does not act. `first` is by action id, and kept.

    Events must come in the order in which they happened.
    """
    evaluations = []
    for each in evaluated.evaluations:
        verdict = each.verdict
        if verdict.acts and first.setdefault(verdict.action_id, evaluated.event) is not evaluated.event:
            earlier = first[verdict.action_id]
            words = f"event {earlier.id} was the first on this occasion"
            verdict = replace(verdict, reason=Reason.COOL_DOWN, words=(words,))
        evaluations.append(replace(each, verdict=verdict))
    return replace(evaluated, evaluations=tuple(evaluations))


def _finding(condition: Condition, event: AmlEvent) -> Finding:
    unmet = condition.unmet(event)
    if unmet is not None:
        return Finding(path=condition.path, is_met=False, words=unmet)
    value = field(event, condition.path)
    found = f"the event has no {condition.path}" if value is ABSENT else f"{condition.path} is {shown(value)}"
    return Finding(path=condition.path, is_met=True, words=f"{found} ({_wanted(condition)})")


def _wanted(condition: Condition) -> str:
    """In the words of rules.yaml, so that it is found there."""
    wanted = ((word, getattr(condition, name)) for name, word in _WANTED.items())
    return ", ".join(f"{word} {_listed(value)}" for word, value in wanted if value is not None and value != ())


def _listed(value: Any) -> str:
    return ", ".join(map(shown, value)) if isinstance(value, tuple) else shown(value)


def _key(rule: Rule, event: AmlEvent) -> tuple[tuple[str, str], ...]:
    if rule.cool_down is None or event.event_time is None:
        return ()
    values = rule.firing_key(event)[1:-1]
    return tuple(zip(rule.key or event_kinds.key_paths(event), values, strict=True))


def _window(rule: Rule, event: AmlEvent) -> tuple[datetime, datetime] | None:
    if rule.cool_down is None or event.event_time is None:
        return None
    begin = bucket_start(event.event_time.astimezone(UTC), rule.cool_down)
    return begin, begin + rule.cool_down
