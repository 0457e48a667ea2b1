"""What the services may expect of a MessageSender, in memory and through azure-servicebus on the emulator alike."""

import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.adapters.memory import MemoryQueues
from bridge.adapters.servicebus import ServiceBusQueues
from bridge.domain.commands import CheckRun, Origin, SubmitRun
from bridge.domain.context import about
from bridge.domain.errors import AccessDenied, PermanentError, RetryableError, Throttled
from bridge.domain.queues import Queue
from bridge.domain.signals import SILENT, SpanKind, Telemetry
from bridge.domain.trace import Trace
from bridge.local.stack import Stack
from bridge.payloads import bodies, commands
from bridge.ports import Message, MessageSender, OutgoingMessage
from bridge.settings.app_settings import Settings
from tests.unit.recorded import Recorded, span_id

#: What is in a queue: (message id, body text, due).
Content = Callable[[Queue], list[tuple[str, str, Any]]]


@pytest.fixture(params=["memory", "azure-servicebus"])
def sender(request: pytest.FixtureRequest) -> Iterator[tuple[MessageSender, Content]]:
    if request.param == "memory":
        queues = MemoryQueues()
        yield queues, lambda queue: [(m.message_id, bodies.write(m.body), m.due) for m in queues.sent[queue]]
        return
    stack: Stack = request.getfixturevalue("emulators")
    stack.call("service_bus", "POST", "/reset", {})
    real = queues_of(request.getfixturevalue("settings"))
    yield real, lambda queue: peeked(stack, queue)
    real.close()


def queues_of(settings: Settings, telemetry: Telemetry = SILENT) -> ServiceBusQueues:
    def no_credential() -> Any:
        raise AssertionError("a connection string needs no credential")

    return ServiceBusQueues(
        connection_string=settings.service_bus.reveal(),
        namespace="",
        credential=no_credential,
        names=settings.queues,
        telemetry=telemetry,
    )


def peeked(stack: Stack, queue: Queue) -> list[tuple[str, str, Any]]:
    found = []
    for state in ("active", "scheduled"):
        messages = stack.call("service_bus", "GET", f"/queues/{queue}/messages?state={state}&top=5000")
        found += [(message["message_id"], message["body"], message["scheduled_at"]) for message in messages]
    return found


def check(**change: Any) -> CheckRun:
    whole: dict[str, Any] = {"run_id": "r-" + "a" * 26, "workspace": "ws", "step": 1}
    return CheckRun(**whole | change)


def message(body: Any, due: datetime | None = None) -> Message:
    return Message(message_id=uuid.uuid4().hex, body=body, due=due)


def test_what_is_sent_can_be_read_back(sender: tuple[MessageSender, Content]) -> None:
    queues, content = sender
    sent = SubmitRun(
        run_id="r-" + "a" * 26,
        pipeline="p",
        inputs={"n": 10**37, "é": "漢"},
        fingerprint="",
        component="azureml:c:1",
        workspace="ws",
        origin=Origin(source="http", principal="key", correlation_id="c", query_id="q", rule_chain=("a", "b")),
        accepted_at=datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
        tags={"team": "growth"},
        try_=3,
    )

    queues.send(Queue.RUN_COMMANDS, [message(sent)])

    ((_, text, _),) = content(Queue.RUN_COMMANDS)
    read = commands.read_submit(text).to_command()
    assert (read.inputs, read.origin, read.try_, read.tags) == (sent.inputs, sent.origin, 3, {"team": "growth"})


def test_two_thousand_messages_all_arrive(sender: tuple[MessageSender, Content]) -> None:
    queues, content = sender
    messages = [message(check(step=i + 1)) for i in range(2000)]

    queues.send(Queue.RUN_CONTROL, messages)

    assert {found[0] for found in content(Queue.RUN_CONTROL)} == {each.message_id for each in messages}


def test_large_messages_are_split_over_transfers(sender: tuple[MessageSender, Content]) -> None:
    queues, content = sender
    messages = [message(check(if_missing_fail="x" * 900, origin=str(i))) for i in range(600)]

    queues.send(Queue.RUN_CONTROL, messages)

    assert len(content(Queue.RUN_CONTROL)) == 600


def test_a_message_with_a_due_time_waits(sender: tuple[MessageSender, Content]) -> None:
    queues, content = sender
    due = datetime.now(UTC) + timedelta(hours=1)

    queues.send(Queue.RUN_CONTROL, [message(check(), due)])

    ((_, _, scheduled),) = content(Queue.RUN_CONTROL)
    assert scheduled is not None


def test_many_threads_may_send_at_once(sender: tuple[MessageSender, Content]) -> None:
    queues, content = sender
    failures = []

    def work() -> None:
        try:
            for _ in range(10):
                queues.send(Queue.RUN_CONTROL, [message(check())])
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    assert len(content(Queue.RUN_CONTROL)) == 80


#: A queue by its name at the broker.
FOREIGN = "run-commands"
#: What was posted to it: (message id, text, content type).
Posted = Callable[[str], list[tuple[str, str, str]]]


@pytest.fixture(params=["memory", "azure-servicebus"])
def poster(request: pytest.FixtureRequest) -> Iterator[tuple[MessageSender, Posted]]:
    """A sender, and the queue RUN_COMMANDS as a foreign one."""
    if request.param == "memory":
        queues = MemoryQueues()
        queues.known = frozenset({FOREIGN})
        yield queues, lambda name: [(m.message_id, m.text, m.content_type) for m in queues.posted.get(name, [])]
        return
    stack: Stack = request.getfixturevalue("emulators")
    stack.call("service_bus", "POST", "/reset", {})
    settings: Settings = request.getfixturevalue("settings")
    real = queues_of(settings)
    yield real, lambda name: posted(settings, name)
    real.close()


def posted(settings: Settings, queue: str) -> list[tuple[str, str, str]]:
    """As another program would read them."""
    from azure.servicebus import ServiceBusClient

    with (
        ServiceBusClient.from_connection_string(settings.service_bus.reveal()) as client,
        client.get_queue_receiver(queue) as receiver,
    ):
        found = receiver.peek_messages(100)
        return [(str(each.message_id), b"".join(each.body).decode(), str(each.content_type)) for each in found]


def test_messages_are_posted_to_any_queue_as_they_are(poster: tuple[MessageSender, Posted]) -> None:
    queues, content = poster
    messages = [
        OutgoingMessage(message_id="m1", text='{"n": 1, "é": "漢"}'),
        OutgoingMessage(message_id="m2", text="hello", content_type="text/plain; charset=utf-8"),
    ]

    queues.post(FOREIGN, messages)

    assert content(FOREIGN) == [
        ("m1", '{"n": 1, "é": "漢"}', "application/json"),
        ("m2", "hello", "text/plain; charset=utf-8"),
    ]


def test_many_large_messages_are_posted_in_order(poster: tuple[MessageSender, Posted]) -> None:
    queues, content = poster
    messages = [OutgoingMessage(message_id=f"m{i}", text=f"{i}:" + "x" * 50_000) for i in range(30)]

    queues.post(FOREIGN, messages)

    assert [found[0] for found in content(FOREIGN)] == [message.message_id for message in messages]


def test_a_foreign_queue_that_does_not_exist_is_not_waited_for(poster: tuple[MessageSender, Posted]) -> None:
    queues, content = poster

    with pytest.raises(PermanentError, match="no queue no-such-queue") as caught:
        queues.post("no-such-queue", [OutgoingMessage(message_id="m1", text="1")])
    queues.post(FOREIGN, [OutgoingMessage(message_id="m2", text="2")])

    assert caught.value.code == "UNKNOWN_QUEUE"
    assert len(content(FOREIGN)) == 1


def test_a_message_that_is_too_large_for_the_broker_is_refused(poster: tuple[MessageSender, Posted]) -> None:
    queues, content = poster

    with pytest.raises(PermanentError) as caught:
        queues.post(FOREIGN, [OutgoingMessage(message_id="m1", text="x" * 300_000)])

    assert caught.value.code == "TOO_LARGE"
    assert not content(FOREIGN)


class TestOutages:
    """Only the real one can be away."""

    @pytest.fixture
    def real(self, settings: Settings, emulators: Stack) -> Iterator[ServiceBusQueues]:
        emulators.call("service_bus", "POST", "/reset", {})
        queues = queues_of(settings)
        yield queues
        queues.close()

    def test_a_broker_that_is_away_is_an_error_at_once_and_then_works(
        self, real: ServiceBusQueues, emulators: Stack
    ) -> None:
        real.send(Queue.RUN_CONTROL, [message(check())])
        emulators.outage("service_bus", down=True)
        try:
            with pytest.raises(RetryableError):
                real.send(Queue.RUN_CONTROL, [message(check())])
        finally:
            emulators.outage("service_bus", down=False)

        real.send(Queue.RUN_CONTROL, [message(check())])
        assert len(peeked(emulators, Queue.RUN_CONTROL)) == 2

    def test_posting_while_the_broker_is_away_is_an_error_at_once(
        self, real: ServiceBusQueues, emulators: Stack
    ) -> None:
        emulators.outage("service_bus", down=True)
        try:
            with pytest.raises(RetryableError):
                real.post("run-commands", [OutgoingMessage(message_id="m1", text="1")])
        finally:
            emulators.outage("service_bus", down=False)

    def test_a_namespace_that_refuses_the_app_is_told_at_once_by_a_foreign_queue(self, settings: Settings) -> None:
        queues = ServiceBusQueues(
            connection_string=settings.service_bus.reveal().replace("AccessKey=S", "AccessKey=X"),
            namespace="",
            credential=lambda: None,  # type: ignore[arg-type, return-value]
            names=settings.queues,
        )
        try:
            with pytest.raises(AccessDenied, match="Azure Service Bus Data Sender"):
                queues.post("run-commands", [OutgoingMessage(message_id="m1", text="1")])
        finally:
            queues.close()

    def test_a_busy_broker_is_asked_again_and_then_believed(self, real: ServiceBusQueues, emulators: Stack) -> None:
        fault = emulators.plan_fault("service_bus", "server_busy", times=None, match={"operation": "send"})
        try:
            with pytest.raises(Throttled):
                real.send(Queue.RUN_CONTROL, [message(check())])
            assert emulators.fault("service_bus", fault)["struck"] >= 2
        finally:
            emulators.call("service_bus", "DELETE", "/faults")

    def test_a_connection_lost_before_the_message_was_stored_is_made_again(
        self, real: ServiceBusQueues, emulators: Stack
    ) -> None:
        fault = emulators.plan_fault("service_bus", "drop_connection", match={"operation": "send"})

        real.send(Queue.RUN_CONTROL, [message(check())])

        assert emulators.fault("service_bus", fault)["struck"] == 1
        assert len(peeked(emulators, Queue.RUN_CONTROL)) == 1

    def test_a_queue_that_does_not_exist_is_worth_a_retry(self, settings: Settings) -> None:
        queues = ServiceBusQueues(
            connection_string=settings.service_bus.reveal(),
            namespace="",
            credential=lambda: None,  # type: ignore[arg-type, return-value]
            names=dict.fromkeys(Queue, "no-such-queue"),
        )
        with pytest.raises(RetryableError, match="does not exist"):
            queues.send(Queue.RUN_CONTROL, [message(check())])
        queues.close()


def test_a_message_says_where_it_was_sent_from(settings: Settings, emulators: Stack) -> None:
    """With nobody listening too: whoever takes it may."""
    emulators.call("service_bus", "POST", "/reset", {})
    told, trace = Recorded(), Trace.derived("q")
    for telemetry in (SILENT, told.telemetry):
        real = queues_of(settings, telemetry)
        with about(trace=trace), telemetry.span("work", SpanKind.INTERNAL, parent=trace):
            real.send(Queue.RUN_CONTROL, [message(check())])
        real.close()

    silent, recorded = traces(settings, Queue.RUN_CONTROL)
    sent = told.span(f"send {settings.queues[Queue.RUN_CONTROL]}")
    assert silent == trace.traceparent
    assert recorded == f"00-{trace.trace_id}-{span_id(sent)}-01"


def traces(settings: Settings, queue: Queue) -> list[str]:
    """Where the messages in the queue say that they come from, oldest first."""
    from azure.servicebus import ServiceBusClient

    with (
        ServiceBusClient.from_connection_string(settings.service_bus.reveal()) as client,
        client.get_queue_receiver(settings.queues[queue]) as receiver,
    ):
        found = [message.application_properties or {} for message in receiver.peek_messages(max_message_count=10)]
    return [bytes(properties[b"traceparent"]).decode() for properties in found]  # type: ignore[arg-type]
