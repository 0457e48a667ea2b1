"""Writing rows: parts, outages, a slow ledger, refused values."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.adapters.memory import MemoryClock, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events
from bridge.domain.errors import RefusedData, ServiceUnavailable
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.ports import Bridge
from bridge.services.record_events import BUDGET, Part, record_events
from tests.unit.parts import parts
from tests.unit.requests import reported


def facts(count: int, bridge: Bridge) -> Records:
    now = bridge.clock.now()
    return Records(run_events=tuple(events.job_fact(f"run-{i}", "RUNNING", now) for i in range(count)))


def test_a_batch_is_one_write(bridge: Bridge, ledger: MemoryLedger) -> None:
    record_events(parts(facts(1000, bridge)), bridge)

    assert ledger.writes == [1000]


def test_while_the_ledger_is_away_the_batch_is_put_off_to_one_moment(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock
) -> None:
    ledger.failures += [ServiceUnavailable(), ServiceUnavailable(retry_after=timedelta(seconds=15))]
    started = clock.now()

    record_events(parts(facts(3000, bridge)), bridge)
    clock.advance(timedelta(seconds=1))
    record_events(parts(replace(facts(3000, bridge), try_=1)), bridge)

    messages = queues.sent[Queue.RUN_EVENTS]
    assert started.second % 20 == 0
    assert {message.due for message in messages} == {started + timedelta(seconds=10), started + timedelta(seconds=20)}
    assert len({message.message_id for message in messages}) == len(messages)
    assert len(reported(queues)) == 6000


def test_what_is_put_off_within_an_outage_meets_at_one_moment(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock
) -> None:
    ledger.failures += [ServiceUnavailable()] * 60

    for _ in range(60):  # ten minutes of batches that have failed before
        record_events(parts(replace(facts(10, bridge), try_=9)), bridge)
        clock.advance(timedelta(seconds=9.9))

    assert len({message.due for message in queues.sent[Queue.RUN_EVENTS]}) == 1


def test_it_never_gives_up_on_the_ledger(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> None:
    ledger.failures.append(ServiceUnavailable())

    record_events(parts(replace(facts(1, bridge), try_=10_000)), bridge)

    assert len(queues.sent[Queue.RUN_EVENTS]) == 1


def test_what_follows_a_part_that_the_ledger_did_not_take_is_put_off_without_asking_again(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    ledger.failures.append(ServiceUnavailable())

    record_events(parts(facts(10, bridge), Records(), facts(20, bridge)), bridge)

    assert ledger.writes == []
    assert len(reported(queues)) == 30
    assert {message.body.try_ for message in queues.sent[Queue.RUN_EVENTS] if isinstance(message.body, Records)} == {1}


def test_a_slow_ledger_gets_the_rest_later_so_that_no_lock_runs_out(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock
) -> None:
    def slowly() -> Iterator[Part]:
        yield from parts(facts(10, bridge))
        clock.advance(BUDGET)
        yield from parts(facts(20, bridge))
        clock.advance(timedelta(seconds=1))
        yield from parts(facts(30, bridge))

    record_events(slowly(), bridge)

    assert ledger.writes == [10, 20]
    assert len(reported(queues)) == 30


def test_a_slow_search_for_a_refused_row_goes_on_later_where_it_was(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.refused_runs = {"run-63"}
    write = ledger.write

    def slow(records: Records) -> None:
        clock.advance(BUDGET / 3)
        write(records)

    monkeypatch.setattr(ledger, "write", slow)

    record_events(parts(facts(64, bridge)), bridge)

    assert ledger.writes == [32], "of four writes, all as they came and anew and the second half were refused"
    assert [len(message.body) for message in queues.sent[Queue.RUN_EVENTS] if isinstance(message.body, Records)] == [
        16,
        16,
    ]


def test_only_the_refused_row_leaves_the_batch(bridge: Bridge, ledger: MemoryLedger) -> None:
    ledger.refused_runs = {"run-41"}

    record_events(parts(facts(100, bridge)), bridge)

    assert len(ledger.records.run_events) == 99
    (letter,) = ledger.records.dead_letters
    assert (letter.run_id, letter.reason) == ("run-41", "REFUSED_BY_LEDGER")


def test_a_refused_dead_letter_stays_with_the_broker(bridge: Bridge, ledger: MemoryLedger) -> None:
    ledger.failures += [RefusedData("no", code="1")] * 3  # as it came, anew, its letter

    with pytest.raises(RefusedData):
        record_events(parts(facts(1, bridge)), bridge)


def test_when_ledger_and_queue_are_away_the_broker_keeps_the_batch(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    ledger.failures.append(ServiceUnavailable())
    queues.failures.append(ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        record_events(parts(facts(1, bridge)), bridge)
