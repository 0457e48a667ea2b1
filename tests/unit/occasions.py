"""Events, and rules about them, for tests of what happens by itself."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bridge.adapters.memory import MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain.actions import Notify
from bridge.domain.event_kinds import kind_of
from bridge.domain.pipelines import Allow, Catalogue
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent, Records, RuleAction
from bridge.domain.rules import Action, Condition, NotifyAction, Rule, Rules, SubmitAction
from bridge.payloads.control import ControlCommand
from bridge.ports import Bridge
from bridge.services.decide_rules import Decisions
from tests.conftest import WORKSPACE_ID, pipeline

PREFIX = "Microsoft.MachineLearningServices."
RUN_ID = "r-" + "a" * 26
TAGS = {"bridge": "bridge", "bridge_pipeline": "train"}
RETRAIN = SubmitAction(pipeline="train", inputs={"as_of": "${date}"})


def happening(
    bridge: Bridge, kind: str, /, given: Mapping[str, Any] | None = None, *, event_id: str = "e1", **data: Any
) -> AmlEvent:
    """An event that has just happened; a kind without a dot is one of Azure ML's, from its own door."""
    is_aml = "." not in kind
    return AmlEvent(
        id=event_id,
        event_type=PREFIX + kind if is_aml else kind,
        subject=f"subjects/{event_id}",
        event_time=bridge.clock.now(),
        data={**(given or {}), **data},
        topic=WORKSPACE_ID if is_aml else "",
        door="workspace" if is_aml else "custom",
    )


def run_changed(bridge: Bridge, status: str = "Running", **data: Any) -> AmlEvent:
    """What Azure ML tells of one of our runs; None leaves a field out."""
    given = {"runId": RUN_ID, "runStatus": status, "runTags": TAGS, **data}
    return happening(bridge, "RunStatusChanged", **{name: value for name, value in given.items() if value is not None})


def rule(
    name: str,
    on: str,
    action: Action | None = None,
    *,
    where: dict[str, Any] | None = None,
    cool_down: timedelta | None = None,
    key: tuple[str, ...] = (),
    dry_run: bool = False,
) -> Rule:
    """A rule about one kind of event, which tells ops unless it is given something else to do."""
    return Rule(
        name=name,
        on=frozenset({kind_of(on)}),
        where=tuple(Condition(path=path, equals=value) for path, value in (where or {}).items()),
        key=key,
        action=action or NotifyAction(channel="ops"),
        cool_down=cool_down,
        dry_run=dry_run,
    )


def with_rules(bridge: Bridge, *rules: Rule, events_topic: str | None = None) -> Bridge:
    """The same bridge with these rules alone."""
    return replace(bridge, reactions=replace(bridge.reactions, rules=Rules(rules), events_topic=events_topic))


def decisions(queues: MemoryQueues) -> list[RuleAction]:
    """All rows of RULE_ACTIONS that were sent so far."""
    return [row for message in queues.sent[Queue.RUN_EVENTS] for row in message.body.rule_actions]  # type: ignore[union-attr]


def kept(queues: MemoryQueues) -> list[AmlEvent]:
    """All events that were sent to the ledger so far."""
    return [event for message in queues.sent[Queue.RUN_EVENTS] for event in message.body.aml_events]  # type: ignore[union-attr]


def controls(queues: MemoryQueues) -> list[ControlCommand]:
    """What `run-control` was sent so far."""
    return [message.body for message in queues.sent[Queue.RUN_CONTROL]]  # type: ignore[misc]


def take(queues: MemoryQueues, queue: Queue) -> list[Any]:
    """The bodies that the queue was sent, which is empty afterwards."""
    bodies = [message.body for message in queues.sent[queue]]
    queues.sent[queue].clear()
    return bodies


def open_to_rules(bridge: Bridge) -> Bridge:
    """The same bridge, whose one pipeline rules may run."""
    allow = Allow(principals=frozenset({"key", "rule:*"}))
    return replace(bridge, catalogue=Catalogue([replace(pipeline("train"), allow=allow)]))


def drift(bridge: Bridge, event_id: str = "e1", name: str = "churn-drift", **data: Any) -> AmlEvent:
    return happening(bridge, "DatasetDriftDetected", event_id=event_id, DataDriftName=name, **data)


def recorded(found: Decisions, ledger: MemoryLedger) -> None:
    """What was decided, as `record` would have written it by now."""
    ledger.write(Records(rule_actions=found.rows))


def only(found: Decisions) -> RuleAction:
    (row,) = found.rows
    return row


def told(queues: MemoryQueues) -> Notify:
    """The one notification that was asked for, and nothing else."""
    (command,) = controls(queues)
    assert isinstance(command, Notify)
    return command
