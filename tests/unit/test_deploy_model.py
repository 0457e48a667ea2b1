"""Deploying a model: begin, look until it is ready, move the traffic last; and every way in which that can fail."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.adapters.memory import MemoryClock, MemoryQueues
from bridge.adapters.memory_reactions import MemoryDeployments
from bridge.domain.actions import Deploy, Occasion
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent
from bridge.ports import Bridge
from bridge.services.deploy_model import LAST_AFTER, LOOKS, deploy_model
from tests.unit.occasions import controls, decisions, rule, take, with_rules
from tests.unit.requests import put_aside

WHY = Occasion(
    rule="deploy-prod",
    action_id="a" * 32,
    event_id="e1",
    event_type="t",
    correlation_id="c7",
    rule_chain=("first", "deploy-prod"),
)
ENDPOINT, NAME = "churn-online", "churn-4"
BEGIN = Deploy(
    occasion=WHY,
    workspace="ws1",
    endpoint=ENDPOINT,
    deployment=NAME,
    model_name="churn",
    model_version="4",
    instance_type="Standard_DS3_v2",
    instance_count=2,
    environment="azureml:env:1",
)


@pytest.fixture
def bridge(bridge: Bridge) -> Bridge:
    """With a rule that listens for ends of deployments."""
    return with_rules(bridge, rule("tell", "Bridge.DeploymentEnded"))


def step(queues: MemoryQueues) -> Deploy:
    """The one step that was scheduled."""
    (command,) = take(queues, Queue.RUN_CONTROL)
    assert isinstance(command, Deploy)
    return command


def begun(bridge: Bridge, queues: MemoryQueues, command: Deploy = BEGIN) -> Deploy:
    deploy_model(command, bridge)
    return step(queues)


def ended(queues: MemoryQueues) -> AmlEvent:
    """What the rules were told of the end."""
    (inbound,) = take(queues, Queue.INBOUND_EVENTS)
    assert inbound.event.door == "bridge"
    event: AmlEvent = inbound.event
    return event


def outcome(queues: MemoryQueues) -> tuple[str, str | None]:
    """How it ended, once the rules were told the same."""
    (row,) = decisions(queues)
    assert not controls(queues)
    assert {"DONE": "SUCCEEDED", "FAILED": "FAILED"}[row.status] == ended(queues).data["status"]
    return row.status, row.reason


# step by step


def test_a_deployment_is_begun_without_traffic_and_looked_at_a_minute_later(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments, clock: MemoryClock
) -> None:
    deploy_model(BEGIN, bridge)

    request = deployments.deployments[ENDPOINT, NAME].request
    assert (request.workspace, request.model_name, request.model_version) == ("ws1", "churn", "4")
    assert (request.instance_type, request.instance_count, request.environment) == (
        "Standard_DS3_v2",
        2,
        "azureml:env:1",
    )
    assert request.tags == {
        "bridge_rule": "deploy-prod",
        "bridge_correlation_id": "c7",
        "bridge_rule_chain": "first,deploy-prod",
    }
    assert not deployments.traffic
    (sent,) = queues.sent[Queue.RUN_CONTROL]
    assert sent.body == replace(BEGIN, step=1, begun_at=clock.now())
    assert sent.due == clock.now() + timedelta(minutes=1)
    assert not decisions(queues)
    assert not queues.sent[Queue.INBOUND_EVENTS]


def test_the_looks_become_rarer_until_there_is_none(bridge: Bridge, queues: MemoryQueues, clock: MemoryClock) -> None:
    start, minutes = clock.now(), []
    deploy_model(BEGIN, bridge)
    while messages := queues.sent[Queue.RUN_CONTROL]:
        (sent,) = messages
        assert sent.due is not None
        minutes.append(int((sent.due - start).total_seconds() / 60))
        clock.advance(sent.due - clock.now())
        deploy_model(step(queues), bridge)

    assert minutes == [*LOOKS, 90, 120, 150, 180, 210, 240]
    assert clock.now() - start == LAST_AFTER
    assert outcome(queues) == ("FAILED", "TIMED_OUT")


def test_a_ready_deployment_gets_its_traffic_and_only_then_it_is_done(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments, clock: MemoryClock
) -> None:
    look = begun(bridge, queues)
    deployments.end(ENDPOINT, NAME)
    clock.advance(timedelta(minutes=1))

    deploy_model(look, bridge)

    assert deployments.traffic == {ENDPOINT: {NAME: 100}}
    assert not decisions(queues)
    look = step(queues)
    assert (look.step, look.moved) == (2, True)
    deploy_model(look, bridge)
    assert outcome(queues) == ("DONE", None)
    assert deployments.changes == [f"begin {NAME}", f"move_traffic {NAME}"]


def test_the_end_is_told_with_what_it_was_about(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    finish(bridge, queues, deployments)

    event = ended(queues)
    assert (event.event_type, event.subject) == (
        "Bridge.DeploymentEnded",
        "endpoints/churn-online/deployments/churn-4",
    )
    assert event.data == {
        "status": "SUCCEEDED",
        "endpoint": ENDPOINT,
        "deployment": NAME,
        "model_name": "churn",
        "model_version": "4",
        "workspace": "ws1",
        "traffic": 100,
        "correlation_id": "c7",
        "rule_chain": ["first", "deploy-prod"],
    }
    (row,) = decisions(queues)
    assert (row.rule, row.action, row.correlation_id) == ("deploy-prod", "deploy", "c7")
    assert row.payload == {
        "endpoint": ENDPOINT,
        "deployment": NAME,
        "model": "churn:4",
        "traffic": 100,
        "message": "churn:4 has 100 % of churn-online as churn-4",
    }


def finish(bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments, command: Deploy = BEGIN) -> None:
    look = begun(bridge, queues, command)
    deployments.end(ENDPOINT, command.deployment)
    for _ in range(2):
        deploy_model(look, bridge)
        if not controls(queues):
            return
        look = step(queues)
    raise AssertionError("it does not end")


def test_nobody_is_told_when_no_rule_listens(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    finish(with_rules(bridge), queues, deployments)

    assert not queues.sent[Queue.INBOUND_EVENTS]
    assert [row.status for row in decisions(queues)] == ["DONE"]


def test_a_deployment_without_traffic_is_done_when_it_is_ready(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    finish(bridge, queues, deployments, replace(BEGIN, traffic=0))

    assert deployments.changes == [f"begin {NAME}"]
    assert outcome(queues) == ("DONE", None)


def test_a_part_of_the_traffic_leaves_the_rest_where_it_is(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    finish(bridge, queues, deployments, replace(BEGIN, deployment="churn-3", model_version="3"))
    take(queues, Queue.RUN_EVENTS)
    take(queues, Queue.INBOUND_EVENTS)

    finish(bridge, queues, deployments, replace(BEGIN, traffic=20))

    assert deployments.traffic[ENDPOINT] == {"churn-3": 80, NAME: 20}
    assert outcome(queues) == ("DONE", None)


def test_alone_at_its_endpoint_a_deployment_has_all_the_traffic_whatever_was_asked(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    finish(bridge, queues, deployments, replace(BEGIN, traffic=20))

    assert deployments.traffic[ENDPOINT] == {NAME: 100}
    (row,) = decisions(queues)
    assert (row.status, (row.payload or {})["traffic"]) == ("DONE", 100)


# what is there already


def test_a_deployment_that_is_there_is_only_given_its_traffic(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    finish(bridge, queues, deployments, replace(BEGIN, traffic=0))
    take(queues, Queue.RUN_EVENTS)
    take(queues, Queue.INBOUND_EVENTS)

    look = begun(bridge, queues)
    deploy_model(look, bridge)

    assert deployments.changes == [f"begin {NAME}", f"move_traffic {NAME}"]
    assert outcome(queues) == ("DONE", None)


def test_a_deployment_that_has_its_traffic_is_done_at_once(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    finish(bridge, queues, deployments)
    take(queues, Queue.RUN_EVENTS)
    take(queues, Queue.INBOUND_EVENTS)

    deploy_model(BEGIN, bridge)

    assert outcome(queues) == ("DONE", None)
    assert len(deployments.changes) == 2


def test_a_begin_that_comes_twice_begins_once(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    first = begun(bridge, queues)

    second = begun(bridge, queues)

    assert deployments.changes == [f"begin {NAME}"]
    assert first.message_id == second.message_id


def test_a_begin_whose_answer_was_lost_is_found_again(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    deployments.lost_answers.append(ServiceUnavailable())
    again = begun(bridge, queues)
    assert (again.step, again.try_) == (0, 1)

    look = begun(bridge, queues, again)

    assert (look.step, look.try_) == (1, 0)
    assert deployments.changes == [f"begin {NAME}"]


def test_a_move_of_traffic_whose_answer_was_lost_is_not_repeated(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    look = begun(bridge, queues)
    deployments.end(ENDPOINT, NAME)
    deployments.lost_answers.append(ServiceUnavailable())
    deploy_model(look, bridge)

    deploy_model(step(queues), bridge)

    assert deployments.changes == [f"begin {NAME}", f"move_traffic {NAME}"]
    assert outcome(queues) == ("DONE", None)


def test_what_failed_before_is_made_anew(bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments) -> None:
    begun(bridge, queues)
    deployments.end(ENDPOINT, NAME, "image not found")

    assert begun(bridge, queues).step == 1

    assert deployments.changes == [f"begin {NAME}"] * 2
    assert not decisions(queues)


def test_another_model_under_the_same_name_is_left_alone(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    finish(bridge, queues, deployments, replace(BEGIN, model_version="3"))
    take(queues, Queue.RUN_EVENTS)
    take(queues, Queue.INBOUND_EVENTS)

    deploy_model(BEGIN, bridge)

    assert outcome(queues) == ("FAILED", "CONFLICT")
    assert len(deployments.changes) == 2
    assert "churn:3" in put_aside(queues)[0].description


# two models for one endpoint


def at_minute(minute: int, name: str) -> Deploy:
    time = datetime(2026, 11, 20, 9, minute, tzinfo=UTC)
    version = name.removeprefix("churn-")
    return replace(BEGIN, deployment=name, model_version=version, occasion=replace(WHY, action_id=name), asked_at=time)


def test_the_model_of_the_later_event_keeps_the_traffic_although_it_was_ready_first(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    both = (at_minute(1, "churn-4"), at_minute(2, "churn-5"))
    steps = {command.deployment: begun(bridge, queues, command) for command in both}
    deployments.end(ENDPOINT, "churn-5")
    deploy_model(steps["churn-5"], bridge)
    deploy_model(step(queues), bridge)
    assert outcome(queues) == ("DONE", None)
    queues.sent[Queue.RUN_EVENTS].clear()
    deployments.end(ENDPOINT, "churn-4")

    deploy_model(steps["churn-4"], bridge)

    assert outcome(queues) == ("FAILED", "SUPERSEDED")
    assert deployments.traffic[ENDPOINT] == {"churn-5": 100}


def test_the_model_of_an_earlier_event_gives_the_traffic_away(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    for command in (at_minute(1, "churn-4"), at_minute(2, "churn-5")):
        following = begun(bridge, queues, command)
        deployments.end(ENDPOINT, command.deployment)
        deploy_model(following, bridge)
        take(queues, Queue.RUN_CONTROL)

    assert deployments.traffic[ENDPOINT] == {"churn-5": 100}
