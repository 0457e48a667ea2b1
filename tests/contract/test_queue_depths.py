"""What the services may expect of QueueDepths, in memory and by plain calls to the emulators alike."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from bridge.adapters.memory import MemoryQueueDepths
from bridge.adapters.queue_depths import FRESH_SECONDS, ArmQueueDepths
from bridge.domain.errors import AccessDenied, RetryableError, Throttled
from bridge.domain.queues import Queue, QueueDepth
from bridge.local.endpoints import SAS_KEY
from bridge.local.stack import Stack
from bridge.ports import QueueDepths
from bridge.settings.app_settings import Settings
from tests.contract.azure_clients import aml_clients
from tests.emulators.servicebus_service import token

EMPTY = QueueDepth(active=0, scheduled=0, dead_lettered=0)


class Seconds:
    """A clock of the cache."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def real(emulators: Stack, settings: Settings, seconds: Seconds) -> Iterator[ArmQueueDepths]:
    for service in ("azure_ml", "service_bus"):
        emulators.call(service, "POST", "/reset", {})
    with aml_clients(settings) as clients:
        yield ArmQueueDepths(
            clients.arm_of("Service Bus", 4),
            namespace_id=settings.service_bus_resource_id,
            names=settings.queues,
            seconds=seconds,
        )


Fill = Callable[[Queue, QueueDepth], None]


@pytest.fixture(params=["memory", "arm"])
def pair(request: pytest.FixtureRequest) -> tuple[QueueDepths, Fill]:
    if request.param == "memory":
        memory = MemoryQueueDepths()
        return memory, memory.depths.__setitem__
    stack: Stack = request.getfixturevalue("emulators")
    return request.getfixturevalue("real"), lambda queue, depth: fill(stack, queue, depth)


def fill(stack: Stack, queue: Queue, depth: QueueDepth) -> None:
    send(stack, queue, depth.dead_lettered, TimeToLive=1)
    stack.call("service_bus", "POST", "/clock", {"advance_seconds": 2})
    send(stack, queue, depth.active)
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    send(stack, queue, depth.scheduled, ScheduledEnqueueTimeUtc=later)


def send(stack: Stack, queue: Queue, count: int, **properties: object) -> None:
    url = f"http://127.0.0.1:{stack.ports.service_bus_http}/{queue}"
    if not count:
        return
    batch = [{"Body": "{}", "BrokerProperties": properties} for _ in range(count)]
    headers = {"Content-Type": "application/vnd.microsoft.servicebus.json", "Authorization": token(url, SAS_KEY)}
    httpx.post(f"{url}/messages", json=batch, headers=headers, trust_env=False).raise_for_status()


def test_empty_queues_are_shown_as_empty(pair: tuple[QueueDepths, Fill]) -> None:
    depths, _ = pair

    assert depths.read() == dict.fromkeys(Queue, EMPTY)


def test_what_waits_is_counted_by_what_it_waits_for(pair: tuple[QueueDepths, Fill]) -> None:
    depths, fill_queue = pair
    filled = {
        Queue.RUN_COMMANDS: QueueDepth(active=3, scheduled=2, dead_lettered=1),
        Queue.RUN_EVENTS: QueueDepth(active=0, scheduled=0, dead_lettered=4),
    }

    for queue, depth in filled.items():
        fill_queue(queue, depth)

    assert depths.read() == {**dict.fromkeys(Queue, EMPTY), **filled}


class TestAzure:
    def test_a_second_look_costs_nothing_for_some_seconds(
        self, real: ArmQueueDepths, emulators: Stack, seconds: Seconds
    ) -> None:
        real.read()
        send(emulators, Queue.RUN_CONTROL, 1)

        assert real.read()[Queue.RUN_CONTROL].active == 0
        seconds.now += FRESH_SECONDS
        assert real.read()[Queue.RUN_CONTROL].active == 1

    def test_a_queue_that_is_not_there_is_left_out(self, settings: Settings) -> None:
        with aml_clients(settings) as clients:
            names = {**settings.queues, Queue.RUN_CONTROL: "no-such-queue"}
            arm = clients.arm_of("Service Bus")
            depths = ArmQueueDepths(arm, namespace_id=settings.service_bus_resource_id, names=names)

            assert depths.read().keys() == set(Queue) - {Queue.RUN_CONTROL}

    @pytest.mark.parametrize(
        ("status", "error"), [(429, Throttled), (500, RetryableError), (403, AccessDenied)], ids=str
    )
    def test_a_refusal_is_told_and_not_kept(
        self, real: ArmQueueDepths, emulators: Stack, status: int, error: type[Exception]
    ) -> None:
        match = {"operation": "get_queue", "queue": "run-events"}
        fault = emulators.plan_fault("azure_ml", "status", match=match, params={"status": status})

        with pytest.raises(error, match="Service Bus, GET run-events"):
            real.read()

        assert emulators.fault("azure_ml", fault)["struck"] == 1
        assert real.read() == dict.fromkeys(Queue, EMPTY)
