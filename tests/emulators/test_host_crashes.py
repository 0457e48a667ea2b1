"""The crash fault: the process dies between two steps, and another one takes over."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.emulators.host_process import RunningBroker, RunningHost, running_broker
from tests.eventually import eventually


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with running_broker(tmp_path_factory.mktemp("broker"), lock="PT2S") as running:
        yield running


@pytest.fixture
def host(broker: RunningBroker, tmp_path: Path) -> Iterator[RunningHost]:
    broker.reset()
    running = RunningHost("queues", tmp_path, broker.settings)
    running.start()
    yield running
    running.process.stop()


def restart(host: RunningHost) -> None:
    host.process.stop()
    host.start()


@pytest.mark.parametrize(("when", "ran"), [("before", 0), ("after", 1)])
def test_a_crash_leaves_the_message_unsettled(
    broker: RunningBroker, host: RunningHost, tmp_path: Path, when: str, ran: int
) -> None:
    marker = tmp_path / "marker"
    fault = host.plan("crash", {"function": "one", "when": when}, marker=str(marker))

    broker.send("one", [{}])

    assert eventually(lambda: not host.process.is_running)
    assert len(host.journal("one", ends=True)) == ran
    assert f"fault {fault} struck: crash" in host.log()
    assert marker.read_text(encoding="utf-8") == fault
    restart(host)
    assert eventually(lambda: broker.is_empty("one"))
    assert [line["delivery_count"] for line in host.journal("one", ends=True)][-1] == 2


def test_a_crash_strikes_only_the_message_that_it_matches(broker: RunningBroker, host: RunningHost) -> None:
    host.plan("crash", {"function": "one", "when": "after", "message_id": "m2"})

    broker.send("one", [{}, {}])
    eventually(lambda: broker.is_empty("one"))
    assert host.process.is_running

    broker.send("one", [{}, {}, {}])
    assert eventually(lambda: not host.process.is_running)


def test_a_crash_loses_no_message_of_a_batch(broker: RunningBroker, host: RunningHost) -> None:
    host.plan("crash", {"function": "many", "when": "after"})

    broker.send("many", [{}] * 3)

    assert eventually(lambda: not host.process.is_running)
    restart(host)
    assert eventually(lambda: broker.is_empty("many"))
    assert [line["delivery_count"] for line in host.journal("many", message_id="m1")] == [1, 2]


def test_the_abandon_fault_delivers_a_successful_message_again(broker: RunningBroker, host: RunningHost) -> None:
    fault = host.plan("abandon", {"function": "one", "message_id": "m1"})

    broker.send("one", [{}, {}, {}])

    assert eventually(lambda: broker.is_empty("one"))
    assert [line["delivery_count"] for line in host.journal("one", message_id="m1", ends=True)] == [1, 2]
    assert len(host.journal("one", ends=True)) == 4
    assert httpx.get(f"{host.control}/faults/{fault}").json()["consumed"]
