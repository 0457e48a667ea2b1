"""The container's listeners, in this process, on the Service Bus emulator: settlement, locks, batches, outages."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from azure.functions.servicebus import ServiceBusMessage
from azure.servicebus import ServiceBusClient
from azure.servicebus.aio import ServiceBusReceiver
from azure.servicebus.amqp import AmqpAnnotatedMessage
from azure.servicebus.exceptions import ServiceBusConnectionError

from bridge.container.calls import Calls, FunctionTimeout
from bridge.container.connections import Connections
from bridge.container.functions import Function, Trigger
from bridge.container.host_file import ServiceBusSection
from bridge.container.intake import Batches, Singles
from bridge.container.listener import ConnectionGivenUp, Listener
from bridge.domain.errors import ConfigurationError
from tests.emulators.host_process import RunningBroker, running_broker

PATIENCE = 20.0
MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with running_broker(tmp_path_factory.mktemp("broker"), lock="PT2S") as running:
        yield running


@pytest.fixture
def broker(started: RunningBroker) -> RunningBroker:
    """With empty queues; three deliveries, locks of two seconds."""
    started.outage(down=False)
    started.reset()
    return started


class Handler:
    """A function of the app that does what a test says, and remembers what it was given."""

    def __init__(self, does: Callable[[Any], Any] = lambda _: None) -> None:
        self._does = does
        self._lock = threading.Lock()
        self.given: list[Any] = []
        self.running = self.most = 0

    def __call__(self, message: Any) -> Any:
        with self._lock:
            self.given.append(message)
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            return self._does(message)
        finally:
            with self._lock:
                self.running -= 1


class Stuck:
    """Who is told of calls that do not end."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []


@asynccontextmanager
async def listening(
    broker: RunningBroker,
    handler: Handler,
    queue: str = "one",
    *,
    timeout: timedelta = MINUTE,
    renewal: timedelta = MINUTE,
    stuck: Stuck | None = None,
    **options: Any,
) -> AsyncIterator[Listener]:
    """A listener that runs, and is stopped at the end."""
    section = ServiceBusSection.model_validate({name.replace("_", ""): value for name, value in options.items()})
    many = queue == "many"
    function = Function(
        name="handle",
        trigger=Trigger.QUEUE,
        binding={"name": "message", "cardinality": "many" if many else "one"},
        call=handler,
    )
    intake = Batches(section) if many else Singles(section)
    calls = Calls(intake.permits, timeout, (stuck or Stuck()).errors.append)
    connections = Connections({"Bus": broker.connection_string}, credential=no_credential)
    connect = partial(connections.receiver, queue, "Bus")
    listener = Listener(function, intake, calls, connect, renewal=renewal)
    task = asyncio.create_task(listener.run())
    try:
        yield listener
        listener.stop()
        await asyncio.wait_for(task, PATIENCE)
    finally:
        task.cancel()
        calls.close()


def no_credential() -> Any:
    raise AssertionError("a connection string needs none")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.02)


def waits_for(what: threading.Event | threading.Barrier) -> Callable[[Any], None]:
    def wait(_: Any) -> None:
        what.wait(PATIENCE)

    return wait


def fails(_: Any) -> None:
    raise RuntimeError("told to fail")


def fails_or_returns(message: ServiceBusMessage) -> str:
    if b"true" in message.get_body():
        raise RuntimeError("told to fail")
    return "something"


async def test_a_message_is_completed_and_looks_as_on_the_platform(broker: RunningBroker) -> None:
    handler = Handler()
    broker.send("one", [{"a": 1}] * 20, application_properties={"door": "a", "n": 1}, correlation_id="c")

    async with listening(broker, handler, max_concurrent_calls=4):
        await until(lambda: broker.is_empty("one"))

    message: ServiceBusMessage = next(each for each in handler.given if each.message_id == "m7")
    assert (message.get_body(), message.delivery_count, message.correlation_id) == (b'{"a": 1}', 1, "c")
    assert message.application_properties == {"door": "a", "n": 1}
    assert sorted(each.message_id for each in handler.given) == sorted(f"m{number}" for number in range(20))


async def test_a_body_that_is_no_bytes_is_handed_over_as_text(broker: RunningBroker) -> None:
    handler = Handler()
    with (
        ServiceBusClient.from_connection_string(broker.connection_string) as client,
        client.get_queue_sender("one") as sender,
    ):
        bodies = ({"value_body": '{"a": 1}'}, {"value_body": b"raw"}, {"value_body": None}, {"value_body": [3]})
        for body in (*bodies, {"sequence_body": [[1, 2], [3]]}):
            sender.send_messages(AmqpAnnotatedMessage(**body))

    async with listening(broker, handler):
        await until(lambda: broker.is_empty("one"))

    given = {each.get_body() for each in handler.given}
    assert given == {b'{"a": 1}', b"raw", b"None", b"[3]", b"[[1, 2], [3]]"}


async def test_no_more_calls_run_at_once_than_host_json_says(broker: RunningBroker) -> None:
    together = threading.Barrier(3)
    handler = Handler(waits_for(together))
    broker.send("one", [{}] * 12)

    async with listening(broker, handler, max_concurrent_calls=3):
        await until(lambda: broker.is_empty("one"))

    assert (len(handler.given), handler.most) == (12, 3)


async def test_what_fails_or_returns_something_comes_again_until_it_is_a_dead_letter(broker: RunningBroker) -> None:
    handler = Handler(fails_or_returns)
    broker.send("one", [{"fails": True}, {"fails": False}])

    async with listening(broker, handler):
        await until(lambda: broker.counts("one")["dead"] == 2)

    assert sorted(message.delivery_count for message in handler.given) == [1, 1, 2, 2, 3, 3]

    dead = Handler()
    async with listening(broker, dead, "one/$DeadLetterQueue"):
        await until(lambda: broker.is_empty("one"))
    reasons = {message.application_properties["DeadLetterReason"] for message in dead.given}
    assert (len(dead.given), reasons) == (2, {"MaxDeliveryCountExceeded"})


async def test_a_message_stays_locked_for_as_long_as_its_function_runs(broker: RunningBroker) -> None:
    may_end = threading.Event()
    handler = Handler(waits_for(may_end))
    broker.send("one", [{}])

    async with listening(broker, handler):
        await until(lambda: handler.given)
        first_lock_ends = datetime.now(UTC) + timedelta(seconds=2.2)
        await until(lambda: datetime.now(UTC) > first_lock_ends)
        assert broker.counts("one")["locked"] == 1
        may_end.set()
        await until(lambda: broker.is_empty("one"))

    assert len(handler.given) == 1


@pytest.mark.filterwarnings("ignore:unclosed (transport|<StreamWriter|<socket):ResourceWarning")
async def test_a_lock_whose_renewal_met_a_lost_connection_is_renewed_over_the_next_one(
    broker: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, renew = threading.Event(), ServiceBusReceiver.renew_message_lock
    renewals: list[Any] = []

    async def lost_at_first(receiver: ServiceBusReceiver, message: Any, **options: Any) -> Any:
        renewals.append(message.lock_token)
        if len(renewals) == 1:
            raise ServiceBusConnectionError(message="the connection is gone")
        return await renew(receiver, message, **options)

    monkeypatch.setattr(ServiceBusReceiver, "renew_message_lock", lost_at_first)
    monkeypatch.setattr("bridge.container.listener.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("bridge.container.listener._half_of_lock", lambda _: 0.05)
    handler = Handler(waits_for(may_end))
    broker.send("one", [{}])

    async with listening(broker, handler):
        await until(lambda: renewals and renewals.count(renewals[0]) > 1)
        may_end.set()
        await until(lambda: broker.is_empty("one"))
    gc.collect()


async def test_a_call_that_is_stuck_is_given_up_and_told(broker: RunningBroker) -> None:
    may_end, stuck = threading.Event(), Stuck()
    handler = Handler(waits_for(may_end))
    broker.send("one", [{}])

    async with listening(broker, handler, timeout=timedelta(seconds=0.2), stuck=stuck, max_concurrent_calls=8):
        await until(lambda: broker.counts("one")["dead"] == 1)
        may_end.set()

    assert [type(error) for error in stuck.errors] == [FunctionTimeout] * 3


async def test_a_batch_is_full_or_as_old_as_host_json_says(broker: RunningBroker) -> None:
    options: dict[str, Any] = {
        "max_message_batch_size": 5,
        "min_message_batch_size": 5,
        "max_batch_wait_time": "00:00:01",
    }
    handler = Handler()
    broker.send("many", [{}] * 12)

    async with listening(broker, handler, "many", **options):
        await until(lambda: broker.is_empty("many"))

    assert [len(batch) for batch in handler.given] == [5, 5, 2]


async def test_a_batch_waits_until_it_is_full(broker: RunningBroker) -> None:
    handler = Handler()

    async with listening(broker, handler, "many", max_message_batch_size=5, min_message_batch_size=5):
        broker.send("many", [{}] * 3)
        await until(lambda: broker.counts("many")["locked"] == 3)
        broker.send("many", [{}] * 2)
        await until(lambda: broker.is_empty("many"))

    assert [len(batch) for batch in handler.given] == [5]


async def test_a_batch_fails_as_a_whole(broker: RunningBroker) -> None:
    handler = Handler(fails)
    broker.send("many", [{}] * 2)

    async with listening(broker, handler, "many", min_message_batch_size=2, max_batch_wait_time="00:00:01"):
        await until(lambda: broker.counts("many")["dead"] == 2)

    assert [sorted(each.delivery_count for each in batch) for batch in handler.given] == [[1, 1], [2, 2], [3, 3]]


async def test_a_stop_waits_for_what_runs_and_takes_nothing_new(broker: RunningBroker) -> None:
    may_end = threading.Event()
    handler = Handler(waits_for(may_end))
    broker.send("one", [{}] * 2)

    async with listening(broker, handler, max_concurrent_calls=1) as listener:
        await until(lambda: handler.given)
        listener.stop()
        may_end.set()

    assert len(handler.given) == 1
    assert broker.counts("one")["active"] == 1


async def test_what_a_stop_does_not_wait_for_is_there_for_others_at_once(broker: RunningBroker) -> None:
    may_end = threading.Event()
    handler = Handler(waits_for(may_end))
    broker.send("one", [{}])

    async with listening(broker, handler) as listener:
        await until(lambda: handler.given)
        listener.stop()
        listener.give_back()
    counts = broker.counts("one")
    may_end.set()

    assert (counts["active"], counts["locked"]) == (1, 0)


# azure-servicebus 7.15 leaves the stream of a connection that the broker dropped to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed (transport|<StreamWriter|<socket):ResourceWarning")
async def test_a_message_in_hand_is_settled_over_the_next_connection(broker: RunningBroker) -> None:
    may_end = threading.Event()
    handler = Handler(waits_for(may_end))
    broker.send("one", [{}])

    async with listening(broker, handler) as listener:
        await until(lambda: handler.given)
        broker.outage(down=True)
        await until(lambda: not listener.is_connected)
        may_end.set()
        broker.outage(down=False)
        await until(lambda: broker.is_empty("one"))

    assert {message.message_id for message in handler.given} == {"m0"}
    gc.collect()


async def test_a_queue_that_is_never_reached_ends_the_process_for_a_new_one(broker: RunningBroker) -> None:
    function = Function(name="handle", trigger=Trigger.QUEUE, binding={"name": "message"}, call=fails)
    nobody = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true;"
    connect = partial(Connections({"AzureWebJobsBus": nobody}, no_credential).receiver, "one", "Bus")
    calls = Calls(1, MINUTE, fails)
    listener = Listener(function, Singles(ServiceBusSection()), calls, connect, renewal=MINUTE, give_up=timedelta())

    with pytest.raises(ConnectionGivenUp, match="handle: its queue was not reached"):
        await listener.run()
    calls.close()


def test_a_connection_that_no_setting_names_is_told_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match="Bus__fullyQualifiedNamespace is not set, and neither is Bus"):
        Connections({}, no_credential).check("Bus")
