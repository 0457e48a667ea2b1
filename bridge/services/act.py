"""Carries out what rules asked for: notifications, events, Data Factory. Deployments have a file of their own."""

import logging
from collections.abc import Mapping
from typing import Any

from bridge.domain.actions import Notify, Publish, RunDataFactory
from bridge.domain.errors import PermanentError, RetryableError
from bridge.ports import Bridge
from bridge.services.settle_action import done, failed, try_later

log = logging.getLogger(__name__)


def act(command: Notify | Publish | RunDataFactory, bridge: Bridge) -> None:
    """Do it once more or for the first time: whoever receives it can tell by its id, which never changes.

    Raises: RetryableError only when the queues themselves fail, so that the broker delivers again.
    """
    try:
        outcome = _carry_out(command, bridge)
    except RetryableError as error:
        try_later(command, error, bridge)
    except PermanentError as error:
        log.warning("%s: %s", command.message_id, error)
        failed(command, error.code, str(error), bridge)
    else:
        done(command, outcome, bridge)


def _carry_out(command: Notify | Publish | RunDataFactory, bridge: Bridge) -> Mapping[str, Any]:
    """What there is to say of it afterwards."""
    if isinstance(command, Notify):
        bridge.reactions.notifier.send(command, at=bridge.clock.now())
        return {"channel": command.channel, "title": command.title}
    if isinstance(command, RunDataFactory):
        run_id = bridge.reactions.factories.start(command)
        return {"factory": command.factory, "pipeline": command.pipeline, "data_factory_run_id": run_id}
    return _publish(command, bridge)


def _publish(command: Publish, bridge: Bridge) -> Mapping[str, Any]:
    endpoint = _endpoint(command.topic, bridge, is_own=command.occasion is None)
    if endpoint is None:
        message = f"topic {command.topic or '(default)'} is not among the settings any more"
        raise PermanentError(message, code="UNKNOWN_TOPIC")
    bridge.outbound.publisher.publish(endpoint, command.events)
    return {"topic": command.topic, "event_ids": [event.event_id for event in command.events]}


def _endpoint(topic: str | None, bridge: Bridge, *, is_own: bool) -> str | None:
    if is_own:
        return bridge.reactions.events_topic
    name = topic or bridge.outbound.default_topic
    return bridge.outbound.topics.get(name) if name else None
