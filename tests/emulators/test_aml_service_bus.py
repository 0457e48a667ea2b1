"""Queues as resources: what the management API shows of the Service Bus emulator."""

from collections.abc import Iterator

import httpx
import pytest

from tests.emulators.aml_service import GROUP, SUBSCRIPTION, AmlService
from tests.emulators.servicebus_service import ServiceBus

NAMESPACE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.ServiceBus/namespaces/ns1"
API = {"api-version": "2021-11-01"}


@pytest.fixture(scope="module")
def aml(started: ServiceBus) -> Iterator[AmlService]:
    control = str(started.control.base_url).rstrip("/")
    with AmlService("--service-bus-control", control, "--service-bus-scope", NAMESPACE) as service:
        yield service


def shown(aml: AmlService, queue: str, namespace: str = NAMESPACE) -> httpx.Response:
    return aml.http.get(f"{namespace}/queues/{queue}", params=API)


def test_a_queue_is_shown_as_it_is_set(aml: AmlService) -> None:
    properties = shown(aml, "unique").json()["properties"]

    assert properties["lockDuration"] == "PT1M"
    assert properties["requiresDuplicateDetection"] is True
    assert properties["duplicateDetectionHistoryTimeWindow"] == "PT10M"
    assert properties["deadLetteringOnMessageExpiration"] is False
    assert properties["defaultMessageTimeToLive"] == "P10675199DT2H48M5.4775807S"
    assert shown(aml, "fleeting").json()["properties"]["defaultMessageTimeToLive"] == "PT1H"
    assert shown(aml, "orders").json()["properties"]["maxDeliveryCount"] == 3


def test_messages_are_counted_by_where_they_stand(aml: AmlService, service: ServiceBus) -> None:
    service.send("orders", "a", "b")
    service.send("orders", "c", ScheduledEnqueueTimeUtc="Wed, 01 Jan 2098 00:00:00 GMT")

    properties = shown(aml, "orders").json()["properties"]

    assert properties["countDetails"] == {
        "activeMessageCount": 2,
        "deadLetterMessageCount": 0,
        "scheduledMessageCount": 1,
        "transferMessageCount": 0,
        "transferDeadLetterMessageCount": 0,
    }
    assert properties["messageCount"] == 3


def test_what_is_not_there_is_not_found(aml: AmlService) -> None:
    assert shown(aml, "nothing").status_code == 404
    assert shown(aml, "orders", NAMESPACE[:-1] + "2").json()["error"]["code"] == "ResourceNotFound"


def test_without_the_other_emulator_there_is_nothing_to_show() -> None:
    with AmlService() as alone:
        assert shown(alone, "orders").status_code == 501


def test_settings_of_the_namespace_may_change_while_it_runs(aml: AmlService, service: ServiceBus) -> None:
    service.configure("dropped", lock_seconds=300)

    assert shown(aml, "dropped").json()["properties"]["lockDuration"] == "PT5M"
