"""The whole stack, started once for all end-to-end tests."""

from collections.abc import Iterator

import pytest

from bridge.local.stack import HOST, Stack, local_stack
from tests.e2e.driver import Driver


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    # Two seconds are long enough for an answer on loopback, and short enough to wait for one that never comes.
    with local_stack(settings={"AML_TIMEOUT_SECONDS": "2"}) as running:
        yield running


@pytest.fixture(scope="session")
def _driver(stack: Stack) -> Iterator[Driver]:
    with Driver(stack) as driver:
        yield driver


@pytest.fixture
def driver(_driver: Driver, stack: Stack) -> Iterator[Driver]:
    """A driver for one test, which leaves no fault behind and no service away."""
    yield _driver
    for service in ("azure_ml", "service_bus", "snowflake", "event_grid"):
        stack.call(service, "DELETE", "/faults")
        stack.outage(service, down=False)
    stack.call("service_bus", "PUT", "/queues/run-commands", {"duplicate_detection_seconds": 0})
    stack.call("service_bus", "PUT", "/queues/run-control", {"duplicate_detection_seconds": 600})
    if not stack.processes[HOST].is_running:
        stack.start_host()
