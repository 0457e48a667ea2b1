"""Delivery to a webhook, as the Functions host offers one for its Event Grid trigger."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.messaging import CloudEvent

from tests.emulators.eventgrid_service import EventGridService
from tests.emulators.receiver import Receiver


@pytest.fixture
def service(tmp_path: Path) -> Iterator[EventGridService]:
    with Receiver() as receiver, EventGridService(tmp_path, receiver) as service:
        yield service


def kinds(service: EventGridService) -> list[str]:
    return [received.headers["aeg-event-type"] for received in service.receiver.received]


def test_the_endpoint_is_validated_once_before_the_first_event(service: EventGridService) -> None:
    service.publish("a", "b", topic="hook")
    service.wait_for("hook", delivered=2)
    validation, first, second = service.receiver.received

    assert kinds(service) == ["SubscriptionValidation", "Notification", "Notification"]
    assert validation.body[0]["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
    assert (first.path, first.query) == ("/runtime/webhooks/EventGrid", "functionName=ingest&code=K")
    assert [body[0]["subject"] for body in (first.body, second.body)] == ["a", "b"]
    assert first.headers["bridge_door"] == "hook"


def test_without_the_right_echo_nothing_is_delivered(service: EventGridService) -> None:
    service.receiver.echoes = False
    service.publish("a", topic="hook")
    service.wait_for_attempts(1)
    service.receiver.echoes = True
    service.tell("/clock", advance_seconds=10)
    service.wait_for("hook", delivered=1)

    assert kinds(service) == ["SubscriptionValidation", "SubscriptionValidation", "Notification"]


def test_a_cloud_event_is_sent_as_one_object(service: EventGridService) -> None:
    with service.publisher("hook") as client:
        client.send(CloudEvent(source="/x", type="t", data={"a": 1}))
    service.wait_for("hook", delivered=1)
    notification = service.receiver.received[-1]

    assert notification.headers["content-type"].startswith("application/cloudevents+json")
    assert notification.body["type"] == "t"


@pytest.mark.parametrize(("status", "is_final"), [(401, True), (400, True), (404, False), (500, False)])
def test_a_webhook_is_given_up_on_sooner_than_a_queue(service: EventGridService, status: int, is_final: bool) -> None:
    service.publish("first", topic="hook")  # the handshake comes before it and takes no answer
    service.wait_for("hook", delivered=1)
    service.receiver.answers = [status]
    service.publish("second", topic="hook")
    service.wait_for("hook", dead=int(is_final), pending=int(not is_final), accepted=2)
    service.wait_for_attempts(3)

    assert len(service.ask("/dead-letters")) == int(is_final)
