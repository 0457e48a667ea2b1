"""Deploying a model, and every way in which that can fail."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.adapters.memory import MemoryClock, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.adapters.memory_reactions import MemoryDeployments
from bridge.domain.actions import Deploy
from bridge.domain.deployments import DeploymentState
from bridge.domain.errors import AccessDenied, PermanentError, ServiceUnavailable, Throttled
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.handlers import queues as handlers
from bridge.handlers.dead_letters import read_letter
from bridge.payloads import bodies
from bridge.ports import Bridge
from bridge.services.deploy_model import LOOKS, deploy_model
from bridge.services.replay_dead_letters import ReplayRequest, replay_dead_letters
from tests.unit.invocations import message
from tests.unit.occasions import decisions, rule, take, with_rules
from tests.unit.requests import KEY, put_aside
from tests.unit.test_deploy_model import BEGIN, ENDPOINT, NAME, begun, ended, outcome, step


@pytest.fixture
def bridge(bridge: Bridge) -> Bridge:
    """With a rule that listens for ends of deployments."""
    return with_rules(bridge, rule("tell", "Bridge.DeploymentEnded"))


def test_a_deployment_that_fails_in_azure_ml_fails_with_its_message_and_gets_no_traffic(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    look = begun(bridge, queues)
    deployments.end(ENDPOINT, NAME, "image not found")

    deploy_model(look, bridge)

    (row,) = decisions(queues)
    assert (row.payload or {})["why"] == ["image not found"]
    assert outcome(queues) == ("FAILED", "UNHEALTHY")
    assert not deployments.traffic


def test_no_traffic_moves_to_a_deployment_that_became_unhealthy_at_the_last_step(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    look = begun(bridge, queues)
    deployments.end(ENDPOINT, NAME)
    deployments.endpoints[ENDPOINT] = DeploymentState.WORKING
    deploy_model(look, bridge)
    deployments.endpoints[ENDPOINT] = DeploymentState.READY
    deployments.end(ENDPOINT, NAME, "probe failed")

    deploy_model(step(queues), bridge)

    assert outcome(queues) == ("FAILED", "UNHEALTHY")
    assert not deployments.traffic


def test_a_deployment_that_fails_after_its_traffic_was_moved_is_a_failure(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    look = begun(bridge, queues)
    deployments.end(ENDPOINT, NAME)
    deploy_model(look, bridge)
    deployments.end(ENDPOINT, NAME, "probe failed")

    deploy_model(step(queues), bridge)

    assert outcome(queues) == ("FAILED", "UNHEALTHY")


def test_a_failure_without_a_message_is_put_into_words(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    look = begun(bridge, queues)
    deployments.deployments[ENDPOINT, NAME].state = DeploymentState.FAILED

    deploy_model(look, bridge)

    assert "churn-4 failed in Azure ML" in put_aside(queues)[0].description


def test_while_the_endpoint_is_busy_the_traffic_waits(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    look = begun(bridge, queues)
    deployments.end(ENDPOINT, NAME)
    deployments.endpoints[ENDPOINT] = DeploymentState.WORKING

    deploy_model(look, bridge)

    look = step(queues)
    assert (look.step, look.moved) == (2, False)
    assert not deployments.traffic
    deployments.endpoints[ENDPOINT] = DeploymentState.READY
    deploy_model(look, bridge)
    assert deployments.traffic == {ENDPOINT: {NAME: 100}}


def test_two_models_at_one_endpoint_do_not_take_the_traffic_from_each_other_for_ever(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments, clock: MemoryClock
) -> None:
    looks = [begun(bridge, queues), begun(bridge, queues, replace(BEGIN, deployment="churn-5", model_version="5"))]
    for name in (NAME, "churn-5"):
        deployments.end(ENDPOINT, name)

    for _ in range(5):
        clock.advance(timedelta(minutes=5))
        for look in looks:
            deploy_model(look, bridge)
        looks = take(queues, Queue.RUN_CONTROL)

    assert not looks
    assert deployments.changes[2:] == [f"move_traffic {NAME}", "move_traffic churn-5"]
    assert deployments.traffic[ENDPOINT] == {"churn-5": 100}
    assert sorted((row.status, row.reason) for row in decisions(queues)) == [("DONE", None), ("FAILED", "TRAFFIC_LOST")]


def test_a_deployment_that_is_deleted_meanwhile_is_a_failure(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    look = begun(bridge, queues)
    deployments.deployments.clear()

    deploy_model(look, bridge)

    assert outcome(queues) == ("FAILED", "DEPLOYMENT_DELETED")
    assert deployments.changes == [f"begin {NAME}"], "whoever deleted it meant it"


@pytest.mark.parametrize(
    ("command", "code"), [(replace(BEGIN, endpoint="absent"), "UNKNOWN_ENDPOINT"), (BEGIN, "NOT_FOUND")]
)
def test_what_azure_ml_refuses_is_a_failure(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments, command: Deploy, code: str
) -> None:
    deployments.models = frozenset()

    deploy_model(command, bridge)

    assert outcome(queues) == ("FAILED", code)
    assert [letter.queue for letter in put_aside(queues)] == ["run-control"]


@pytest.mark.parametrize("at_step", [0, 1])
def test_a_step_that_azure_ml_does_not_answer_is_tried_again(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments, clock: MemoryClock, at_step: int
) -> None:
    command = begun(bridge, queues) if at_step else BEGIN
    deployments.failures.append(Throttled(retry_after=timedelta(minutes=3)))

    deploy_model(command, bridge)

    (sent,) = queues.sent[Queue.RUN_CONTROL]
    assert sent.body == replace(command, try_=1)
    assert sent.due == clock.now() + timedelta(minutes=3)


def test_a_step_that_was_answered_at_last_begins_to_count_its_tries_anew(
    bridge: Bridge, queues: MemoryQueues, clock: MemoryClock
) -> None:
    look = begun(bridge, queues)
    clock.advance(timedelta(minutes=1))

    deploy_model(replace(look, try_=2), bridge)

    assert (step(queues).try_, look.try_) == (0, 0)


@pytest.mark.parametrize("error", [ServiceUnavailable("no answer"), AccessDenied("no role", code="ACCESS_DENIED")])
def test_a_step_that_is_given_up_ends_the_deployment_for_the_rules_too(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments, error: Exception
) -> None:
    look = begun(bridge, queues)
    deployments.failures.append(error)

    deploy_model(replace(look, try_=2), bridge)

    code = "GAVE_UP" if isinstance(error, ServiceUnavailable) else "ACCESS_DENIED"
    (letter,) = put_aside(queues)
    assert letter.reason == code
    assert outcome(queues) == ("FAILED", code)


def test_when_the_queue_is_away_the_broker_keeps_the_step(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    queues.failures += [ServiceUnavailable()] * 2

    with pytest.raises(ServiceUnavailable):
        deploy_model(BEGIN, bridge)

    assert not any(queues.sent.values())
    assert begun(bridge, queues).step == 1
    assert deployments.changes == [f"begin {NAME}"]


# dead letters


def dead(command: Deploy, bridge: Bridge) -> None:
    handlers.dead(message(bodies.write(command), application_properties={}), Queue.RUN_CONTROL, bridge)


def test_a_step_that_the_broker_gave_up_is_followed_by_the_next_one(
    bridge: Bridge, queues: MemoryQueues, clock: MemoryClock
) -> None:
    look = begun(bridge, queues)
    clock.advance(timedelta(minutes=1))

    dead(look, bridge)

    assert [letter.queue for letter in put_aside(queues)] == ["run-control"]
    assert step(queues).step == 2


def test_a_begin_that_the_broker_gave_up_is_put_aside(bridge: Bridge, queues: MemoryQueues) -> None:
    """Whether there is anything to follow is not known; a replay begins anew."""
    dead(BEGIN, bridge)

    assert len(put_aside(queues)) == 1
    assert outcome(queues) == ("FAILED", "DEAD_LETTERED")


@pytest.mark.parametrize("moved", [False, True])
def test_a_replayed_deployment_begins_anew(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock, moved: bool
) -> None:
    dead(replace(BEGIN, step=4, try_=2, begun_at=clock.now(), moved=moved), bridge)
    take(queues, Queue.RUN_CONTROL)
    (letter,) = put_aside(queues)
    ledger.write(Records(dead_letters=(letter,)))

    replay_dead_letters([ReplayRequest(dead_letter_id=letter.dead_letter_id, caller=KEY)], read_letter, bridge)

    again = step(queues)
    assert again == replace(BEGIN, attempt=2, replay=again.replay)
    assert again.replay


def test_an_end_after_a_replay_is_told_anew(
    bridge: Bridge, queues: MemoryQueues, deployments: MemoryDeployments
) -> None:
    ids = set()
    for attempt in (1, 2):
        deployments.failures.append(PermanentError("no", code="REFUSED"))
        deploy_model(replace(BEGIN, attempt=attempt), bridge)
        ids.add(ended(queues).id)

    assert len(ids) == 2
    assert len({row.decision_id for row in decisions(queues)}) == 2


def test_every_step_and_try_has_a_message_id_of_its_own() -> None:
    commands: list[Any] = [BEGIN, replace(BEGIN, step=1), replace(BEGIN, try_=1), replace(BEGIN, attempt=2)]

    assert len({command.message_id for command in commands}) == 4


def test_a_step_that_comes_late_goes_on_with_the_next_one_that_is_still_ahead(
    bridge: Bridge, queues: MemoryQueues, clock: MemoryClock
) -> None:
    look = begun(bridge, queues)
    clock.advance(timedelta(minutes=40))

    deploy_model(look, bridge)

    (sent,) = queues.sent[Queue.RUN_CONTROL]
    assert sent.due == clock.now() + timedelta(minutes=5)
    assert step(queues).step == LOOKS.index(45) + 1
