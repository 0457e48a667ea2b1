"""Delivery to Service Bus queues: what arrives, when it is tried again, and what can be made to go wrong."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulators.eventgrid_service import BUS_KEY, EventGridService, signed_resource
from tests.emulators.receiver import Receiver


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventGridService]:
    directory: Path = tmp_path_factory.mktemp("eventgrid")
    with Receiver() as receiver, EventGridService(directory, receiver) as service:
        yield service


@pytest.fixture
def service(running: EventGridService) -> EventGridService:
    running.begin()
    return running


def subjects(service: EventGridService) -> list[str]:
    return [body["subject"] for body in service.receiver.bodies()]


def test_each_event_becomes_one_message_of_the_queue(service: EventGridService) -> None:
    service.publish("a", "b")
    counts = service.wait_for(delivered=2)

    assert counts == {"accepted": 2, "delivered": 2, "dropped": 0, "failed": 0, "dead": 0, "pending": 0}
    assert {received.path for received in service.receiver.received} == {"/inbound-events/messages"}
    assert subjects(service) == ["a", "b"]


def test_a_message_is_signed_and_says_which_door_it_came_through(service: EventGridService) -> None:
    service.publish("s", topic="snowflake", key="other-key")
    service.wait_for("snowflake", delivered=1)
    headers = service.receiver.received[0].headers

    assert signed_resource(headers["authorization"], BUS_KEY) == f"{service.receiver.url}/inbound-events"
    assert headers["bridge_door"] == '"snowflake"'
    assert headers["aeg-event-type"] == '"Notification"'
    assert list(json.loads(headers["brokerproperties"])) == ["MessageId"]


def test_the_workspaces_events_are_delivered_as_they_came(service: EventGridService) -> None:
    event = {
        "id": "1",
        "topic": "/subscriptions/s/workspaces/ws1",
        "subject": "experiments/e/runs/r-1",
        "eventType": "Microsoft.MachineLearningServices.RunStatusChanged",
        "eventTime": "2026-11-20T10:00:00Z",
        "data": {"runId": "r-1", "runStatus": "Running"},
        "dataVersion": "",
        "metadataVersion": "1",
    }
    assert service.http.post("/workspace-events", json=[event]).status_code == 200
    service.wait_for("workspace", delivered=1)

    assert service.receiver.bodies() == [event]
    assert service.receiver.received[0].headers["bridge_door"] == '"workspace"'


def test_a_failed_delivery_is_tried_again_by_the_schedule(service: EventGridService) -> None:
    service.receiver.answers = [503, 500, 404]
    service.publish("s")
    for attempt, seconds in enumerate((10, 30, 60), start=1):
        service.wait_for(failed=attempt)
        service.tell("/clock", advance_seconds=seconds)
    service.wait_for(delivered=1, pending=0)

    attempts = service.receiver.received
    assert [json.loads(attempt.headers["aeg-delivery-count"]) for attempt in attempts] == ["0", "1", "2", "3"]
    assert len({attempt.headers["brokerproperties"] for attempt in attempts}) == 1


def test_an_event_waits_for_a_queue_that_is_away(service: EventGridService, tmp_path: Path) -> None:
    with Receiver() as gone:
        pass
    with EventGridService(tmp_path, gone) as other:
        other.publish("s")
        assert other.wait_for(failed=1)["pending"] == 1
        with Receiver(gone.port) as back:
            other.tell("/clock", advance_seconds=10)
            other.wait_for(delivered=1)
            assert [body["subject"] for body in back.bodies()] == ["s"]


@pytest.mark.parametrize(("status", "outcome"), [(400, "BadRequest"), (403, "Forbidden"), (413, "PayloadTooLarge")])
def test_what_a_queue_refuses_for_good_is_a_dead_letter_at_once(
    service: EventGridService, status: int, outcome: str
) -> None:
    service.receiver.answers = [status]
    service.publish("s")
    service.wait_for(dead=1, pending=0)
    (dead,) = service.ask("/dead-letters")

    assert (dead["door"], dead["event"]["subject"]) == ("custom", "s")
    assert (dead["lastDeliveryOutcome"], dead["deliveryAttempts"]) == (outcome, 1)


def test_an_unauthorized_delivery_to_a_queue_is_tried_again(service: EventGridService) -> None:
    service.receiver.answers = [401]
    service.publish("s")
    service.wait_for(failed=1)
    service.tell("/clock", advance_seconds=10)

    service.wait_for(delivered=1)


def test_after_the_last_attempt_an_event_is_a_dead_letter(service: EventGridService) -> None:
    service.receiver.answers = [503, 503]
    service.publish("s", topic="brief")
    service.wait_for("brief", failed=1)
    service.tell("/clock", advance_seconds=10)
    service.wait_for("brief", dead=1)

    (dead,) = service.ask("/dead-letters")
    assert (dead["deadLetterReason"], dead["lastDeliveryOutcome"]) == ("MaxDeliveryAttemptsExceeded", "Busy")


def test_an_event_expires_while_it_waits(service: EventGridService) -> None:
    service.receiver.answers = [503]
    service.publish("s", topic="brief")
    service.wait_for("brief", failed=1)
    service.tell("/clock", advance_seconds=300)
    service.wait_for("brief", dead=1)

    assert service.ask("/dead-letters")[0]["deadLetterReason"] == "TimeToLiveExceeded"
    assert len(service.receiver.received) == 1


def test_an_event_can_be_taken_and_never_delivered(service: EventGridService) -> None:
    fault = service.fault("drop", match={"subject": "b", "door": "custom"})
    service.publish("a", "b", "c")

    assert service.wait_for(delivered=2)["dropped"] == 1
    assert (subjects(service), service.struck(fault)) == (["a", "c"], 1)


def test_an_event_can_come_twice_with_one_message_id(service: EventGridService) -> None:
    service.fault("duplicate", match={"event_type": "Bridge.Test"})
    service.publish("a")
    service.wait_for(delivered=2)

    first, second = service.receiver.received
    assert first.body == second.body
    assert first.headers["brokerproperties"] == second.headers["brokerproperties"]


def test_an_event_can_arrive_after_the_next_one(service: EventGridService) -> None:
    service.fault("reorder", match={"subject": "a"})
    service.publish("a", "b", "c")
    service.wait_for(delivered=3)

    assert subjects(service) == ["b", "a", "c"]


def test_an_event_that_is_held_back_waits_for_another_of_its_door(service: EventGridService) -> None:
    service.fault("reorder")
    service.publish("a")
    service.publish("x", topic="snowflake", key="other-key")
    service.wait_for("snowflake", delivered=1)
    assert service.ask("/deliveries")["custom"]["pending"] == 1

    service.publish("b")
    service.wait_for(delivered=2)
    assert subjects(service) == ["x", "b", "a"]


def test_an_event_that_nothing_follows_is_held_back_for_a_minute(service: EventGridService) -> None:
    service.fault("reorder")
    service.publish("a")
    assert service.ask("/deliveries")["custom"]["pending"] == 1

    service.tell("/clock", advance_seconds=60)
    service.wait_for(delivered=1, pending=0)
    service.publish("b")
    service.wait_for(delivered=2, pending=0)
    assert subjects(service) == ["a", "b"]


def test_an_event_can_be_delayed_until_the_clock_says_so(service: EventGridService) -> None:
    service.fault("delay", match={"subject": "a"}, seconds=3600)
    service.publish("a", "b")
    service.wait_for(delivered=1, pending=1)
    service.tell("/clock", advance_seconds=3600)
    service.wait_for(delivered=2)

    assert subjects(service) == ["b", "a"]


def test_a_reset_forgets_what_was_under_way(service: EventGridService) -> None:
    service.receiver.answers = [503]
    service.publish("a")
    service.wait_for_attempts(1)
    service.tell("/reset")
    service.tell("/clock", advance_seconds=10)
    service.publish("b")
    service.wait_for(accepted=1, delivered=1, pending=0)

    assert subjects(service) == ["a", "b"]


def test_a_reset_waits_for_what_is_on_its_way(service: EventGridService) -> None:
    """Who empties the queue next would otherwise find an event in it afterwards."""
    was_reset, early = threading.Event(), []
    service.receiver.before_answer = lambda: early.append(was_reset.wait(0.5))
    service.publish("a")
    service.wait_for_attempts(1)
    service.tell("/reset")
    was_reset.set()

    assert early == [False], "the reset ended after the attempt"
