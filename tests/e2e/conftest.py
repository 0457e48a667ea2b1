"""The whole stack, started once for all end-to-end tests."""

from collections.abc import Iterator

import pytest

from bridge.local.stack import HOST, Stack, local_stack
from tests.e2e.driver import Driver

#: Name, lock, window of duplicate detection. Locks of seconds instead of minutes: what a killed host or a restarted
#: broker left locked comes back only when its lock runs out.
QUEUES = (("run-commands", 10, 0), ("run-control", 10, 600), ("run-events", 15, 0), ("inbound-events", 10, 0))


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    # Long enough for an answer on a busy machine, and short enough to wait for one that never comes.
    with local_stack(settings={"AML_TIMEOUT_SECONDS": "5"}) as running:
        set_queues(running)
        yield running


def set_queues(stack: Stack) -> None:
    for queue, lock_seconds, detection_seconds in QUEUES:
        wanted = {"lock_seconds": lock_seconds, "duplicate_detection_seconds": detection_seconds}
        stack.call("service_bus", "PUT", f"/queues/{queue}", wanted)


@pytest.fixture(scope="package")
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
    set_queues(stack)
    if not stack.processes[HOST].is_running:
        stack.start_host()
