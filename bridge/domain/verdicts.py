"""Judges one event by one rule: what the rule would do, or why not. Needs nothing but the event and the file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bridge.domain.event_fields import MissingField, filled, shown_in_text
from bridge.domain.identity import short_hash
from bridge.domain.inputs import shown
from bridge.domain.records import AmlEvent
from bridge.domain.rules import (
    CHAIN_LIMIT,
    DataFactoryAction,
    DeployAction,
    NotifyAction,
    PublishAction,
    Rule,
    SubmitAction,
    rule_chain,
)

#: Characters of a title or a subject, and of a text, that an action takes from an event.
TITLE_LIMIT = 1000
NOT_THERE = "(none)"
TEXT_LIMIT = 20_000
#: Names and versions of models, which become part of a path.
_ASSET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}", re.ASCII)


class Reason(StrEnum):
    """Why a rule did not act on an event."""

    OTHER_EVENT = "other_event"  # the rule is about other kinds; no row is kept of this
    WHERE = "where"
    MISSING_FIELD = "missing_field"  # what the action takes from the event is not there
    LOOP_GUARD = "loop_guard"
    COOL_DOWN = "cool_down"
    DRY_RUN = "dry_run"
    REPEATED = "repeated"  # the same event acted before; no row is kept of this


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What becomes of one event and one rule."""

    rule: Rule
    action_id: str
    #: None: the rule acts.
    reason: Reason | None = None
    #: Each thing that speaks against it, for people.
    words: tuple[str, ...] = ()
    #: What the action would be, with everything that it takes from the event.
    planned: Mapping[str, Any] = field(default_factory=dict)

    @property
    def acts(self) -> bool:
        return self.reason is None


def judge(rule: Rule, event: AmlEvent, bridge_name: str) -> Verdict:
    """The verdict as far as event and file say; whether the occasion is used up is for the services to find out."""
    action_id = rule.action_id(event, bridge_name)
    if not rule.wants(event):
        words = f"it is about {', '.join(sorted(rule.on))}, not about {event.event_type}"
        return Verdict(rule=rule, action_id=action_id, reason=Reason.OTHER_EVENT, words=(words,))
    if unmet := rule.unmet(event):
        return Verdict(rule=rule, action_id=action_id, reason=Reason.WHERE, words=tuple(unmet))
    try:
        planned = plan(rule, event, action_id)
    except MissingField as error:
        return Verdict(rule=rule, action_id=action_id, reason=Reason.MISSING_FIELD, words=(str(error),))
    guarded = guard(rule, rule_chain(event) or ())
    if guarded is not None:
        return Verdict(rule=rule, action_id=action_id, reason=Reason.LOOP_GUARD, words=(guarded,), planned=planned)
    if rule.dry_run:
        return Verdict(
            rule=rule, action_id=action_id, reason=Reason.DRY_RUN, words=("dry_run is set",), planned=planned
        )
    return Verdict(rule=rule, action_id=action_id, planned=planned)


def guard(rule: Rule, chain: tuple[str, ...]) -> str | None:
    """Why the rule may not act on what it led to itself; None when it may."""
    if rule.name in chain:
        return f"the event comes from this rule itself, by way of {' → '.join(chain)}"
    if len(chain) >= CHAIN_LIMIT:
        return f"{len(chain)} rules led here, one after the other: {' → '.join(chain)}"
    return None


def plan(rule: Rule, event: AmlEvent, action_id: str) -> dict[str, Any]:
    """The action's own fields, with everything that they take from the event.

    Raises: MissingField.
    """
    action = rule.action
    if isinstance(action, SubmitAction):
        return {"pipeline": action.pipeline, "inputs": filled(action.inputs, event)}
    if isinstance(action, DeployAction):
        model = shown_in_text(filled(action.model or "${data.ModelName}:${data.ModelVersion}", event))
        name, _, version = model.rpartition(":")
        if not (_ASSET.fullmatch(name) and _ASSET.fullmatch(version)):
            raise MissingField(f"model as NAME:VERSION, only {shown(model)}")
        return {
            "endpoint": action.endpoint,
            "model_name": name,
            "model_version": version,
            "instance_type": action.instance_type,
            "instance_count": action.instance_count,
            "environment": action.environment,
            "traffic": action.traffic,
        }
    if isinstance(action, NotifyAction):
        # A word that is missing keeps nobody from being told.
        title = filled(action.title or "Rule " + rule.name.replace("$", "$$"), event, NOT_THERE)
        text = (
            filled(action.text or "${type} ${subject}", event, NOT_THERE)
            if action.text or event.subject
            else event.event_type
        )
        return {
            "channel": action.channel,
            "title": shown_in_text(title)[:TITLE_LIMIT],
            "text": shown_in_text(text)[:TEXT_LIMIT],
        }
    if isinstance(action, PublishAction):
        subject = shown_in_text(filled(action.subject, event)) if action.subject else event.subject or rule.name
        return {
            "topic": action.topic,
            "event_type": action.event_type,
            "subject": subject[:TITLE_LIMIT],
            "data": filled(action.data, event) if action.data is not None else dict(event.data),
            "event_id": short_hash([action_id, "published"]),
        }
    return _factory_plan(action, event)


def _factory_plan(action: DataFactoryAction, event: AmlEvent) -> dict[str, Any]:
    return {
        "factory": action.factory,
        "pipeline": action.pipeline,
        "parameters": filled(action.parameters, event),
        "subscription_id": action.subscription_id,
        "resource_group": action.resource_group,
        "key_parameter": action.key_parameter,
    }
