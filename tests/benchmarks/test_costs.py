"""What the simulation says that a run costs is what the app's own services send, read and write for one."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from benchmarks.simulation.costs import JOB_MINUTES, MESSAGE_BYTES, STATUSES, Costs, costs, life
from bridge.domain.inbound import InboundEvent
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.domain.rules import Rules
from bridge.domain.statuses import job_status
from bridge.services.accept_runs import accept_runs
from tests.unit.requests import request
from tests.unit.simulation import World


class Watched(World):
    """Counts what is delivered, and when it was due."""

    def __init__(self) -> None:
        super().__init__(Rules(), detects=True)
        self.begin = self.clock.now()
        self.handled: Counter[Queue] = Counter()
        self.record_times: list[float] = []
        self.sizes: list[int] = []

    def run(self) -> None:
        accept_runs([request()], self.bridge)
        self._deliver()
        (run_id,) = self.jobs.jobs
        for status, after in _moments().items():
            self._wait_until(after)
            self.move(run_id, job_status(status))
            for event in self.events_of(run_id, tagged=True):
                self.broker.put(Queue.INBOUND_EVENTS, InboundEvent(event=event))
            self._deliver()
        while self.broker.waiting:
            self._wait_until((self.broker.next_due() - self.begin).total_seconds())

    def _wait_until(self, seconds: float) -> None:
        """Whatever is due before that is handled at its time."""
        until = self.begin + timedelta(seconds=seconds)
        while self.broker.waiting and (due := self.broker.next_due()) <= until:
            self.clock.advance(due - self.clock.now())
            self._deliver()
        self.clock.advance(until - self.clock.now())
        self._deliver()

    def _deliver(self) -> None:
        self.broker.collect()
        while due := self.broker.due():
            self.handled[due[0].queue] += 1
            self.sizes.append(len(self.queues.text(due[0].message.body).encode()))
            if isinstance(due[0].message.body, Records):
                self.record_times.append((self.clock.now() - self.begin).total_seconds())
            self.handle(due[0])
            self.broker.collect()


def _moments() -> Mapping[str, int]:
    """Statuses by seconds after the submission; the last two are counted from the end."""
    end = JOB_MINUTES * 60
    return {status: after + (end if number > 3 else 0) for number, (status, after) in enumerate(STATUSES)}


def test_a_run_costs_what_the_services_send_for_it() -> None:
    world = Watched()
    world.run()
    rows = world.ledger.records
    counted = Costs(
        writes=world.jobs.calls.count("submit"),
        reads=world.jobs.calls.count("get"),
        messages=world.handled.total(),
        events=world.handled[Queue.INBOUND_EVENTS],
        record_messages=world.handled[Queue.RUN_EVENTS],
        rows=len(rows.run_events) + len(rows.aml_events),
    )
    assert costs(life()) == counted


def test_the_messages_of_a_run_come_when_the_simulation_says() -> None:
    world = Watched()
    world.run()
    expected = [0.0, 0.0]  # ACCEPTED and SUBMITTED
    for moment in life():
        expected += [float(moment.after)] * (moment.events + (moment.checks if moment.is_change else 0))
    assert sorted(world.record_times) == sorted(expected)


def test_messages_are_about_as_large_as_is_assumed() -> None:
    world = Watched()
    world.run()
    mean = sum(world.sizes) / len(world.sizes)
    assert mean < MESSAGE_BYTES < 3 * mean, "bodies alone; the broker adds properties"
