"""Accepting: each request is answered, and what is accepted is queued before the answer."""

from dataclasses import replace

import pytest

from bridge.adapters.memory import MemoryQueues
from bridge.domain.commands import SubmitRun
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.queues import Queue
from bridge.domain.statuses import BridgeStatus
from bridge.ports import Bridge
from bridge.services.accept_runs import accept_runs
from tests.unit.requests import reported, request, statuses


def test_an_accepted_request_is_queued_and_reported(bridge: Bridge, queues: MemoryQueues) -> None:
    answer = accept_runs([request()], bridge)[0]

    (message,) = queues.sent[Queue.RUN_COMMANDS]
    assert isinstance(message.body, SubmitRun)
    assert (answer.status, message.body.run_id) == (BridgeStatus.ACCEPTED, answer.run_id)
    assert message.body.inputs == {"as_of": "2026-11-01", "rows": 1000}
    assert (message.body.workspace, message.body.component) == ("ws1", "azureml:churn:3")
    assert statuses(queues) == ["ACCEPTED"]


def test_the_same_key_is_the_same_run_and_another_key_another(bridge: Bridge) -> None:
    first, again, other = (accept_runs([request(key)], bridge)[0].run_id for key in ("k1", "k1", "k2"))

    assert first == again != other


def test_without_a_key_the_batch_and_row_identify_the_run(bridge: Bridge) -> None:
    row = request(key=None)
    row = replace(row, origin=replace(row.origin, query_batch_id="b1", row_number=7))

    ids = {accept_runs([row], bridge)[0].run_id for _ in range(3)}

    assert len(ids) == 1


def test_without_any_identity_each_request_is_a_run_of_its_own(bridge: Bridge) -> None:
    assert accept_runs([request(None)], bridge)[0].run_id != accept_runs([request(None)], bridge)[0].run_id


def test_a_bad_row_does_not_hurt_its_neighbours(bridge: Bridge, queues: MemoryQueues) -> None:
    answers = accept_runs([request("a"), request("b", rows=-1), request("c")], bridge)

    assert [answer.status for answer in answers] == ["ACCEPTED", "REJECTED", "ACCEPTED"]
    assert len(queues.sent[Queue.RUN_COMMANDS]) == 2
    assert sorted(statuses(queues)) == ["ACCEPTED", "ACCEPTED", "REJECTED"]
    assert {violation.field for violation in answers[1].violations} == {"as_of", "rows"}


def test_an_unknown_pipeline_is_rejected_with_a_hint(bridge: Bridge) -> None:
    (answer,) = accept_runs([request(pipeline="trian")], bridge)

    assert answer.violations[0].code == "UNKNOWN_PIPELINE"
    assert '"train"' in answer.violations[0].message


def test_who_is_not_allowed_is_told_so(bridge: Bridge) -> None:
    wanted = request()
    wanted = replace(wanted, origin=replace(wanted.origin, principal="event:custom"))

    (answer,) = accept_runs([wanted], bridge)

    assert answer.violations[0].code == "NOT_ALLOWED"


def test_one_key_with_other_inputs_in_one_request_is_a_conflict(bridge: Bridge, queues: MemoryQueues) -> None:
    first, second = accept_runs([request("k"), request("k", as_of="2026-11-02")], bridge)

    assert (first.status, second.violations[0].code) == ("ACCEPTED", "IDEMPOTENCY_CONFLICT")
    assert len(queues.sent[Queue.RUN_COMMANDS]) == 1


def test_a_repeated_row_is_accepted_twice_and_queued_once(bridge: Bridge, queues: MemoryQueues) -> None:
    answers = accept_runs([request("k"), request("k")], bridge)

    assert [answer.status for answer in answers] == ["ACCEPTED", "ACCEPTED"]
    assert len(queues.sent[Queue.RUN_COMMANDS]) == 1


def test_a_row_that_no_message_can_hold_is_rejected(bridge: Bridge, queues: MemoryQueues) -> None:
    wanted = request()
    wanted = replace(wanted, origin=replace(wanted.origin, rule_chain=("x" * 200_000,)))

    (answer,) = accept_runs([wanted], bridge)

    assert answer.violations[0].code == "TOO_LARGE"
    assert not queues.sent[Queue.RUN_COMMANDS]


def test_when_the_queue_is_away_nothing_claims_to_be_accepted(bridge: Bridge, queues: MemoryQueues) -> None:
    queues.failures.append(ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        accept_runs([request()], bridge)

    assert not reported(queues)


def test_the_same_request_after_a_half_failure_makes_it_whole(bridge: Bridge, queues: MemoryQueues) -> None:
    accept_runs([request()], bridge)
    queues.sent[Queue.RUN_EVENTS].clear()  # as if the second send had failed

    accept_runs([request()], bridge)

    first, second = queues.sent[Queue.RUN_COMMANDS]
    assert first.message_id == second.message_id
    assert statuses(queues) == ["ACCEPTED"]


def test_a_dry_run_queues_nothing(bridge: Bridge, queues: MemoryQueues) -> None:
    (answer,) = accept_runs([request()], bridge, dry_run=True)

    assert answer.command is not None
    assert answer.command.inputs["rows"] == 1000
    assert not any(queues.sent.values())


def test_two_thousand_rows_are_reported_in_messages_that_fit(bridge: Bridge, queues: MemoryQueues) -> None:
    accept_runs([request(f"k{i}") for i in range(2000)], bridge)

    assert len(queues.sent[Queue.RUN_COMMANDS]) == 2000
    assert len({event.run_id for event in reported(queues)}) == 2000
    assert all(len(queues.text(message.body).encode()) <= 192 * 1024 for message in queues.sent[Queue.RUN_EVENTS])
