"""What rules have done: the run, command or event that an action becomes, with what it takes from its cause."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bridge.adapters.memory import MemoryQueues
from bridge.domain.actions import Deploy, Notify, Publish, RunDataFactory
from bridge.domain.commands import SubmitRun
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.pipelines import Allow, Catalogue
from bridge.domain.queues import Queue
from bridge.domain.rules import DataFactoryAction, DeployAction, NotifyAction, PublishAction, SubmitAction
from bridge.ports import Bridge
from bridge.services.decide_rules import decide_rules
from tests.conftest import pipeline
from tests.unit.occasions import (
    RETRAIN,
    controls,
    drift,
    happening,
    only,
    open_to_rules,
    rule,
    take,
    told,
    with_rules,
)
from tests.unit.requests import accepted, request, statuses


@pytest.fixture
def bridge(bridge: Bridge) -> Bridge:
    """Whose pipeline rules may run."""
    return open_to_rules(bridge)


def test_a_run_that_a_rule_wants_is_accepted_like_any_other(bridge: Bridge, queues: MemoryQueues) -> None:
    listening = with_rules(bridge, rule("retrain", "DatasetDriftDetected", RETRAIN))

    row = only(decide_rules(drift(bridge), listening))

    (command,) = take(queues, Queue.RUN_COMMANDS)
    assert isinstance(command, SubmitRun)
    assert (command.run_id, command.inputs) == (row.run_id, {"as_of": "2026-11-20", "rows": 1000})
    assert (command.origin.source, command.origin.principal) == ("rule:retrain", "rule:retrain")
    assert statuses(queues) == ["ACCEPTED"]
    assert (row.status, row.action) == ("FIRED", "submit")
    assert row.payload == {"planned": {"pipeline": "train", "inputs": {"as_of": "2026-11-20"}}}


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (SubmitAction(pipeline="train", inputs={"as_of": "soon"}), "WRONG_TYPE"),
        (SubmitAction(pipeline="absent", inputs={}), "UNKNOWN_PIPELINE"),
    ],
)
def test_a_run_that_is_not_accepted_is_a_failed_action(
    bridge: Bridge, queues: MemoryQueues, action: SubmitAction, code: str
) -> None:
    row = only(decide_rules(drift(bridge), with_rules(bridge, rule("r", "DatasetDriftDetected", action))))

    assert (row.status, row.reason) == ("FAILED", code)
    assert row.run_id is not None
    assert row.payload is not None
    assert row.payload["why"]
    assert not queues.sent[Queue.RUN_COMMANDS]
    assert statuses(queues) == ["REJECTED"]


def test_a_rule_that_may_not_run_the_pipeline_is_refused(bridge: Bridge, queues: MemoryQueues) -> None:
    mine = replace(pipeline("train"), allow=Allow(principals=frozenset({"rule:trusted"})))
    closed = replace(bridge, catalogue=Catalogue([mine]))
    listening = with_rules(
        closed, rule("trusted", "DatasetDriftDetected", RETRAIN), rule("other", "DatasetDriftDetected", RETRAIN)
    )

    found = decide_rules(drift(bridge), listening)

    assert {row.rule: (row.status, row.reason) for row in found.rows} == {
        "trusted": ("FIRED", None),
        "other": ("FAILED", "NOT_ALLOWED"),
    }
    assert len(queues.sent[Queue.RUN_COMMANDS]) == 1


def test_two_rules_on_one_event_start_two_runs(bridge: Bridge, queues: MemoryQueues) -> None:
    listening = with_rules(
        bridge, rule("a", "DatasetDriftDetected", RETRAIN), rule("b", "DatasetDriftDetected", RETRAIN)
    )

    decide_rules(drift(bridge), listening)

    assert len({each.run_id for each in take(queues, Queue.RUN_COMMANDS)}) == 2


def test_a_run_that_a_rule_starts_is_not_the_one_that_a_caller_starts_with_a_like_key(
    bridge: Bridge, queues: MemoryQueues
) -> None:
    listening = with_rules(bridge, rule("a", "DatasetDriftDetected", RETRAIN))
    row = only(decide_rules(drift(bridge), listening))

    other = accepted(bridge, queues, request(row.action_id))

    assert other.run_id != row.run_id


def test_a_notification_carries_the_event(bridge: Bridge, queues: MemoryQueues) -> None:
    action = NotifyAction(channel="ops", title="Drift of ${data.DataDriftName}", text="by ${data.coefficient}")
    event = drift(bridge, coefficient=Decimal("0.4"), studio_url="https://ml.azure.com/x")

    decide_rules(event, with_rules(bridge, rule("r", "DatasetDriftDetected", action)))

    command = told(queues)
    assert (command.channel, command.title, command.text) == ("ops", "Drift of churn-drift", "by 0.4")
    assert command.link is None
    assert command.event == {
        "id": "e1",
        "type": event.event_type,
        "subject": "subjects/e1",
        "time": "2026-11-20T10:00:00+00:00",
        "data": {"DataDriftName": "churn-drift", "coefficient": Decimal("0.4"), "studio_url": "https://ml.azure.com/x"},
    }


def test_a_notification_of_a_rule_without_texts_says_which_rule_and_what(bridge: Bridge, queues: MemoryQueues) -> None:
    decide_rules(drift(bridge), with_rules(bridge, rule("r", "DatasetDriftDetected")))

    command = told(queues)
    assert (command.title, command.link) == ("Rule r", None)
    assert command.text == "Microsoft.MachineLearningServices.DatasetDriftDetected subjects/e1"


def test_a_notification_leaves_out_data_that_no_reader_would_read(bridge: Bridge, queues: MemoryQueues) -> None:
    decide_rules(drift(bridge, rows="x" * 40_000), with_rules(bridge, rule("r", "DatasetDriftDetected")))

    assert told(queues).event["data"] == {"left_out": "the event's data was too large"}


LINK = "https://ml.azure.com/x"


@pytest.mark.parametrize(
    ("link", "door", "told_link"),
    [
        (LINK, "bridge", LINK),
        (LINK, "custom", None),  # whoever may publish could lead people anywhere
        ("javascript:alert(1)", "bridge", None),
        ("http://ml.azure.com", "bridge", None),
        ("https://" + "x" * 2000, "bridge", None),
        (5, "bridge", None),
        (None, "bridge", None),
    ],
)
def test_only_a_safe_link_of_the_app_itself_is_passed_on(
    bridge: Bridge, queues: MemoryQueues, link: Any, door: str, told_link: str | None
) -> None:
    event = replace(happening(bridge, "Bridge.RunEnded", studio_url=link), door=door)

    decide_rules(event, with_rules(bridge, rule("r", "Bridge.RunEnded")))

    assert told(queues).link == told_link


@pytest.mark.parametrize(
    ("door", "data", "workspace"),
    [
        ("bridge", {"workspace": "WS2"}, "Ws2"),
        ("bridge", {"workspace": "elsewhere"}, "ws1"),
        ("custom", {"workspace": "Ws2"}, "ws1"),
    ],
)
def test_a_model_is_deployed_where_its_run_was(
    bridge: Bridge, queues: MemoryQueues, door: str, data: dict[str, str], workspace: str
) -> None:
    two = replace(bridge, workspaces=frozenset({"ws1", "Ws2"}))
    event = replace(happening(bridge, "Bridge.RunEnded", data), door=door, topic="/x/workspaces/Ws2")

    decide_rules(event, with_rules(two, rule("d", "Bridge.RunEnded", DeployAction(endpoint="e-1", model="churn:4"))))

    (command,) = controls(queues)
    assert isinstance(command, Deploy)
    assert command.workspace == workspace


def test_an_event_from_the_future_asks_for_its_deployment_now(bridge: Bridge, queues: MemoryQueues) -> None:
    event = happening(bridge, "ModelRegistered", ModelName="churn", ModelVersion="4")
    late = replace(event, event_time=bridge.clock.now() + timedelta(days=400))

    decide_rules(late, with_rules(bridge, rule("d", "ModelRegistered", DeployAction(endpoint="e-1"))))

    (command,) = controls(queues)
    assert isinstance(command, Deploy)
    assert command.asked_at == bridge.clock.now()


def test_a_model_is_deployed_as_the_event_names_it(bridge: Bridge, queues: MemoryQueues) -> None:
    action = DeployAction(endpoint="churn-online", traffic=20, instance_count=2, environment="azureml:env:1")
    two = replace(bridge, workspaces=frozenset({"ws1", "Ws2"}))
    event = happening(bridge, "ModelRegistered", ModelName="Churn.Model", ModelVersion="4")

    decide_rules(
        replace(event, topic=event.topic.replace("ws1", "ws2")), with_rules(two, rule("d", "ModelRegistered", action))
    )

    (command,) = controls(queues)
    assert isinstance(command, Deploy)
    assert (command.workspace, command.endpoint, command.model_name, command.model_version) == (
        "Ws2",
        "churn-online",
        "Churn.Model",
        "4",
    )
    assert (command.traffic, command.instance_count, command.environment) == (20, 2, "azureml:env:1")
    assert (command.step, command.begun_at, command.moved) == (0, None, False)
    assert command.deployment.startswith("churn-model-4-")


def test_a_rule_may_name_the_model_that_it_deploys(bridge: Bridge, queues: MemoryQueues) -> None:
    action = DeployAction(endpoint="churn-online", model="scaler:${data.version}")
    event = happening(bridge, "Contoso.Closed", version=7)

    decide_rules(event, with_rules(bridge, rule("d", "Contoso.Closed", action)))

    (command,) = controls(queues)
    assert isinstance(command, Deploy)
    assert (command.model_name, command.model_version, command.deployment, command.workspace) == (
        "scaler",
        "7",
        "scaler-7",
        "ws1",
    )


def test_an_event_is_published_with_a_stamp_that_says_where_it_comes_from(bridge: Bridge, queues: MemoryQueues) -> None:
    action = PublishAction(topic="other", event_type="Contoso.Drifted", subject="drifts/${id}", data={"n": "${data.n}"})
    listening = with_rules(bridge, rule("p", "DatasetDriftDetected", action))

    row = only(decide_rules(drift(bridge, n=7), listening))
    decide_rules(drift(bridge, n=7), listening)

    command, again = controls(queues)
    assert command == again
    assert isinstance(command, Publish)
    (event,) = command.events
    assert (command.topic, event.event_type, event.subject, event.source) == (
        "other",
        "Contoso.Drifted",
        "drifts/e1",
        None,
    )
    assert event.data == {"n": 7, "bridge": {"rule_chain": ["p"], "correlation_id": "e1"}}
    assert event.occurred_at == bridge.clock.now()
    assert event.event_id not in {"e1", row.action_id}


def test_an_event_is_published_with_the_data_of_its_cause_unless_the_rule_says_otherwise(
    bridge: Bridge, queues: MemoryQueues
) -> None:
    event = replace(happening(bridge, "Contoso.Closed", n=7), subject="", event_time=None)

    decide_rules(event, with_rules(bridge, rule("p", "Contoso.Closed", PublishAction(event_type="Contoso.Echo"))))

    (command,) = controls(queues)
    assert isinstance(command, Publish)
    assert command.events[0].data["n"] == 7
    assert (command.events[0].subject, command.events[0].occurred_at) == ("p", bridge.clock.now())


def test_data_factory_is_given_what_the_rule_plans(bridge: Bridge, queues: MemoryQueues) -> None:
    action = DataFactoryAction(
        factory="laptop-factory",
        pipeline="copy-scores",
        parameters={"day": "${date}", "n": "${data.n}"},
        subscription_id="s",
        resource_group="g",
        key_parameter="key",
    )

    decide_rules(drift(bridge, n=7), with_rules(bridge, rule("f", "DatasetDriftDetected", action)))

    (command,) = controls(queues)
    assert isinstance(command, RunDataFactory)
    assert (command.factory, command.pipeline, command.parameters) == (
        "laptop-factory",
        "copy-scores",
        {"day": "2026-11-20", "n": 7},
    )
    assert (command.subscription_id, command.resource_group, command.key_parameter) == ("s", "g", "key")


def test_when_the_queue_is_away_there_is_no_row(bridge: Bridge, queues: MemoryQueues) -> None:
    queues.failures.append(ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        decide_rules(drift(bridge), with_rules(bridge, rule("r", "DatasetDriftDetected")))

    assert not any(queues.sent.values())


def test_an_action_that_no_message_can_hold_fails_alone(bridge: Bridge, queues: MemoryQueues) -> None:
    echo = PublishAction(event_type="Contoso.Echo")
    listening = with_rules(bridge, rule("p", "Contoso.Closed", echo), rule("r", "Contoso.Closed"))

    found = decide_rules(happening(bridge, "Contoso.Closed", rows="x" * 200_000), listening)

    assert {row.rule: (row.status, row.reason) for row in found.rows} == {
        "p": ("FAILED", "TOO_LARGE"),
        "r": ("FIRED", None),
    }
    assert told(queues).occasion.rule == "r"


def test_an_occasion_says_what_led_to_it_within_the_limits_of_a_message(bridge: Bridge, queues: MemoryQueues) -> None:
    event = drift(bridge, runId="drift-run-1", tags={"bridge_correlation_id": "c" * 5000})

    decide_rules(event, with_rules(bridge, rule("r", "DatasetDriftDetected")))

    why = told(queues).occasion
    assert (why.event_id, why.event_type, why.event_time, why.run_id) == (
        "e1",
        event.event_type,
        event.event_time,
        "drift-run-1",
    )
    assert why.correlation_id == "c" * 1000


def test_the_type_of_an_event_is_cut_where_a_message_could_not_hold_it(bridge: Bridge, queues: MemoryQueues) -> None:
    kind = "Contoso." + "x" * 5000

    decide_rules(happening(bridge, kind), with_rules(bridge, rule("r", kind)))

    assert told(queues).occasion.event_type == kind[:200]


def test_what_is_published_happened_when_its_cause_did(bridge: Bridge, queues: MemoryQueues) -> None:
    then = bridge.clock.now() - timedelta(minutes=5)
    event = replace(happening(bridge, "Contoso.Closed"), event_time=then)

    decide_rules(event, with_rules(bridge, rule("p", "Contoso.Closed", PublishAction(event_type="Contoso.Echo"))))

    (command,) = controls(queues)
    assert isinstance(command, Publish)
    assert command.events[0].occurred_at == then


def test_what_a_text_takes_from_an_event_is_cut_where_a_message_could_not_hold_it(
    bridge: Bridge, queues: MemoryQueues
) -> None:
    long = drift(bridge, words="x" * 30_000)
    told_all = NotifyAction(channel="ops", title="${data.words}", text="${data.words}")
    published = PublishAction(event_type="T", subject="${data.words}", data={})

    decide_rules(long, with_rules(bridge, rule("a", "DatasetDriftDetected", told_all)))
    decide_rules(long, with_rules(bridge, rule("b", "DatasetDriftDetected", published)))

    notification, publish = controls(queues)
    assert isinstance(notification, Notify)
    assert isinstance(publish, Publish)
    assert (len(notification.title), len(notification.text)) == (1_000, 20_000)
    assert len(publish.events[0].subject) == 1_000
