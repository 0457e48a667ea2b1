"""Listeners survive their broker."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.emulators.host_process import RunningBroker, RunningHost, running_broker, running_host
from tests.eventually import eventually


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    with running_broker(tmp_path) as running:
        yield running


@pytest.fixture
def host(broker: RunningBroker, tmp_path: Path) -> Iterator[RunningHost]:
    with running_host("queues", tmp_path, **broker.settings) as running:
        yield running


def test_what_was_in_flight_when_the_broker_went_is_settled_when_it_is_back(
    broker: RunningBroker, host: RunningHost, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    httpx.put(f"{broker.control}/queues/one", json={"lock_seconds": 60}).raise_for_status()
    broker.send("one", [{"wait_for": str(gate)}] * 3)
    eventually(lambda: len(host.journal("one", begins=True)) == 3)

    broker.outage(down=True)
    gate.touch()
    eventually(lambda: len(host.journal("one", ends=True)) == 3)
    eventually(lambda: "reconnecting" in host.log())
    broker.outage(down=False)

    assert eventually(lambda: broker.is_empty("one"))
    assert len(host.journal("one", begins=True)) == 3


def test_no_permit_is_lost_in_an_outage(broker: RunningBroker, host: RunningHost, tmp_path: Path) -> None:
    httpx.put(f"{broker.control}/queues/one", json={"lock_seconds": 60}).raise_for_status()
    for number in range(2):
        gate = tmp_path / f"gate{number}"
        broker.send("one", [{"wait_for": str(gate)}] * 4)
        eventually(lambda: broker.counts("one")["locked"] == 4)
        broker.outage(down=True)
        gate.touch()
        broker.outage(down=False)
        eventually(lambda: broker.is_empty("one"))

    gate = tmp_path / "last"
    before = len(host.journal("one", begins=True))
    broker.send("one", [{"wait_for": str(gate)}] * 6)
    assert eventually(lambda: len(host.journal("one", begins=True)) == before + 4)  # as many as may run at once
    gate.touch()
    assert eventually(lambda: broker.is_empty("one"))


def test_a_batch_that_was_gathered_before_an_outage_is_not_forgotten(broker: RunningBroker, host: RunningHost) -> None:
    broker.send("many", [{}])
    eventually(lambda: broker.counts("many")["locked"] == 1)

    broker.outage(down=True)
    broker.outage(down=False)

    assert eventually(lambda: broker.is_empty("many"))
    assert [line["delivery_count"] for line in host.journal("many")] == [1]


def test_the_host_is_ready_only_when_its_listeners_have_been_connected(broker: RunningBroker, tmp_path: Path) -> None:
    broker.outage(down=True)
    late = RunningHost("queues", tmp_path, broker.settings)
    late.process.start()
    try:
        eventually(lambda: "reconnecting" in late.log() if (tmp_path / "host.log").exists() else False)
        before = httpx.get(f"{late.base}/admin/host/status")
        broker.outage(down=False)
        late.process.wait_until_healthy()
        broker.outage(down=True)
        eventually(lambda: late.log().count("reconnecting") > 3)
        after = httpx.get(f"{late.base}/admin/host/status")
        broker.outage(down=False)
    finally:
        late.process.stop()

    assert (before.status_code, before.json()) == (503, {"state": "Initializing"})
    assert (after.status_code, after.json()) == (200, {"state": "Running"})
