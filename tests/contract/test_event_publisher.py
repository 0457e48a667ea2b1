"""What the services may expect of an EventPublisher, in memory and through azure-eventgrid on the emulator alike."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridge.adapters.eventgrid import EventGridTopics
from bridge.adapters.memory import LARGEST_EVENT, MemoryTopics
from bridge.domain.errors import AccessDenied, PermanentError, RetryableError, ServiceUnavailable
from bridge.domain.outgoing import OutgoingEvent
from bridge.local.endpoints import TOPIC_KEY
from bridge.local.stack import Stack
from bridge.payloads.outgoing import write_event
from bridge.ports import EventPublisher
from tests.eventually import eventually

#: A publisher, the topic, and what arrived by it, (id, type, subject, data), once there are as many as wanted.
Arrived = Callable[[int], list[tuple[str, str, str, Any]]]
Published = tuple[EventPublisher, str, Arrived]


@pytest.fixture(params=["memory", "azure-eventgrid"])
def published(request: pytest.FixtureRequest) -> Iterator[Published]:
    if request.param == "memory":
        topics = MemoryTopics()
        yield topics, "topic", lambda _: [parts(event) for event in topics.published.get("topic", [])]
        return
    stack: Stack = request.getfixturevalue("emulators")
    forget(stack)
    real = topics_of(stack)
    yield real, topic_of(stack), lambda count: delivered(stack, count)
    real.close()


def parts(event: OutgoingEvent) -> tuple[str, str, str, Any]:
    return event.event_id, event.event_type, event.subject, event.data


def topic_of(stack: Stack, name: str = "custom") -> str:
    return str(stack.endpoints["event_grid"]["topic_endpoint"]).replace("/custom/", f"/{name}/")


def topics_of(stack: Stack, key: str = TOPIC_KEY) -> EventGridTopics:
    def no_credential() -> Any:
        raise AssertionError("a topic with a key needs no credential")

    keys = {topic_of(stack): key, topic_of(stack, "no-such-topic"): key}
    return EventGridTopics(keys=keys, credential=no_credential)


def forget(stack: Stack) -> None:
    """Of all that send into the queue, from the first: jobs of other tests may still tell of themselves."""
    stack.call("azure_ml", "POST", "/reset", {})
    stack.call("event_grid", "POST", "/reset", {})
    stack.call("service_bus", "POST", "/reset", {})


def delivered(stack: Stack, count: int) -> list[tuple[str, str, str, Any]]:
    """As the subscription of the topic put them into the queue."""
    counts: dict[str, Any] = {}

    def all_there() -> bool:
        counts.update(stack.call("event_grid", "GET", "/deliveries")["custom"])
        return int(counts["delivered"]) >= count

    eventually(all_there, 30, what=lambda: f"{counts}, not {count}")
    messages = stack.call("service_bus", "GET", "/queues/inbound-events/messages?top=5000")
    assert {message["application_properties"]["bridge_door"] for message in messages} <= {"custom"}
    bodies = [json.loads(message["body"]) for message in messages]
    return [
        (body["id"], body.get("type") or body["eventType"], body.get("subject", ""), body["data"]) for body in bodies
    ]


def event(number: int = 0, data: Any = None, source: str | None = None) -> OutgoingEvent:
    return OutgoingEvent(
        event_id=f"e{number}",
        event_type="Team.Done",
        subject=f"tables/{number}",
        data={"number": number} if data is None else data,
        occurred_at=datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
        source=source,
    )


def each_time(number: int) -> datetime:
    return datetime(2026, 11, 20, 10, 0, 0, number, tzinfo=ZoneInfo("Asia/Kolkata"))


def test_an_event_arrives_as_it_was_published(published: Published) -> None:
    topics, topic, arrived = published

    topics.publish(topic, [event(1)])

    assert arrived(1) == [("e1", "Team.Done", "tables/1", {"number": 1})]


@pytest.mark.parametrize(
    "data",
    [0, False, "", "text", [], {}, [None, 1], {"é": "漢", "none": None, "deep": {"a": [True, 0.1]}}, 10**38],
    ids=repr,
)
@pytest.mark.parametrize("source", [None, "/bridge/laptop"])
def test_any_json_value_arrives_unchanged(published: Published, data: Any, source: str | None) -> None:
    topics, topic, arrived = published

    topics.publish(topic, [event(1, data, source), replace(event(2, source=source), data=None)])

    first, second = arrived(2)
    assert (first[3], type(first[3])) == (data, type(data))
    assert second[3] is None


def test_a_fraction_arrives_as_a_number(published: Published) -> None:
    topics, topic, arrived = published

    topics.publish(topic, [event(1, {"x": Decimal("0.1"), "list": [Decimal("2.50")]})])

    assert [float(value) for value in (arrived(1)[0][3]["x"], arrived(1)[0][3]["list"][0])] == [0.1, 2.5]


def test_a_repeated_event_keeps_its_id(published: Published) -> None:
    topics, topic, arrived = published

    topics.publish(topic, [event(1)])
    topics.publish(topic, [event(1)])

    assert [found[0] for found in arrived(2)] == ["e1", "e1"]


def test_more_than_one_request_takes_are_all_published_in_order(published: Published) -> None:
    topics, topic, arrived = published
    events = [event(number, "x" * 120_000) for number in range(20)]

    topics.publish(topic, events)

    assert [found[0] for found in arrived(20)] == [each.event_id for each in events]


def test_cloud_events_and_others_arrive_in_their_order(published: Published) -> None:
    topics, topic, arrived = published
    events = [event(number, number, "/bridge/laptop" if number % 3 else None) for number in range(7)]

    topics.publish(topic, events)

    assert arrived(7) == [parts(each) for each in events]


def test_an_event_with_and_one_without_a_subject_arrive(published: Published) -> None:
    topics, topic, arrived = published
    with_subject = event(1, 1, "/bridge/laptop")

    topics.publish(topic, [with_subject, replace(with_subject, event_id="e2", subject="")])

    assert [found[2] for found in arrived(2)] == ["tables/1", ""]
    assert "subject" not in write_event(replace(with_subject, subject=""))


def test_a_cloud_event_that_no_request_takes_is_refused(published: Published) -> None:
    topics, topic, arrived = published

    with pytest.raises(PermanentError) as caught:
        topics.publish(topic, [event(1, source="/b"), event(2, "x" * LARGEST_EVENT, "/b")])

    assert caught.value.code == "TOO_LARGE"
    assert arrived(0) == []


def test_no_events_are_no_request(published: Published) -> None:
    topics, topic, arrived = published

    topics.publish(topic, [])

    assert arrived(0) == []


def test_an_event_that_no_request_takes_is_refused_before_any_is_published(published: Published) -> None:
    topics, topic, arrived = published
    large = [1] * 340_000  # 680 kB, were it not for the spaces that the SDK writes

    with pytest.raises(PermanentError) as caught:
        topics.publish(topic, [event(1), event(2, large)])

    assert caught.value.code == "TOO_LARGE"
    assert topics.size(event(1)) < 300 < LARGEST_EVENT < topics.size(event(2, large))
    assert arrived(0) == []


class TestTroubles:
    """Only the real one can have them."""

    @pytest.fixture
    def real(self, emulators: Stack) -> Iterator[EventGridTopics]:
        forget(emulators)
        topics = topics_of(emulators)
        yield topics
        topics.close()

    def test_a_cloud_event_is_one(self, real: EventGridTopics, emulators: Stack) -> None:
        real.publish(topic_of(emulators), [event(1, {"half": Decimal("0.5")}, "/bridge/laptop")])

        eventually(lambda: emulators.call("event_grid", "GET", "/deliveries")["custom"]["delivered"])
        (message,) = emulators.call("service_bus", "GET", "/queues/inbound-events/messages?top=10")
        assert json.loads(message["body"]) == {
            "specversion": "1.0",
            "id": "e1",
            "source": "/bridge/laptop",
            "type": "Team.Done",
            "subject": "tables/1",
            "time": "2026-11-20T10:00:00.000Z",
            "data": {"half": 0.5},
        }

    def test_what_is_said_of_a_call_is_no_warning_of_its_events(
        self, real: EventGridTopics, emulators: Stack, caplog: pytest.LogCaptureFixture
    ) -> None:
        real.publish(topic_of(emulators), [event(1, source="/bridge/laptop")])

        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]

    @pytest.mark.parametrize("source", [None, "/bridge/laptop"])
    def test_an_event_takes_no_more_of_a_request_than_it_is_counted_for(
        self, real: EventGridTopics, emulators: Stack, caplog: pytest.LogCaptureFixture, source: str | None
    ) -> None:
        some = [
            replace(event(each, {"text": "ü", "list": [1, 2]}, source), occurred_at=each_time(each))
            for each in range(3)
        ]

        with caplog.at_level(logging.INFO, "azure.core.pipeline.policies.http_logging_policy"):
            real.publish(topic_of(emulators), some)

        (length,) = re.findall(r"'Content-Length': '(\d+)'", caplog.text)
        counted = sum(real.size(each) for each in some)
        assert counted - 30 < int(length) <= counted

    def test_a_topic_that_is_away_is_an_error_soon_and_then_works(
        self, real: EventGridTopics, emulators: Stack
    ) -> None:
        emulators.outage("event_grid", down=True)
        try:
            with pytest.raises(ServiceUnavailable, match="could not be reached"):
                real.publish(topic_of(emulators), [event(1)])
        finally:
            emulators.outage("event_grid", down=False)

        real.publish(topic_of(emulators), [event(2)])
        assert [found[0] for found in delivered(emulators, 1)] == ["e2"]

    def test_a_wrong_key_is_told_with_what_is_needed(self, emulators: Stack) -> None:
        topics = topics_of(emulators, key="wrong")
        try:
            with pytest.raises(AccessDenied, match="EventGrid Data Sender"):
                topics.publish(topic_of(emulators), [event(1)])
        finally:
            topics.close()

    def test_a_topic_that_does_not_exist_is_not_waited_for(self, real: EventGridTopics, emulators: Stack) -> None:
        with pytest.raises(PermanentError, match="answered 404") as caught:
            real.publish(topic_of(emulators, "no-such-topic"), [event(1)])

        assert caught.value.code == "EVENT_REFUSED"

    def test_a_topic_without_a_key_of_its_own_never_sees_anothers(self, emulators: Stack) -> None:
        """It is asked for by the app's identity, whose tokens the SDK does not send without TLS."""
        asked: list[str] = []

        class Identity:
            def get_token(self, *scopes: str, **_: Any) -> Any:
                asked.extend(scopes)
                raise AssertionError("no token leaves without TLS")

        topics = EventGridTopics(keys={topic_of(emulators): TOPIC_KEY}, credential=Identity)
        try:
            with pytest.raises(RetryableError):
                topics.publish(topic_of(emulators, "snowflake"), [event(1)])
        finally:
            topics.close()
        assert emulators.call("event_grid", "GET", "/deliveries")["snowflake"]["accepted"] == 0
        assert not asked
