"""Turns what a rule wants done into a request for a run, or into a command for `run-control`."""

from collections.abc import Mapping
from typing import Any

from bridge.domain.actions import (
    ActionCommand,
    Deploy,
    Notify,
    Occasion,
    Publish,
    RunDataFactory,
    deployment_name,
)
from bridge.domain.aml_events import WORKSPACE_DOOR, workspace_of
from bridge.domain.commands import Origin
from bridge.domain.context import current_traceparent
from bridge.domain.event_kinds import BRIDGE_DOOR
from bridge.domain.outgoing import OutgoingEvent
from bridge.domain.records import ActionStatus, AmlEvent, RuleAction
from bridge.domain.rules import STAMP, DeployAction, NotifyAction, PublishAction
from bridge.domain.statuses import BridgeStatus
from bridge.domain.verdicts import Verdict
from bridge.ports import Bridge
from bridge.services.accept_runs import RunRequest, accept_runs
from bridge.services.action_rows import action_row
from bridge.services.find_job import known_workspace

#: Characters of an event's data, roughly, that a notification carries along.
DATA_LIMIT = 32 * 1024
LINK_LIMIT = 2_000


def principal(rule: str) -> str:
    """A rule among those who may run a pipeline, as `allow` in pipelines.yaml names it."""
    return f"rule:{rule}"


def idempotency_key(rule: str, action_id: str) -> str:
    """The same occasion means the same run."""
    return f"{principal(rule)}:{action_id}"


def submit_by_rule(verdict: Verdict, why: Occasion, bridge: Bridge) -> RuleAction:
    """Accept the run that the rule asks for; the row says which, or why there is none.

    Raises: RetryableError when the queues could not take it.
    """
    rule = verdict.rule.name
    origin = Origin(
        source=principal(rule),
        principal=principal(rule),
        correlation_id=why.correlation_id,
        traceparent=current_traceparent(),
        rule_chain=why.rule_chain,
    )
    request = RunRequest(
        pipeline=verdict.planned["pipeline"],
        inputs=verdict.planned["inputs"],
        idempotency_key=idempotency_key(rule, verdict.action_id),
        origin=origin,
    )
    (answer,) = accept_runs([request], bridge)
    payload: dict[str, Any] = {"planned": dict(verdict.planned)}
    if answer.status == BridgeStatus.ACCEPTED:
        return action_row("submit", why, ActionStatus.FIRED, bridge, run_id=answer.run_id, payload=payload)
    payload["why"] = [violation.message for violation in answer.violations]
    reason = answer.violations[0].code
    return action_row("submit", why, ActionStatus.FAILED, bridge, reason=reason, run_id=answer.run_id, payload=payload)


def command_for(verdict: Verdict, why: Occasion, event: AmlEvent, bridge: Bridge) -> ActionCommand:
    """What `run-control` is to do."""
    action, planned = verdict.rule.action, verdict.planned
    if isinstance(action, NotifyAction):
        return Notify(**planned, occasion=why, event=_told(event), link=_link(event))
    if isinstance(action, DeployAction):
        return Deploy(
            **planned,
            occasion=why,
            workspace=_workspace(event, bridge),
            asked_at=min(event.event_time or bridge.clock.now(), bridge.clock.now()),
            deployment=deployment_name(planned["model_name"], planned["model_version"]),
        )
    if isinstance(action, PublishAction):
        return Publish(topic=planned["topic"], events=(_event(planned, why, event, bridge),), occasion=why)
    return RunDataFactory(**planned, occasion=why)


def _event(planned: Mapping[str, Any], why: Occasion, event: AmlEvent, bridge: Bridge) -> OutgoingEvent:
    """With a stamp that tells which rules led to it: published to a topic that leads back here, it ends the loop."""
    data = planned["data"]
    stamp = {"rule_chain": list(why.rule_chain), "correlation_id": why.correlation_id}
    return OutgoingEvent(
        event_id=planned["event_id"],
        event_type=planned["event_type"],
        subject=planned["subject"],
        data={**data, STAMP: stamp},
        occurred_at=event.event_time or bridge.clock.now(),
    )


def _told(event: AmlEvent) -> Mapping[str, Any]:
    """The event for a notification's reader."""
    fields: dict[str, Any] = {
        "id": event.id,
        "type": event.event_type,
        "subject": event.subject,
        "time": event.event_time.isoformat() if event.event_time else None,
        "data": dict(event.data),
    }
    if len(str(fields["data"])) > DATA_LIMIT:
        fields["data"] = {"left_out": "the event's data was too large"}
    return fields


def _link(event: AmlEvent) -> str | None:
    """Only the app itself is believed: whoever may publish could lead people anywhere."""
    link = event.data.get("studio_url") if event.door == BRIDGE_DOOR else None
    is_link = isinstance(link, str) and link.startswith("https://") and len(link) <= LINK_LIMIT
    return link if is_link else None


def _workspace(event: AmlEvent, bridge: Bridge) -> str:
    """The workspace that the model is registered in."""
    if event.door == BRIDGE_DOOR:
        return known_workspace(str(event.data.get("workspace")), bridge)
    return known_workspace(workspace_of(event.topic) if event.door == WORKSPACE_DOOR else "", bridge)
