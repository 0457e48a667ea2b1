"""Ingesting events: which doors count, and what is kept."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.adapters.memory import MemoryJobs, MemoryQueues
from bridge.domain import events
from bridge.domain.actions import Notify
from bridge.domain.commands import CheckRun
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.inbound import InboundEvent
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent
from bridge.domain.statuses import JobStatus
from bridge.ports import Bridge
from bridge.services.bridge_events import tell_end
from bridge.services.ingest_event import ingest_event
from tests.unit.occasions import RUN_ID, TAGS, controls, decisions, happening, kept, rule, run_changed, take, with_rules
from tests.unit.requests import reported, statuses

DOORS = ["workspace", "snowflake", "custom", "bridge", "unknown", "", "Bridge"]


def ended(bridge: Bridge, queues: MemoryQueues, status: str = "COMPLETED") -> AmlEvent:
    """The event that the app sends to itself."""
    fact = events.job_fact(RUN_ID, status, bridge.clock.now(), pipeline="train")
    tell_end(fact, {"bridge_correlation_id": "c9"}, with_rules(bridge, rule("any", "Bridge.RunEnded")))
    (inbound,) = take(queues, Queue.INBOUND_EVENTS)
    assert isinstance(inbound, InboundEvent)
    return inbound.event


# doors


@pytest.mark.parametrize("door", [door for door in DOORS if door != "bridge"])
def test_a_forged_end_of_a_run_is_refused(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, door: str) -> None:
    listening = with_rules(bridge, rule("on-end", "Bridge.RunEnded"), events_topic="https://main.test/api/events")
    forged = replace(ended(bridge, queues), door=door)

    ingest_event(forged, replace(listening, record_all_events=True))

    assert not any(queues.sent.values())
    assert not jobs.calls


def test_a_runs_end_counts_from_the_apps_own_door(bridge: Bridge, queues: MemoryQueues) -> None:
    listening = with_rules(bridge, rule("on-end", "Bridge.RunEnded"))

    ingest_event(ended(bridge, queues), listening)

    (command,) = controls(queues)
    assert isinstance(command, Notify)
    assert (command.occasion.run_id, command.occasion.correlation_id) == (RUN_ID, "c9")
    assert [row.status for row in decisions(queues)] == ["FIRED"]


@pytest.mark.parametrize("kind", ["Bridge.RunEnded", "bridge.RUNENDED", "Bridge.DeploymentEnded", "Bridge.Whatever"])
@pytest.mark.parametrize("door", ["custom", "snowflake", "workspace"])
def test_types_of_the_bridge_are_refused_in_any_case(
    bridge: Bridge, queues: MemoryQueues, kind: str, door: str
) -> None:
    listening = with_rules(bridge, rule("any", kind))

    ingest_event(replace(happening(bridge, kind), door=door), replace(listening, record_all_events=True))

    assert not any(queues.sent.values())


def test_the_apps_own_door_takes_no_other_types_of_the_bridge(bridge: Bridge, queues: MemoryQueues) -> None:
    """What the bridge publishes for others must not come back, whatever a subscription is called."""
    listening = with_rules(bridge, rule("any", "Bridge.RunCompleted"))

    ingest_event(replace(happening(bridge, "Bridge.RunCompleted"), door="bridge"), listening)

    assert not any(queues.sent.values())


@pytest.mark.parametrize(
    "change", [{"door": "custom"}, {"door": "bridge"}, {"topic": "/workspaces/ws1"}, {"topic": ""}]
)
def test_no_rule_sees_an_event_of_azure_ml_that_came_by_another_way(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, change: dict[str, Any]
) -> None:
    listening = with_rules(bridge, rule("on-model", "ModelRegistered"), rule("on-run", "RunStatusChanged"))

    ingest_event(replace(happening(bridge, "ModelRegistered", ModelName="churn"), **change), listening)
    ingest_event(replace(run_changed(bridge), **change), replace(listening, record_all_events=True))

    assert not any(queues.sent.values())
    assert not jobs.calls


@pytest.mark.parametrize(
    "kind", ["MICROSOFT.MACHINELEARNINGSERVICES.RUNSTATUSCHANGED", "microsoft.MachineLearningServices.runStatusChanged"]
)
def test_types_and_topics_count_in_any_case(bridge: Bridge, queues: MemoryQueues, kind: str) -> None:
    listening = with_rules(bridge, rule("on-run", "RunStatusChanged"))
    event = run_changed(bridge)

    ingest_event(replace(event, event_type=kind, topic=event.topic.upper()), listening)

    (fact,) = reported(queues)
    assert (fact.status, fact.workspace) == ("RUNNING", "ws1")
    assert [row.rule for row in decisions(queues)] == ["on-run"]


# runs


@pytest.mark.parametrize("run_id", ["olive_tree_x8k2m4", "r-short", RUN_ID.upper(), ""])
def test_a_run_that_is_not_ours_never_becomes_one_even_when_a_rule_acts_on_it(
    bridge: Bridge, queues: MemoryQueues, run_id: str
) -> None:
    listening = with_rules(bridge, rule("on-run", "RunStatusChanged"))

    ingest_event(run_changed(bridge, "Completed", runId=run_id), listening)

    assert not reported(queues)
    (command,) = controls(queues)
    assert isinstance(command, Notify)
    assert [event.id for event in kept(queues)] == ["e1"]


def test_a_run_of_another_bridge_never_becomes_one_even_when_a_rule_acts_on_it(
    bridge: Bridge, queues: MemoryQueues
) -> None:
    listening = with_rules(bridge, rule("on-run", "RunStatusChanged"))

    ingest_event(run_changed(bridge, "Failed", runTags={"bridge": "other"}), listening)

    assert not reported(queues)
    assert [type(command) for command in controls(queues)] == [Notify]


def test_a_step_is_neither_a_run_nor_an_occasion(bridge: Bridge, queues: MemoryQueues) -> None:
    listening = with_rules(bridge, rule("on-run", "RunStatusChanged"))

    ingest_event(run_changed(bridge, "Failed", runId="3f0b7d9e", runType="azureml.StepRun"), listening)

    assert not any(queues.sent.values())


def test_a_step_counts_for_a_rule_that_asks_for_steps(bridge: Bridge, queues: MemoryQueues) -> None:
    asking = rule("on-step", "RunStatusChanged", where={"data.RunType": "azureml.steprun"})

    ingest_event(run_changed(bridge, "Failed", runId="3f0b7d9e", runType="azureml.StepRun"), with_rules(bridge, asking))

    assert [(row.rule, row.status, row.run_id) for row in decisions(queues)] == [("on-step", "FIRED", "3f0b7d9e")]
    assert not reported(queues)


def test_an_event_without_a_time_moves_no_run_but_counts_for_rules(bridge: Bridge, queues: MemoryQueues) -> None:
    listening = with_rules(bridge, rule("on-run", "RunStatusChanged"))

    ingest_event(replace(run_changed(bridge), event_time=None), listening)

    assert not reported(queues)
    assert [row.status for row in decisions(queues)] == ["FIRED"]


def test_a_check_that_an_event_asks_for_is_the_same_when_the_event_comes_again(
    bridge: Bridge, queues: MemoryQueues
) -> None:
    for _ in range(2):
        ingest_event(run_changed(bridge, "Completed"), bridge)

    first, second = queues.sent[Queue.RUN_CONTROL]
    assert first == second
    assert isinstance(first.body, CheckRun)
    assert (first.body.origin, first.body.workspace, first.body.step, first.due) == ("e.e1", "ws1", None, None)


# what is kept


@pytest.mark.parametrize("kind", ["ModelRegistered", "ModelDeployed", "DatasetDriftDetected"])
def test_events_about_models_and_drift_are_kept_without_any_rule(
    bridge: Bridge, queues: MemoryQueues, kind: str
) -> None:
    ingest_event(happening(bridge, kind, ModelName="churn"), bridge)

    assert [event.id for event in kept(queues)] == ["e1"]
    assert not decisions(queues)


@pytest.mark.parametrize(("everything", "expected"), [(False, []), (True, ["e1"])])
def test_an_event_that_nobody_wants_is_kept_only_when_all_are(
    bridge: Bridge, queues: MemoryQueues, everything: bool, expected: list[str]
) -> None:
    curious = replace(bridge, record_all_events=everything)

    ingest_event(happening(bridge, "Contoso.Closed"), curious)

    assert [event.id for event in kept(queues)] == expected


def test_an_event_whose_conditions_do_not_hold_is_not_kept_but_the_decision_is(
    bridge: Bridge, queues: MemoryQueues
) -> None:
    listening = with_rules(bridge, rule("big", "Contoso.Closed", where={"data.size": "big"}))

    ingest_event(happening(bridge, "Contoso.Closed", size="small"), listening)

    assert not kept(queues)
    assert [(row.rule, row.status, row.reason) for row in decisions(queues)] == [("big", "NOT_FIRED", "where")]


def test_no_rows_are_kept_about_the_many_runs_of_others_that_no_rule_wants(
    bridge: Bridge, queues: MemoryQueues
) -> None:
    listening = with_rules(bridge, rule("mine", "RunStatusChanged", where={"data.experimentName": "mine"}))

    ingest_event(run_changed(bridge, runId="olive_tree", runTags={}, experimentName="theirs"), listening)

    assert not any(queues.sent.values())


def test_a_decision_about_a_run_of_ours_is_kept_even_when_it_is_no(bridge: Bridge, queues: MemoryQueues) -> None:
    listening = with_rules(bridge, rule("mine", "RunStatusChanged", where={"data.experimentName": "mine"}))

    ingest_event(run_changed(bridge, experimentName="theirs"), listening)

    assert [row.reason for row in decisions(queues)] == ["where"]
    assert [event.id for event in kept(queues)] == ["e1"]


def test_of_several_rules_one_that_wants_the_event_has_all_decisions_kept(bridge: Bridge, queues: MemoryQueues) -> None:
    listening = with_rules(
        bridge, rule("no", "RunStatusChanged", where={"data.x": 1}), rule("dry", "RunStatusChanged", dry_run=True)
    )

    ingest_event(run_changed(bridge, runId="olive_tree"), listening)

    assert sorted((row.rule, str(row.reason)) for row in decisions(queues)) == [("dry", "dry_run"), ("no", "where")]
    assert len(kept(queues)) == 1


def test_a_kept_event_carries_the_correlation_id_of_its_run(bridge: Bridge, queues: MemoryQueues) -> None:
    ingest_event(run_changed(bridge, runTags={**TAGS, "bridge_correlation_id": "c7"}), bridge)
    ingest_event(happening(bridge, "ModelRegistered", event_id="e2", ModelName="churn"), bridge)

    assert [event.correlation_id for event in kept(queues)] == ["c7", "e2"]


# what a whole delivery leads to, again


def test_a_redelivered_event_leads_to_the_same_messages_and_rows(bridge: Bridge, queues: MemoryQueues) -> None:
    listening = with_rules(
        bridge,
        rule("on-run", "RunStatusChanged"),
        rule("dry", "RunStatusChanged", dry_run=True),
        events_topic="https://main.test/api/events",
    )
    sent = []
    for _ in range(2):
        ingest_event(run_changed(bridge, JobStatus.FAILED), listening)
        sent.append({queue: [each.message_id for each in messages] for queue, messages in queues.sent.items()})
        for messages in queues.sent.values():
            messages.clear()

    assert sent[0] == sent[1]
    assert len(sent[0][Queue.RUN_CONTROL]) == 3


def test_what_was_done_is_done_again_when_the_rows_could_not_be_sent(bridge: Bridge, queues: MemoryQueues) -> None:
    """The other way round a row would tell of what nobody did."""
    listening = with_rules(bridge, rule("on-model", "ModelRegistered"))

    class OnlyControl(MemoryQueues):
        def send(self, queue: Queue, messages: Any) -> None:
            if queue is Queue.RUN_EVENTS:
                raise ServiceUnavailable
            queues.send(queue, messages)

    with pytest.raises(ServiceUnavailable):
        ingest_event(happening(bridge, "ModelRegistered"), replace(listening, sender=OnlyControl()))
    ingest_event(happening(bridge, "ModelRegistered"), listening)

    assert len({each.message_id for each in queues.sent[Queue.RUN_CONTROL]}) == 1
    assert len(queues.sent[Queue.RUN_CONTROL]) == 2
    assert statuses(queues) == []
