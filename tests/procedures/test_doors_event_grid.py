"""Events that a procedure publishes, taken by the emulated topic and delivered by it."""

import json
from collections.abc import Callable, Iterator

import pytest

from bridge.procedures.doors import EventGridDoor, EventGridKey, publish_event
from tests.emulators.eventgrid_service import KEY, EventGridService
from tests.emulators.receiver import Receiver
from tests.procedures.conftest import Secrets
from tests.procedures.playback import Answer, Playback

Failing = Callable[[Callable[[], object]], str]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventGridService]:
    with Receiver() as receiver, EventGridService(tmp_path_factory.mktemp("eventgrid"), receiver) as service:
        yield service


@pytest.fixture
def service(running: EventGridService, secrets: Secrets) -> EventGridService:
    running.begin()
    secrets.texts["topic_key"] = KEY
    return running


def door(service: EventGridService, topic: str = "custom") -> EventGridDoor:
    return EventGridDoor(f"http://127.0.0.1:{service.port}/topics/{topic}/api/events", EventGridKey("topic_key"))


def test_an_event_is_delivered_as_it_was_published(service: EventGridService) -> None:
    answer = publish_event(door(service), "Bridge.SubmitRun", "train", '{"pipeline": "train"}', "e-1")

    assert answer == {
        "status": "PUBLISHED",
        "event_id": "e-1",
        "event_type": "Bridge.SubmitRun",
        "subject": "train",
    }
    service.wait_for(delivered=1)
    (body,) = service.receiver.bodies()
    assert (body["id"], body["eventType"], body["subject"], body["data"]) == (
        "e-1",
        "Bridge.SubmitRun",
        "train",
        {"pipeline": "train"},
    )


def test_an_event_published_after_trouble_keeps_its_id(playback: Playback) -> None:
    playback.plays(Answer(503), Answer(429, headers={"Retry-After": "60"}), Answer(200))

    answer = publish_event(EventGridDoor(playback.url, EventGridKey("door_key")), "t", "s", None)

    assert [sent.json()[0]["id"] for sent in playback.received] == [answer["event_id"]] * 3
    assert playback.received[0].path.endswith("?api-version=2018-01-01")


def test_a_wrong_key_names_the_secret(service: EventGridService, secrets: Secrets, failing: Failing) -> None:
    secrets.texts["topic_key"] = "wrong"

    text = failing(lambda: publish_event(door(service), "t", "s", "{}", "e-1"))

    assert "answered 401" in text
    assert "'topic_key'" in text
    assert "'e-1'" in text


def test_a_missing_topic_is_told(service: EventGridService, failing: Failing) -> None:
    assert "answered 404" in failing(lambda: publish_event(door(service, "nowhere"), "t", "s", "{}"))


def test_an_event_of_a_megabyte_is_taken_and_a_larger_one_refused(service: EventGridService) -> None:
    publish_event(door(service), "t", "s", json.dumps("x" * (1024 * 1024 - 300)))
    service.wait_for(delivered=1)  # or it would come in the middle of the next test

    with pytest.raises(ValueError, match="bytes"):
        publish_event(door(service), "t", "s", json.dumps("x" * 1024 * 1024))
    assert service.ask("/deliveries")["custom"]["accepted"] == 1


@pytest.mark.parametrize(("event_type", "subject"), [(None, "s"), ("t", None), ("", "s"), ("t", "")])
def test_an_event_needs_type_and_subject(
    service: EventGridService, event_type: str | None, subject: str | None
) -> None:
    with pytest.raises(ValueError, match="event_type and a subject"):
        publish_event(door(service), event_type, subject, "{}")
