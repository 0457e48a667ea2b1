"""Batches of `run-events`, and the dead-letter queues: one bad message hurts no neighbour and is never lost."""

import hashlib

import pytest

from bridge.adapters.memory import MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events
from bridge.domain.commands import CheckRun
from bridge.domain.errors import RefusedData, ServiceUnavailable
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.domain.statuses import JobStatus
from bridge.handlers import queues as handlers
from bridge.payloads import bodies
from bridge.payloads.commands import write_submit
from bridge.ports import Bridge
from tests.unit.invocations import message
from tests.unit.requests import accepted, put_aside, statuses

POISON = [b"", b"hello", b"\xff\xfe", b"[]", b"null", b'{"run_events": [{}]}', b'{"schema_version": 2}', b"[" * 9999]
QUEUES = [Queue.RUN_COMMANDS, Queue.RUN_CONTROL, Queue.INBOUND_EVENTS]


def fact(run_id: str, bridge: Bridge) -> bytes:
    found = events.job_fact(run_id, JobStatus.RUNNING, bridge.clock.now())
    return bodies.write(Records(run_events=(found,))).encode()


def test_a_batch_is_one_write(bridge: Bridge, ledger: MemoryLedger) -> None:
    handlers.record([message(fact(f"r-{i}", bridge)) for i in range(100)], bridge)

    assert ledger.writes == [100]
    assert [event.run_id for event in ledger.records.run_events] == [f"r-{i}" for i in range(100)]


def test_a_large_batch_is_read_and_written_part_by_part(bridge: Bridge, ledger: MemoryLedger) -> None:
    now = bridge.clock.now()
    found = tuple(events.job_fact(f"r-{i}", JobStatus.RUNNING, now) for i in range(500))
    body = bodies.write(Records(run_events=found)).encode()
    per_part = -(-handlers.BYTES_AT_ONCE // len(body))

    handlers.record([message(body)] * 45, bridge)

    assert 15 < per_part < 45

    assert ledger.writes == [500 * per_part] * (45 // per_part) + [500 * (45 % per_part)]


def test_large_rows_are_written_part_by_part_as_well(bridge: Bridge, ledger: MemoryLedger) -> None:
    large = events.job_fact("r-1", JobStatus.RUNNING, bridge.clock.now(), payload={"text": "x" * 180_000})
    body = bodies.write(Records(run_events=(large,))).encode()

    handlers.record([message(body)] * 100, bridge)

    assert ledger.writes == [23, 23, 23, 23, 8]


def test_an_empty_batch_writes_nothing(bridge: Bridge, ledger: MemoryLedger) -> None:
    handlers.record([], bridge)
    handlers.record([message({"schema_version": 1})], bridge)

    assert ledger.writes == []


@pytest.mark.parametrize("body", POISON, ids=lambda body: repr(body[:30]))
def test_poison_in_a_batch_becomes_a_row_of_the_same_write(bridge: Bridge, ledger: MemoryLedger, body: bytes) -> None:
    batch = [fact("r-1", bridge), body, fact("r-2", bridge)]
    handlers.record([message(each, message_id=f"m{i}") for i, each in enumerate(batch)], bridge)

    assert [event.run_id for event in ledger.records.run_events] == ["r-1", "r-2"]
    (letter,) = ledger.records.dead_letters
    assert (letter.queue, letter.message_id, letter.reason) == ("run-events", "m1", "POISON")
    assert letter.body_sha256 == hashlib.sha256(body.decode(errors="replace").encode()).hexdigest()
    assert letter.occurred_at == bridge.clock.now()
    assert ledger.writes == [3]


def test_a_batch_of_nothing_but_poison_is_kept_whole(bridge: Bridge, ledger: MemoryLedger) -> None:
    handlers.record([message(body, message_id="", sequence_number=i) for i, body in enumerate(POISON)], bridge)

    assert [letter.message_id for letter in ledger.records.dead_letters] == [
        f"run-events:{i}" for i in range(len(POISON))
    ]
    assert len({letter.dead_letter_id for letter in ledger.records.dead_letters}) == len(POISON)


def test_while_the_ledger_is_away_poison_waits_with_its_neighbours(
    bridge: Bridge, ledger: MemoryLedger, queues: MemoryQueues
) -> None:
    ledger.failures.append(ServiceUnavailable())

    handlers.record([message(fact("r-1", bridge)), message(b"hello")], bridge)
    (copy,) = queues.sent[Queue.RUN_EVENTS]
    handlers.record([message(bodies.write(copy.body))], bridge)

    assert isinstance(copy.body, Records)
    assert copy.body.try_ == 1
    assert (len(ledger.records.run_events), len(ledger.records.dead_letters)) == (1, 1)


def test_a_row_that_the_ledger_refuses_leaves_alone(bridge: Bridge, ledger: MemoryLedger) -> None:
    ledger.refused_runs = {"r-1"}

    handlers.record([message(fact(f"r-{i}", bridge)) for i in range(3)], bridge)

    assert {event.run_id for event in ledger.records.run_events} == {"r-0", "r-2"}
    assert [letter.reason for letter in ledger.records.dead_letters] == ["REFUSED_BY_LEDGER"]


def test_rows_that_are_refused_as_they_came_are_written_anew(bridge: Bridge, ledger: MemoryLedger) -> None:
    """A time in another form of ISO 8601, say, that only we can read."""
    ledger.failures.append(RefusedData("no such time", code="100040"))

    handlers.record([message(fact(f"r-{i}", bridge)) for i in range(3)], bridge)

    assert len(ledger.records.run_events) == 3
    assert ledger.records.dead_letters == ()


def test_when_nothing_can_be_kept_the_broker_keeps_the_batch(bridge: Bridge, ledger: MemoryLedger) -> None:
    ledger.failures += [RefusedData("no", code="1")] * 3  # as it came, written anew, its letter

    with pytest.raises(RefusedData):
        handlers.record([message(fact("r-1", bridge))], bridge)


# dead letters


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("body", [*POISON, b'{"op": "check"}', b"x" * 250_000], ids=lambda body: repr(body[:20]))
def test_whatever_was_given_up_on_is_kept(bridge: Bridge, queues: MemoryQueues, queue: Queue, body: bytes) -> None:
    properties = {"DeadLetterReason": "MaxDeliveryCountExceeded", "DeadLetterErrorDescription": "ten times"}
    dead = message(body, application_properties=properties)

    handlers.dead(dead, queue, bridge)

    (letter,) = put_aside(queues)
    assert (letter.queue, letter.message_id) == (queue, "m1")
    assert (letter.reason, letter.description) == ("MaxDeliveryCountExceeded", "ten times")
    assert letter.body == body.decode(errors="replace")[:60_000]
    assert letter.run_id is None
    assert not queues.sent[Queue.RUN_CONTROL]


def test_a_message_without_a_reason_is_kept_as_well(bridge: Bridge, queues: MemoryQueues) -> None:
    handlers.dead(
        message(b"x", message_id="", sequence_number=3, application_properties=None), Queue.INBOUND_EVENTS, bridge
    )

    (letter,) = put_aside(queues)
    assert (letter.message_id, letter.reason, letter.description) == ("inbound-events:3", "UNKNOWN", "")


def test_a_dead_command_has_its_job_looked_for(bridge: Bridge, queues: MemoryQueues) -> None:
    command = accepted(bridge, queues)

    handlers.dead(message(bodies.write(command)), Queue.RUN_COMMANDS, bridge)

    (letter,) = put_aside(queues)
    (sent,) = queues.sent[Queue.RUN_CONTROL]
    assert letter.run_id == command.run_id
    assert isinstance(sent.body, CheckRun)
    assert (sent.body.run_id, sent.body.attempt, sent.body.step) == (command.run_id, 1, None)
    assert letter.dead_letter_id in str(sent.body.if_missing_fail)
    handlers.control(message(bodies.write(sent.body)), bridge)
    assert statuses(queues)[-1] == "FAILED"


def test_a_dead_command_whose_values_are_odd_is_kept_and_looked_for(bridge: Bridge, queues: MemoryQueues) -> None:
    body = {**write_submit(accepted(bridge, queues)), "inputs": {"a": [None, {"b": 1.5}], "c": None, "d": 10**50}}

    handlers.dead(message(body), Queue.RUN_COMMANDS, bridge)

    assert len(put_aside(queues)) == len(queues.sent[Queue.RUN_CONTROL]) == 1


def test_a_dead_control_command_is_kept_under_its_run(bridge: Bridge, queues: MemoryQueues) -> None:
    check = CheckRun(run_id="r-" + "a" * 26, workspace="ws1", step=3)

    handlers.dead(message(bodies.write(check)), Queue.RUN_CONTROL, bridge)

    (letter,) = put_aside(queues)
    assert letter.run_id == check.run_id
    assert not queues.sent[Queue.RUN_CONTROL]


def test_when_a_dead_letter_cannot_be_kept_it_stays_where_it_is(bridge: Bridge, queues: MemoryQueues) -> None:
    queues.failures.append(ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        handlers.dead(message(b"x"), Queue.INBOUND_EVENTS, bridge)
