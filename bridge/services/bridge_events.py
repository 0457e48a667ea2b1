"""The bridge's own events: for its rules, by its own queue; and for others, by a topic of Event Grid."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bridge.domain import event_kinds, statuses, tags
from bridge.domain.actions import Deploy, Publish
from bridge.domain.commands import SubmitRun
from bridge.domain.events import RunEvent
from bridge.domain.identity import short_hash
from bridge.domain.inbound import InboundEvent
from bridge.domain.outgoing import OutgoingEvent
from bridge.domain.queues import Queue
from bridge.domain.records import TEXT_LIMIT, ActionStatus, AmlEvent, RuleAction
from bridge.ports import Bridge, Message
from bridge.services.report import MESSAGE_LIMIT_BYTES

RUN_ENDED = "Bridge.RunEnded"
DEPLOYMENT_ENDED = "Bridge.DeploymentEnded"
RUN_ACCEPTED = "Bridge.RunAccepted"
RULE_FIRED = "Bridge.RuleFired"
#: What others are told of an end, by its status.
ENDS: Mapping[str, str] = {
    statuses.JobStatus.COMPLETED: "Bridge.RunCompleted",
    statuses.JobStatus.FAILED: "Bridge.RunFailed",
    statuses.JobStatus.CANCELED: "Bridge.RunCanceled",
}
#: Events in one message for `run-control`.
CHUNK = 50


def tell_end(fact: RunEvent, known: Mapping[str, str], bridge: Bridge, *, at: datetime | None = None) -> None:
    """Tell the rules that a run ended. `known`: the tags of its job, or what else says where it came from.

    `at`: the time of the event, if not that of the fact.
    Nobody is told when no rule listens and nothing is published.
    """
    if not bridge.reactions.rules.listen_for(event_kinds.RUN_ENDED) and bridge.reactions.events_topic is None:
        return
    chain = known.get(tags.RULE_CHAIN, "")
    data: dict[str, Any] = {
        "run_id": fact.run_id,
        "status": fact.status,
        "pipeline": fact.pipeline or known.get(tags.PIPELINE),
        "workspace": fact.workspace,
        "attempt": max(fact.attempt, 1),
        "has_job": fact.is_job_fact,
        "started_at": fact.started_at.isoformat() if fact.started_at else None,
        "ended_at": fact.ended_at.isoformat() if fact.ended_at else None,
        "error_code": fact.error_code,
        "error_message": fact.error_message,
        "outputs": fact.outputs,
        "studio_url": fact.studio_url,
        "tags": dict(known),
        "correlation_id": known.get(tags.CORRELATION_ID, fact.run_id),
        "rule_chain": [name for name in chain.split(",") if name],
    }
    event = AmlEvent(
        id=short_hash([fact.run_id, "ended", fact.status, str(fact.attempt)]),
        event_type=RUN_ENDED,
        subject=f"runs/{fact.run_id}",
        event_time=at or fact.ended_at or fact.occurred_at,
        data={name: value for name, value in data.items() if value is not None},
        topic="",
        door=event_kinds.BRIDGE_DOOR,
    )
    _send(event, bridge)


def tell_deployment(command: Deploy, traffic: int, error: str | None, bridge: Bridge) -> None:
    """Tell the rules how a deployment ended, and which percent of the traffic it has then."""
    if not bridge.reactions.rules.listen_for(event_kinds.DEPLOYMENT_ENDED):
        return
    why = command.occasion
    status = "SUCCEEDED" if error is None else "FAILED"
    data: dict[str, Any] = {
        "status": status,
        "endpoint": command.endpoint,
        "deployment": command.deployment,
        "model_name": command.model_name,
        "model_version": command.model_version,
        "workspace": command.workspace,
        "traffic": traffic,
        "error_message": error,
        "correlation_id": why.correlation_id,
        "rule_chain": list(why.rule_chain),
    }
    event = AmlEvent(
        id=short_hash([why.action_id, "deployed", status, str(command.attempt)]),
        event_type=DEPLOYMENT_ENDED,
        subject=f"endpoints/{command.endpoint}/deployments/{command.deployment}",
        event_time=bridge.clock.now(),
        data={name: value for name, value in data.items() if value is not None},
        topic="",
        door=event_kinds.BRIDGE_DOOR,
    )
    _send(event, bridge)


def _send(event: AmlEvent, bridge: Bridge) -> None:
    inbound = InboundEvent(event=event)
    if len(bridge.sender.text(inbound).encode()) > MESSAGE_LIMIT_BYTES:
        inbound = InboundEvent(event=replace(event, data=_lighter(event.data)))
    bridge.sender.send(Queue.INBOUND_EVENTS, [Message(message_id=inbound.message_id, body=inbound)])


def _lighter(data: Mapping[str, Any]) -> dict[str, Any]:
    """Without what can be of any size: an end that is told with less beats one that is never told."""
    error = str(data.get("error_message") or "")[:TEXT_LIMIT]
    return {**data, "outputs": None, "error_message": error or None}


def publish_accepted(commands: Sequence[SubmitRun], bridge: Bridge) -> None:
    """Have others told of runs that were accepted, if anybody is to be told at all."""
    _publish([_accepted(command, bridge) for command in commands] if bridge.reactions.events_topic else [], bridge)


def publish_end(event: AmlEvent, bridge: Bridge) -> None:
    """Have others told of a run's end, by the event that tells the rules."""
    if bridge.reactions.events_topic is None:
        return
    kind = ENDS.get(str(event.data.get("status")), RUN_ENDED)
    outgoing = OutgoingEvent(
        event_id=short_hash([event.id, "out"]),
        event_type=kind,
        subject=event.subject,
        data=dict(event.data),
        occurred_at=event.event_time or bridge.clock.now(),
        source=source(bridge),
    )
    _publish([outgoing], bridge)


def publish_fired(rows: Sequence[RuleAction], bridge: Bridge) -> None:
    """Have others told of rules that fired."""
    if bridge.reactions.events_topic is None:
        return
    _publish([_fired(row, bridge) for row in rows if row.status == ActionStatus.FIRED], bridge)


def _accepted(command: SubmitRun, bridge: Bridge) -> OutgoingEvent:
    data = {
        "run_id": command.run_id,
        "pipeline": command.pipeline,
        "workspace": command.workspace,
        "fingerprint": command.fingerprint,
        "source": command.origin.source,
        "principal": command.origin.principal,
        "correlation_id": command.origin.correlation_id,
        "attempt": command.attempt,
    }
    return OutgoingEvent(
        event_id=short_hash([command.run_id, "accepted", str(command.attempt)]),
        event_type=RUN_ACCEPTED,
        subject=f"runs/{command.run_id}",
        data=data,
        occurred_at=command.accepted_at or bridge.clock.now(),
        source=source(bridge),
    )


def _fired(row: RuleAction, bridge: Bridge) -> OutgoingEvent:
    data = {
        "rule": row.rule,
        "action": row.action,
        "action_id": row.action_id,
        "event_id": row.event_id,
        "event_type": row.event_type,
        "run_id": row.run_id,
        "correlation_id": row.correlation_id,
    }
    return OutgoingEvent(
        event_id=short_hash([row.decision_id, "out"]),
        event_type=RULE_FIRED,
        subject=f"rules/{row.rule}",
        data={name: value for name, value in data.items() if value is not None},
        occurred_at=row.occurred_at,
        source=source(bridge),
    )


def source(bridge: Bridge) -> str:
    """Of the bridge's CloudEvents: a URI reference that names it."""
    return f"/aml-bridge/{bridge.name}"


def _publish(events: Sequence[OutgoingEvent], bridge: Bridge) -> None:
    commands = list(_fitting(list(events), bridge))
    if commands:
        messages = [Message(message_id=command.message_id, body=command) for command in commands]
        bridge.sender.send(Queue.RUN_CONTROL, messages)


def _fitting(events: list[OutgoingEvent], bridge: Bridge) -> Iterator[Publish]:
    """Commands that a queue takes; of an event that is too large by itself only the names are left."""
    if not events:
        return
    command = Publish(topic=None, events=tuple(events))
    if len(events) <= CHUNK and len(bridge.sender.text(command).encode()) <= MESSAGE_LIMIT_BYTES:
        yield command
    elif len(events) == 1:
        event = events[0]
        small = {name: event.data[name] for name in ("run_id", "status", "pipeline") if name in event.data}
        yield Publish(
            topic=None,
            events=(
                OutgoingEvent(
                    event_id=event.event_id,
                    event_type=event.event_type,
                    subject=event.subject,
                    data={**small, "left_out": "the event's data was too large"},
                    occurred_at=event.occurred_at,
                    source=event.source,
                ),
            ),
        )
    else:
        half = len(events) // 2
        yield from _fitting(events[:half], bridge)
        yield from _fitting(events[half:], bridge)
