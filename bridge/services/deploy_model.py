"""Brings a model to an endpoint, which takes many minutes: begin, look until it is ready, then move the traffic."""

import logging
from dataclasses import replace
from datetime import UTC, timedelta

from bridge.domain.actions import Deploy
from bridge.domain.deployments import Deployment, DeploymentRequest, DeploymentState
from bridge.domain.errors import PermanentError, RetryableError
from bridge.domain.inputs import shown
from bridge.domain.records import DeadLetter
from bridge.domain.tags import CORRELATION_ID, RULE_CHAIN
from bridge.ports import Bridge
from bridge.services.bridge_events import tell_deployment
from bridge.services.settle_action import GAVE_UP, died, done, failed, send, try_later

log = logging.getLogger(__name__)
#: Minutes after the deployment was begun; every half hour from there on.
LOOKS = (1, 2, 4, 7, 10, 15, 20, 30, 45, 60)
#: AML itself gives up earlier.
LAST_AFTER = timedelta(hours=4)
TIMED_OUT = "TIMED_OUT"
UNHEALTHY = "UNHEALTHY"
CONFLICT = "CONFLICT"
SUPERSEDED = "SUPERSEDED"
TRAFFIC_LOST = "TRAFFIC_LOST"
ENDPOINT_FAILED = "ENDPOINT_FAILED"
UNKNOWN_WORKSPACE = "UNKNOWN_WORKSPACE"
#: Tag of a deployment: when it was asked for, as text that sorts like the time.
ASKED_AT = "bridge_asked_at"


def deploy_model(command: Deploy, bridge: Bridge) -> None:
    """Take the next step.

    Raises: RetryableError only when the queues themselves fail, so that the broker delivers again.
    """
    if command.workspace not in bridge.workspaces:  # connections are kept by workspace: not for any name in a message
        message = f"workspace {shown(command.workspace)} is not among the settings' workspaces"
        _fail(command, UNKNOWN_WORKSPACE, message, bridge)
        return
    try:
        found = bridge.reactions.deployments.get(command.workspace, command.endpoint, command.deployment)
        if found is not None and found.model is not None and found.model != _model(command):
            _fail(command, CONFLICT, f"deployment {found.name} has another model, {found.model}", bridge)
        elif command.step == 0:
            _begin(command, found, bridge)
        else:
            _look(command, found, bridge)
    except RetryableError as error:
        if bridge.retry.gives_up(command.try_, error):
            _fail(command, GAVE_UP, f"given up after {command.try_ + 1} tries; the last answer: {error}", bridge)
        else:
            try_later(command, error, bridge)
    except PermanentError as error:
        log.warning("%s: %s", command.message_id, error)
        _fail(command, error.code, str(error), bridge)


def follow_on(command: Deploy, letter: DeadLetter, bridge: Bridge) -> None:
    """Go on with the step after one that the broker gave up on; without the first there is nothing to go on with."""
    if command.begun_at is not None:
        _look_again(command, bridge)
    else:
        tell_deployment(command, 0, letter.description or letter.reason, bridge)
        died(command, letter, bridge)


def _begin(command: Deploy, found: Deployment | None, bridge: Bridge) -> None:
    """What failed earlier is made anew; what is there or under way is only followed."""
    if found is None or found.state is DeploymentState.FAILED:
        bridge.reactions.deployments.begin(_request(command))
    begun = replace(command, begun_at=bridge.clock.now())
    if found is not None and found.state is DeploymentState.READY:
        _look(begun, found, bridge)
    else:
        _look_again(begun, bridge)


def _look(command: Deploy, found: Deployment | None, bridge: Bridge) -> None:
    """Traffic moves in the last step, and only to a deployment that is healthy at that moment."""
    if found is None:
        _fail(command, "DEPLOYMENT_DELETED", f"deployment {command.deployment} is not there any more", bridge)
    elif found.state is DeploymentState.FAILED:
        _fail(command, UNHEALTHY, found.error_message or f"deployment {found.name} failed in Azure ML", bridge)
    elif found.state is not DeploymentState.READY:
        _look_again(command, bridge)
    elif found.traffic >= command.traffic:
        _finish(command, found, bridge)
    elif found.endpoint_state is DeploymentState.FAILED:
        _fail(command, ENDPOINT_FAILED, f"endpoint {command.endpoint} is in a failed state: no traffic moves", bridge)
    elif found.endpoint_state is not DeploymentState.READY:
        _look_again(command, bridge)
    elif command.moved:  # somebody has changed it since: to take it back would never end
        _settle(command, found, bridge)
    else:
        _move_traffic(command, bridge)


def _settle(command: Deploy, found: Deployment, bridge: Bridge) -> None:
    """The traffic was moved, and is not what was asked for: some is a success, none is not."""
    if found.traffic > 0:
        _finish(command, found, bridge)
    elif not _is_superseded(command, bridge):
        _fail(command, TRAFFIC_LOST, f"the traffic of {command.endpoint} was moved, and moved away again", bridge)


def _move_traffic(command: Deploy, bridge: Bridge) -> None:
    if _is_superseded(command, bridge):
        return
    deployments = bridge.reactions.deployments
    deployments.move_traffic(command.workspace, command.endpoint, command.deployment, command.traffic)
    _look_again(replace(command, moved=True), bridge)


def _is_superseded(command: Deploy, bridge: Bridge) -> bool:
    """Whether a model of a later event has the traffic: deployments need not be ready in the order of their events."""
    mine = _asked_at(command)
    later = [
        other.name
        for other in bridge.reactions.deployments.serving(command.workspace, command.endpoint)
        if other.name != command.deployment and other.tags.get(ASKED_AT, "") > mine
    ]
    if later:
        message = f"{later[0]}, of a later event, has the traffic of {command.endpoint} already"
        _fail(command, SUPERSEDED, message, bridge)
    return bool(later)


def _look_again(command: Deploy, bridge: Bridge) -> None:
    begun = command.begun_at or bridge.clock.now()
    step, due = command.step, begun
    while due <= bridge.clock.now():
        step += 1
        minutes = LOOKS[step - 1] if step <= len(LOOKS) else LOOKS[-1] + 30 * (step - len(LOOKS))
        due = begun + timedelta(minutes=minutes)
    if due > begun + LAST_AFTER:
        _fail(command, TIMED_OUT, f"deployment {command.deployment} was not ready after {LAST_AFTER}", bridge)
        return
    send(replace(command, step=step, begun_at=begun, try_=0), bridge, due=due)


def _finish(command: Deploy, found: Deployment, bridge: Bridge) -> None:
    payload = {
        "message": f"{_model(command)} has {found.traffic} % of {command.endpoint} as {command.deployment}",
        "endpoint": command.endpoint,
        "deployment": command.deployment,
        "model": _model(command),
        "traffic": found.traffic,
    }
    tell_deployment(command, found.traffic, None, bridge)
    done(command, payload, bridge)


def _fail(command: Deploy, code: str, message: str, bridge: Bridge) -> None:
    tell_deployment(command, 0, message, bridge)
    failed(command, code, message, bridge)


def _model(command: Deploy) -> str:
    return f"{command.model_name}:{command.model_version}"


def _asked_at(command: Deploy) -> str:
    return command.asked_at.astimezone(UTC).isoformat(timespec="microseconds") if command.asked_at else ""


def _request(command: Deploy) -> DeploymentRequest:
    why = command.occasion
    tags = {
        "bridge_rule": why.rule,
        ASKED_AT: _asked_at(command),
        CORRELATION_ID: why.correlation_id[:256],
        RULE_CHAIN: ",".join(why.rule_chain)[:256],
    }
    return DeploymentRequest(
        workspace=command.workspace,
        endpoint=command.endpoint,
        name=command.deployment,
        model_name=command.model_name,
        model_version=command.model_version,
        instance_type=command.instance_type,
        instance_count=command.instance_count,
        environment=command.environment,
        tags={name: value for name, value in tags.items() if value},
    )
