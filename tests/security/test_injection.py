"""Texts of events and callers stay texts: in templates, cards, addresses of data; and nothing is kept for each."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.adapters.azureml import AmlJobs
from bridge.adapters.azureml_endpoints import AmlDeployments
from bridge.adapters.credential import EmulatorCredential
from bridge.adapters.eventgrid import EventGridTopics
from bridge.adapters.memory import MemoryClock, MemoryQueues, MemoryTopics
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.adapters.servicebus import ServiceBusQueues
from bridge.domain.actions import Deploy, Notify, Occasion, Publish
from bridge.domain.errors import BridgeError
from bridge.domain.event_fields import filled
from bridge.domain.jobs import JobRequest
from bridge.domain.outgoing import OutgoingEvent
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent
from bridge.handlers import queues as queue_handlers
from bridge.payloads import bodies
from bridge.payloads.notifications import teams_body, webhook_body
from bridge.ports import Bridge
from bridge.services.act import act
from bridge.services.run_and_wait import ROWS_KEPT, RecentBatches
from bridge.services.send_outbound import MessageRequest, send_messages
from tests.contract.azure_clients import clients_at
from tests.security.canary import canary
from tests.security.echo import echo
from tests.unit.invocations import message
from tests.unit.requests import put_aside

TEXTS = [
    "${data.secret}", "$${data.secret}", "$data.secret", "${id}", "{{id}}", "{0} {id} {data.__class__}", "%(id)s %s",
    "#{id}", "<%= id %>", "{% raw %}", "!!python/object/apply:os.system ['id']", "- *a", "a: b\nc: d",
    "[words](https://evil.example)", "![x](https://evil.example)", "<a href='https://evil.example'>x</a>",
    "*bold* _it_ \\[x\\](https://evil.example)", '"}, "link": "https://evil.example", {"',
    "a\r\nX-Evil: 1", "\x00\x1b[2J",
]  # fmt: skip
AT = datetime(2026, 11, 20, tzinfo=UTC)


def event(text: str) -> AmlEvent:
    data = {"text": text, "secret": "not to be told", "studio_url": "https://evil.example"}
    return AmlEvent(id=text, event_type=text, subject=text, data=data, topic=text, door="custom")


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_what_an_event_says_is_filled_in_once_and_never_read_again(text: str) -> None:
    assert filled({"a": "${data.text}", "b": ["x ${data.text} y"]}, event(text)) == {"a": text, "b": [f"x {text} y"]}
    assert filled("${subject}${type}${id}", event(text)) == text * 3


def occasion(text: str) -> Occasion:
    return Occasion(
        rule=text, action_id="a1", event_id=text, event_type=text, event_time=AT, correlation_id=text, run_id=text
    )


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_a_card_shows_the_text_and_leads_nowhere(text: str) -> None:
    told = Notify(occasion=occasion(text), channel="ops", title=text, text=text)

    (attachment,) = json.loads(teams_body(told))["attachments"]
    title, words, facts = attachment["content"]["body"]
    shown = [title["text"], words["text"], *(fact["value"] for fact in facts["facts"])]

    assert {re.sub(r"\\([\\\[\]*_])", r"\1", each) for each in shown} == {text}
    for each in shown:
        assert not re.search(r"(?<!\\)(?:\\\\)*[\[\]*_]", each), "no mark is left that Markdown would read"
    assert "Action.OpenUrl" not in json.dumps(attachment)


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_a_webhooks_body_says_the_text_and_has_no_link(text: str) -> None:
    told = Notify(occasion=occasion(text), channel="ops", title=text, text=text)

    data = json.loads(webhook_body(told, AT))["data"]

    assert (data["title"], data["text"], data["rule"], data["link"]) == (text, text, text, None)


@pytest.mark.parametrize("kind", ["uri_file", "uri_folder"])
def test_an_address_of_data_is_handed_on_and_never_fetched(kind: str) -> None:
    """By the SDK itself, which uploads what it takes for a local path."""
    with canary() as trap, echo() as azure, clients_at(azure.url, read_seconds=5) as clients:
        wanted = JobRequest(
            name="r-1", workspace="ws", component="azureml:c:1", experiment="e", display_name="d", inputs={}, tags={},
            data_inputs={"data": (kind, trap.url)},
        )  # fmt: skip
        with pytest.raises(BridgeError):
            AmlJobs(clients).submit(wanted)

        assert [trap.url in said for said in azure.repeated if said.startswith("PUT")] == [True]
        assert trap.connections == 0


def deploy(workspace: str) -> Deploy:
    return Deploy(
        occasion=occasion("r"), workspace=workspace, endpoint="e", deployment="d", model_name="m", model_version="1",
        instance_type="Standard_DS3_v2",
    )  # fmt: skip


def test_no_connection_is_kept_for_a_workspace_that_a_message_names(bridge: Bridge, queues: MemoryQueues) -> None:
    with echo() as azure, clients_at(azure.url, read_seconds=5) as clients:
        azure.status = 200
        strange = replace(bridge, reactions=replace(bridge.reactions, deployments=AmlDeployments(clients)))
        for number in range(50):
            queue_handlers.control(message(bodies.write(deploy(f"workspace-{number}"))), strange)

        assert azure.repeated == []
    letters = put_aside(queues)
    assert {letter.reason for letter in letters} == {"UNKNOWN_WORKSPACE"}
    assert len(letters) == 50


def test_no_sender_is_kept_for_a_queue_that_a_caller_names(bridge: Bridge) -> None:
    real = ServiceBusQueues(
        connection_string="Endpoint=sb://127.0.0.1:1/;SharedAccessKeyName=n;SharedAccessKey=k",
        namespace="",
        credential=EmulatorCredential,
        names=dict.fromkeys(Queue, "q"),
    )
    requests = [
        MessageRequest(queue=f"queue-{number}", text="x", content_type="text/plain", document=None, id="m")
        for number in range(1000)
    ]

    sent = send_messages(requests, replace(bridge, sender=real))

    assert {each.violation.code for each in sent if each.violation} == {"NOT_ALLOWED"}
    assert real._senders == {}
    real.close()


def test_no_connection_is_kept_for_a_topic_that_a_message_names(bridge: Bridge) -> None:
    topics = EventGridTopics(keys={}, credential=EmulatorCredential)
    strange = replace(bridge, outbound=replace(bridge.outbound, publisher=topics))
    published = OutgoingEvent(event_id="e", event_type="T", subject="s", data={}, occurred_at=AT)

    with canary() as trap:
        for number in range(100):
            act(Publish(topic=f"{trap.url}/{number}", events=(published,), occasion=occasion("r")), strange)
        assert trap.connections == 0

    assert topics._clients == {}


class LargeBatches(MemoryLedger):
    """Batches of many rows each."""

    def batch(self, query_batch_id: str) -> list[dict[str, Any]]:  # noqa: ARG002 - overrides
        return [{"row_number": number} for number in range(ROWS_KEPT // 4)]


def test_what_was_read_of_batches_is_kept_for_so_many_rows_only(bridge: Bridge, clock: MemoryClock) -> None:
    recent = RecentBatches()
    large = replace(bridge, ledger=LargeBatches())

    for number in range(20):
        recent.rows(f"batch-{number}", large)

    assert list(recent._read) == [f"batch-{number}" for number in (16, 17, 18, 19)]


def test_a_topic_in_the_settings_is_the_only_kind_that_is_published_to(bridge: Bridge, topics: MemoryTopics) -> None:
    published = OutgoingEvent(event_id="e", event_type="T", subject="s", data={}, occurred_at=AT)

    act(Publish(topic="main", events=(published,), occasion=occasion("r")), bridge)

    assert list(topics.published) == ["https://main.test/api/events"]
