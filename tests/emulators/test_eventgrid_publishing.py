"""Publishing with the real SDK: what a topic takes, and what it refuses."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.core.messaging import CloudEvent

from tests.emulators.eventgrid_service import KEY, EventGridService, event
from tests.emulators.receiver import Receiver

HEADERS = {"aeg-sas-key": KEY, "content-type": "application/json"}
ADDRESS = "/topics/custom/api/events?api-version=2018-01-01"
GOOD = {"id": "1", "subject": "s", "eventType": "t", "eventTime": "2026-11-20T10:00:00Z", "data": {}, "dataVersion": ""}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventGridService]:
    directory: Path = tmp_path_factory.mktemp("eventgrid")
    with Receiver() as receiver, EventGridService(directory, receiver) as service:
        yield service


@pytest.fixture
def service(running: EventGridService) -> EventGridService:
    running.begin()
    return running


def test_a_published_event_is_completed_by_the_topic(service: EventGridService) -> None:
    service.publish("orders/1")
    service.wait_for(delivered=1)
    (body,) = service.receiver.bodies()

    assert (body["subject"], body["eventType"], body["metadataVersion"]) == ("orders/1", "Bridge.Test", "1")
    assert body["topic"].endswith("/providers/Microsoft.EventGrid/topics/custom")


def test_a_cloud_event_arrives_as_it_is(service: EventGridService) -> None:
    with service.publisher() as client:
        client.send(CloudEvent(source="/x", type="t", data={"a": 1}, subject="s", extensions={"traceparent": "00-1"}))
    service.wait_for(delivered=1)
    (body,) = service.receiver.bodies()

    assert (body["specversion"], body["source"], body["data"], body["traceparent"]) == ("1.0", "/x", {"a": 1}, "00-1")
    assert "topic" not in body


def test_a_wrong_key_is_refused(service: EventGridService) -> None:
    with pytest.raises(ClientAuthenticationError):
        service.publish("s", key="wrong")

    assert service.ask("/deliveries")["custom"]["accepted"] == 0


def test_the_key_of_another_topic_is_refused(service: EventGridService) -> None:
    with pytest.raises(ClientAuthenticationError):
        service.publish("s", topic="snowflake")


def test_nobody_publishes_to_the_workspaces_topic(service: EventGridService) -> None:
    with pytest.raises(ClientAuthenticationError):
        service.publish("s", topic="workspace", key="")


def test_an_unknown_topic_is_not_found(service: EventGridService) -> None:
    with pytest.raises(ResourceNotFoundError):
        service.publish("s", topic="nowhere")


def test_a_request_over_a_megabyte_is_refused(service: EventGridService) -> None:
    with service.publisher() as client, pytest.raises(HttpResponseError) as refused:
        client.send(event("s", text="x" * 1_048_576))

    assert refused.value.status_code == 413
    assert service.ask("/deliveries")["custom"]["accepted"] == 0


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        ["no object"],
        [{name: value for name, value in GOOD.items() if name != "subject"}],
        [{**GOOD, "eventType": ""}],
        [{**GOOD, "topic": "/somewhere/else"}],
        [{**GOOD, "metadataVersion": "2"}],
    ],
)
def test_what_is_not_the_topics_schema_is_refused(service: EventGridService, content: Any) -> None:
    assert service.http.post(ADDRESS, json=content, headers=HEADERS).status_code == 400


def test_one_bad_event_spoils_the_whole_request(service: EventGridService) -> None:
    assert service.http.post(ADDRESS, json=[GOOD, {}], headers=HEADERS).status_code == 400
    assert service.ask("/deliveries")["custom"]["accepted"] == 0


def test_a_cloud_event_of_another_version_is_refused(service: EventGridService) -> None:
    headers = HEADERS | {"content-type": "application/cloudevents-batch+json; charset=utf-8"}
    content = [{"specversion": "0.3", "id": "1", "source": "/x", "type": "t"}]

    assert service.http.post(ADDRESS, json=content, headers=headers).status_code == 400


def test_what_is_not_json_or_has_no_version_is_refused(service: EventGridService) -> None:
    assert service.http.post(ADDRESS, content=b"no json", headers=HEADERS).status_code == 400
    assert service.http.post("/topics/custom/api/events", json=[GOOD], headers=HEADERS).status_code == 400


def test_the_short_address_is_the_custom_topics(service: EventGridService) -> None:
    answer = service.http.post("/api/events?api-version=2018-01-01", json=[GOOD], headers=HEADERS)

    assert answer.status_code == 200
    service.wait_for("custom", delivered=1)
