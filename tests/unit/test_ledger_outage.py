"""An hour without Snowflake, by the clock: every run is recorded in the end, in one catch-up of few statements."""

import json
from datetime import timedelta
from pathlib import Path

from bridge.adapters.memory import MemoryClock, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.ports import Bridge, Message
from bridge.services.record_events import record_events
from tests.unit.parts import parts

HOST_JSON = Path(__file__).parents[2] / "host.json"
BATCH = int(json.loads(HOST_JSON.read_text(encoding="utf-8"))["extensions"]["serviceBus"]["maxMessageBatchSize"])
SECOND = timedelta(seconds=1)
RUNS = 3600


class Consumer:
    """The queue of records and the function that empties it, in batches of what is due."""

    def __init__(self, bridge: Bridge, queues: MemoryQueues, clock: MemoryClock) -> None:
        self._bridge, self._sent, self._clock = bridge, queues.sent[Queue.RUN_EVENTS], clock
        self._waiting: list[Message] = []
        #: When batches were handled, by the clock.
        self.batches: list[float] = []

    def work(self) -> None:
        self._waiting += self._sent
        self._sent.clear()
        due = [each for each in self._waiting if each.due is None or each.due <= self._clock.now()]
        for start in range(0, len(due), BATCH):
            batch = due[start : start + BATCH]
            taken = set(map(id, batch))  # to compare bodies would take half a minute
            self._waiting = [each for each in self._waiting if id(each) not in taken]
            records = [message.body for message in batch if isinstance(message.body, Records)]
            self.batches.append(self._clock.now().timestamp())
            record_events(parts(Records.together(records)), self._bridge)

    @property
    def is_empty(self) -> bool:
        return not self._waiting and not self._sent


def test_after_an_hour_without_the_ledger_it_catches_up_in_few_statements(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock
) -> None:
    consumer = Consumer(bridge, queues, clock)
    ledger.failures = [ServiceUnavailable() for _ in range(100_000)]
    for number in range(RUNS):  # one a second
        fact = events.job_fact(f"run-{number}", "COMPLETED", clock.now())
        queues.send(Queue.RUN_EVENTS, [Message(message_id=str(number), body=Records(run_events=(fact,)))])
        clock.advance(SECOND)
        if number % 30 == 0:
            consumer.work()
    assert ledger.writes == []
    assert len(ledger.failures) < 100_000, "the outage struck"
    tried_before = len(consumer.batches)

    ledger.failures = []
    while not consumer.is_empty:
        clock.advance(SECOND)
        consumer.work()

    recorded = {event.run_id for event in ledger.records.run_events}
    assert recorded == {f"run-{number}" for number in range(RUNS)}
    assert len(ledger.records.run_events) == RUNS, "each once"
    assert len(ledger.writes) <= 8, "what had been put off met at few moments"
    assert max(ledger.writes) > RUNS / 2, "most of it in one"
    assert tried_before < 700, "nobody asked in a hot loop"
