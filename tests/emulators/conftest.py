"""Emulators that several test files start in the same way; a file that needs another one overrides the fixture."""

from collections.abc import Iterator

import pytest

from tests.emulators.host_process import RunningBroker, RunningHost, running_broker, running_host
from tests.emulators.servicebus_service import Line, ServiceBus, open_line, running


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceBus]:
    with running(tmp_path_factory.mktemp("servicebus")) as service:
        yield service


@pytest.fixture
def service(started: ServiceBus) -> ServiceBus:
    """Service Bus with empty queues."""
    started.reset()
    return started


@pytest.fixture(scope="module")
def opened(started: ServiceBus) -> Iterator[Line]:
    with open_line(started) as line:
        yield line


@pytest.fixture
def line(opened: Line) -> Line:
    """An open sender and receiver on empty queues."""
    opened.begin()
    return opened


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with running_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def shared_host(broker: RunningBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with running_host("queues", tmp_path_factory.mktemp("host"), **broker.settings) as running:
        yield running


@pytest.fixture
def host(broker: RunningBroker, shared_host: RunningHost) -> RunningHost:
    """The sample app on empty queues."""
    broker.reset()
    shared_host.begin()
    return shared_host
