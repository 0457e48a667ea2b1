"""What the models of rules.yaml cannot see: parts of a rule that do not go together, and names that lead nowhere.

The checks read the plain data, whatever its shape, so that one mistake hides no other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.adapters.files.rules_actions import ACTIONS
from bridge.adapters.files.rules_inputs import input_findings
from bridge.adapters.files.rules_model import kind_problem
from bridge.adapters.files.yaml_fields import Finding
from bridge.domain import aml_events, event_kinds
from bridge.domain.callers import CallerIdentity
from bridge.domain.inputs import closest, shown
from bridge.domain.pipelines import Catalogue

#: Kinds about a run, which says itself which rules led to it. All others need a cool-down to come to an end.
WITH_RUN = frozenset(
    {
        aml_events.RUN_STATUS_CHANGED,
        aml_events.RUN_COMPLETED,
        event_kinds.MONITOR_BREACHED,
        event_kinds.RUN_ENDED,
    }
)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What rules may refer to; None is not known, and not checked."""

    #: None also when pipelines.yaml has problems of its own.
    catalogue: Catalogue | None
    channels: frozenset[str] | None
    topics: frozenset[str] | None
    has_default_topic: bool | None


@dataclass(frozen=True)
class PlainRule:
    """A rule as it is written; what has another shape than it should is as if it were not there."""

    name: str
    data: Mapping[str, Any]

    @property
    def on(self) -> list[Any]:
        given = self.data.get("on")
        return given if isinstance(given, list) else [given]

    @property
    def kinds(self) -> dict[str, str]:
        """The kinds of events that it is about, each with the word for it in the file; no misspelt ones."""
        return {event_kinds.kind_of(word): word for word in self.on if isinstance(word, str) and not kind_problem(word)}

    @property
    def actions(self) -> dict[str, Any]:
        return {word: value for word, value in mapping(self.data.get("do")).items() if word in ACTIONS}

    def action(self, word: str) -> Mapping[str, Any] | None:
        found = self.actions.get(word)
        return found if isinstance(found, dict) else None


def plain_rules(data: Any) -> list[PlainRule]:
    rules = mapping(mapping(data).get("rules"))
    return [PlainRule(name, rule) for name, rule in rules.items() if isinstance(rule, dict)]


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def rule_findings(rule: PlainRule, surroundings: Surroundings) -> Iterator[Finding]:
    """Everything that does not go together; places are within the rule."""
    yield from _repeated(rule)
    yield from _counted(rule)
    yield from _occasions(rule)
    if submit := rule.action("submit"):
        yield from _submit(rule, submit, surroundings.catalogue)
    if deploy := rule.action("deploy"):
        yield from _deploy(rule, deploy)
    if notify := rule.action("notify"):
        yield from _notify(notify, surroundings.channels)
    if publish := rule.action("publish"):
        yield from _publish(publish, surroundings)
    if factory := rule.action("run_data_factory"):
        yield from _factory(factory)


def _repeated(rule: PlainRule) -> Iterator[Finding]:
    seen: set[str] = set()
    for position, word in enumerate(rule.on):
        kind = event_kinds.kind_of(word) if isinstance(word, str) else ""
        if kind in seen:
            yield ("on", position), f"{shown(word)} is given twice: keep one"
        seen |= {kind} - {""}


def _counted(rule: PlainRule) -> Iterator[Finding]:
    if rule.data.get("do") == {}:
        yield ("do",), f"has no action: give one of {', '.join(ACTIONS)}"
    if len(rule.actions) > 1:
        yield ("do",), f"has {' and '.join(rule.actions)}: keep one, and make a rule for each of the others"


def _occasions(rule: PlainRule) -> Iterator[Finding]:
    """Where a cool-down is needed, and what has no effect without one."""
    if "cool_down" in rule.data:
        return
    if "key" in rule.data:
        yield ("key",), "has no effect without cool_down: add one, such as cool_down: 1d, or remove key"
    endless = [word for kind, word in rule.kinds.items() if kind not in WITH_RUN]
    reason = f"{' and '.join(endless)} {'tells' if len(endless) == 1 else 'tell'} of no run" if endless else ""
    if any(str(path).lower() == "data.runtype" for path in mapping(rule.data.get("where"))):
        reason = reason or "steps of a pipeline do not say which rules led to it"
    if "submit" in rule.actions and reason:
        fix = "add one, such as cool_down: 1d"
        yield ("cool_down",), f"is missing: {reason}, so that only a cool-down slows a loop of this rule down: {fix}"


def _submit(rule: PlainRule, submit: Mapping[str, Any], catalogue: Catalogue | None) -> Iterator[Finding]:
    place = ("do", "submit")
    name = submit.get("pipeline")
    if catalogue is None or not isinstance(name, str):
        return
    pipeline = catalogue.find(name)
    if pipeline is None:
        near = catalogue.suggest(name)
        hint = f"did you mean {near}?" if near else _one_of(frozenset(catalogue.names()), "add it to pipelines.yaml")
        yield (*place, "pipeline"), f"there is no pipeline {shown(name)}: {hint}"
        return
    if not pipeline.allows(CallerIdentity(principal=f"rule:{rule.name}")):
        fix = f'add "rule:{rule.name}" to its allow.principals in pipelines.yaml'
        yield (*place, "pipeline"), f"{name} does not let this rule run it: {fix}"
    inputs = submit.get("inputs", {})
    if isinstance(inputs, dict):
        for inner, text in input_findings(pipeline, inputs):
            yield (*place, "inputs", *inner), text


def _deploy(rule: PlainRule, deploy: Mapping[str, Any]) -> Iterator[Finding]:
    others = [word for kind, word in rule.kinds.items() if kind != aml_events.MODEL_REGISTERED]
    if "model" not in deploy and others:
        fix = 'add it, such as "churn:4" or "${data.name}:${data.version}"'
        yield ("do", "deploy", "model"), f"is missing: {' and '.join(others)} registers no model: {fix}"


def _notify(notify: Mapping[str, Any], channels: frozenset[str] | None) -> Iterator[Finding]:
    name = notify.get("channel")
    if channels is None or not isinstance(name, str) or name in channels:
        return
    setting = f"NOTIFY_{name.upper().replace('-', '_')}_URL"
    near = closest(name, channels)
    fix = f"did you mean {near}?" if near else _one_of(channels, f"set {setting}")
    yield ("do", "notify", "channel"), f"there is no channel {shown(name)}: {fix}"


def _publish(publish: Mapping[str, Any], surroundings: Surroundings) -> Iterator[Finding]:
    place = ("do", "publish", "topic")
    topic, topics = publish.get("topic"), surroundings.topics
    if topic is None:
        if surroundings.has_default_topic is False:
            fix = _one_of(topics or frozenset(), "set EVENT_GRID_TOPIC_ENDPOINT")
            yield place, f"is missing, and no topic is the default: {fix}"
    elif isinstance(topic, str) and topics is not None and topic not in topics:
        near = closest(topic, topics)
        fix = f"did you mean {near}?" if near else _one_of(topics, "add it to ALLOWED_TOPICS")
        yield place, f"there is no topic {shown(topic)}: {fix}"


def _factory(factory: Mapping[str, Any]) -> Iterator[Finding]:
    key, parameters = factory.get("key_parameter"), mapping(factory.get("parameters"))
    if isinstance(key, str) and key in parameters:
        text = "is the key_parameter, which the bridge gives itself: remove it here, or name another"
        yield ("do", "run_data_factory", "parameters", key), text


def _one_of(names: frozenset[str], otherwise: str) -> str:
    listed = ", ".join(sorted(names)[:20])
    return f"{otherwise}, or use one of {listed}" if listed else otherwise
