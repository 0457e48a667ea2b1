"""Every call to a service is told of: which kind of call, and how it ended; never what was in it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from bridge.adapters.arm import MANAGEMENT
from bridge.adapters.azureml import AmlJobs
from bridge.adapters.azureml_clients import AmlClients
from bridge.adapters.credential import EmulatorCredential
from bridge.adapters.eventgrid import EventGridTopics
from bridge.adapters.pacing import Pace
from bridge.adapters.snowflake import SnowflakeLedger
from bridge.adapters.transport import resource_kind
from bridge.adapters.webhooks import Webhooks
from bridge.domain import signals
from bridge.domain.actions import Notify, Occasion
from bridge.domain.channels import Channel, ChannelKind
from bridge.domain.errors import BridgeError
from bridge.domain.outgoing import OutgoingEvent
from tests.security.echo import Echo, echo
from tests.unit.recorded import Recorded

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/ws"
FACTORY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DataFactory/factories/f"


@pytest.fixture
def told() -> Recorded:
    return Recorded()


@pytest.fixture
def service() -> Iterator[Echo]:
    with echo() as running:
        yield running


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (f"{MANAGEMENT}{WORKSPACE}/jobs/r-1?api-version=1", "jobs/{name}"),
        (f"{MANAGEMENT}{WORKSPACE}/jobs/r-1/cancel", "jobs/{name}/cancel"),
        (f"{MANAGEMENT}{WORKSPACE}/jobs?tag=bridge-train", "jobs"),
        (f"{MANAGEMENT}{WORKSPACE}/onlineEndpoints/e/deployments/d", "onlineEndpoints/{name}/deployments/{name}"),
        (f"https://region.api.azureml.ms/history/v1.0{WORKSPACE}/runs/r-1/details", "runs/{name}/details"),
        (f"{MANAGEMENT}{FACTORY}/pipelines/p/createRun", "pipelines/{name}/createRun"),
        ("https://region.api.azureml.ms/discovery", "discovery"),
        (f"{MANAGEMENT}{WORKSPACE}", "subscriptions/{name}/resourceGroups/{name}/providers/{name}/workspaces/{name}"),
    ],
)
def test_a_call_is_named_by_its_kind_and_by_no_resource(url: str, kind: str) -> None:
    assert resource_kind(url) == kind


@pytest.mark.parametrize(("status", "outcome", "is_fault"), [(404, "404", False), (500, "500", True)])
def test_a_call_of_the_management_api(
    service: Echo, told: Recorded, status: int, outcome: str, *, is_fault: bool
) -> None:
    service.status = status
    clients = AmlClients(
        subscription_id="s",
        resource_group="g",
        credential=EmulatorCredential,
        endpoint=service.url,
        pace=Pace(writes_per_second=1000),
        telemetry=told.telemetry,
    )
    if is_fault:
        with pytest.raises(BridgeError):
            AmlJobs(clients).get("ws", "r-1")
    else:
        assert AmlJobs(clients).get("ws", "r-1") is None
    clients.close()

    span = told.span("GET jobs/{name}")
    attributes = dict(span.attributes or {})
    assert (span.kind, attributes["http.response.status_code"], attributes["server.address"]) == (
        SpanKind.CLIENT,
        status,
        "management.azure.com",
    )
    assert ("error.type" in attributes) == is_fault
    ((labels, point),) = told.points(signals.AML_DURATION.name)
    assert (labels, point.count) == ({"bridge.operation": "GET jobs/{name}", "bridge.outcome": outcome}, 1)


def test_a_management_api_that_does_not_answer(told: Recorded) -> None:
    clients = AmlClients(
        subscription_id="s",
        resource_group="g",
        credential=EmulatorCredential,
        endpoint="http://127.0.0.1:1",
        pace=Pace(writes_per_second=1000),
        telemetry=told.telemetry,
    )
    with pytest.raises(BridgeError):
        AmlJobs(clients).get("ws", "r-1")
    clients.close()

    assert not told.span("GET jobs/{name}").status.is_unset
    ((labels, _),) = told.points(signals.AML_DURATION.name)
    assert labels["bridge.outcome"] == "no answer"


def test_a_webhook_is_told_by_its_host_alone(service: Echo, told: Recorded) -> None:
    url = f"{service.url}/workflows/0a1b2c3d4e5f60718293a4b5/run?sig=planted-hook-signature"
    webhooks = Webhooks({"ops": Channel(name="ops", kind=ChannelKind.TEAMS, url=url, secret="")}, told.telemetry)
    why = Occasion(rule="r", action_id="a", event_id="e", event_type="T", correlation_id="c")

    with pytest.raises(BridgeError):
        webhooks.send(Notify(occasion=why, channel="ops", title="t", text="t"), at=datetime.now(UTC))

    span = told.span("notify ops")
    assert (span.attributes or {})["server.address"] == "127.0.0.1"
    assert (span.attributes or {})["error.type"] == "400"
    assert "planted-hook-signature" not in span.to_json()
    assert "workflows" not in span.to_json()


def test_a_publication_is_told(service: Echo, told: Recorded) -> None:
    topic = f"{service.url}/api/events"
    topics = EventGridTopics(keys={topic: "a-key-of-a-topic"}, credential=EmulatorCredential, telemetry=told.telemetry)
    event = OutgoingEvent(event_id="e", event_type="T", subject="s", data={}, occurred_at=datetime.now(UTC))

    with pytest.raises(BridgeError):
        topics.publish(topic, [event])
    topics.close()

    span = told.span("send events")
    assert span.kind == SpanKind.PRODUCER
    assert (span.attributes or {})["messaging.batch.message_count"] == 1
    assert not span.status.is_unset


def test_a_statement_is_told_by_its_name(service: Echo, told: Recorded) -> None:
    arguments: dict[str, Any] = {"account": "a", "user": "u", "password": "p", "host": "127.0.0.1"}
    arguments |= {"protocol": "http", "port": service.server_port, "database": "ML", "schema": "ML_BRIDGE"}
    ledger = SnowflakeLedger(arguments, told.telemetry)

    with pytest.raises(BridgeError):
        ledger.run("r-secret")

    span = told.span("one_run")
    assert (span.attributes or {})["db.namespace"] == "ML|ML_BRIDGE"
    assert (span.attributes or {})["db.operation.name"] == "SELECT"
    assert "r-secret" not in span.to_json()
