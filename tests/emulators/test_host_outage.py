"""Listeners survive their broker."""

from pathlib import Path

import httpx

from tests.emulators.host_process import RunningBroker, RunningHost
from tests.eventually import eventually


def test_what_was_in_flight_when_the_broker_went_is_settled_when_it_is_back_and_no_permit_is_lost(
    broker: RunningBroker, host: RunningHost, tmp_path: Path
) -> None:
    gate, second_gate = tmp_path / "gate", tmp_path / "second gate"
    broker.send("one", [{"wait_for": str(gate)}] * 4)
    eventually(lambda: len(host.journal("one", begins=True)) == 4)

    broker.outage(down=True)
    gate.touch()
    eventually(lambda: len(host.journal("one", ends=True)) == 4)
    broker.outage(down=False)

    assert eventually(lambda: broker.is_empty("one"))
    broker.send("one", [{"wait_for": str(second_gate)}] * 6)
    assert eventually(lambda: len(host.journal("one", begins=True)) == 4 + 4)  # as many as may run at once
    second_gate.touch()
    assert eventually(lambda: broker.is_empty("one"))
    assert all(line["delivery_count"] == 1 for line in host.journal("one"))


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
