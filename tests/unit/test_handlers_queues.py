"""Messages of `run-commands` and `run-control`: returning completes them, so nothing may be lost on the way."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.adapters.memory import MemoryJobs, MemoryQueues
from bridge.domain import identity
from bridge.domain.commands import CancelRun, CheckRun, SubmitRun
from bridge.domain.errors import ConfigurationError, PermanentError, RetryableError, ServiceUnavailable
from bridge.domain.pipelines import Allow, Catalogue
from bridge.domain.queues import Queue
from bridge.domain.records import DeadLetter
from bridge.domain.statuses import JobStatus
from bridge.handlers import queues as handlers
from bridge.payloads import bodies, lossless
from bridge.payloads.commands import QUEUE_DOOR, write_submit
from bridge.ports import Bridge
from tests.conftest import pipeline
from tests.unit.invocations import message
from tests.unit.requests import accepted, put_aside, reported, request, statuses

RUN_ID = "r-" + "a" * 26
DIRECT: dict[str, Any] = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}}
POISON = [b"", b"hello", b"\xff\xfe", b"[]", b"null", b'{"op": "explode"}', b"[" * 9999, b'{"pipeline": "\\ud800"}']


def submitted_id(key: str) -> str:
    return identity.run_id("bridge", "train", key)


def only_letter(queues: MemoryQueues) -> DeadLetter:
    (letter,) = put_aside(queues)
    return letter


# execute


def test_a_command_is_submitted_and_reported(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    command = accepted(bridge, queues)

    handlers.execute(message(bodies.write(command)), bridge)

    assert list(jobs.jobs) == [command.run_id]
    assert statuses(queues) == ["ACCEPTED", "SUBMITTED"]
    assert jobs.calls == ["submit"]
    assert {event.principal for event in reported(queues)} == {"key"}


@pytest.mark.parametrize(("count", "calls"), [(None, ["submit"]), (1, ["submit"]), (2, ["get"]), (9, ["get"])])
def test_a_redelivered_command_looks_for_its_job_first(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, count: int | None, calls: list[str]
) -> None:
    command = accepted(bridge, queues)
    handlers.execute(message(bodies.write(command)), bridge)
    jobs.calls.clear()

    handlers.execute(message(bodies.write(command), delivery_count=count), bridge)

    assert jobs.calls == calls
    assert len(jobs.jobs) == 1


def test_a_redelivered_request_looks_for_its_job_first(bridge: Bridge, jobs: MemoryJobs) -> None:
    for count in (1, 2):
        handlers.execute(message(DIRECT, delivery_count=count), bridge)

    assert jobs.calls == ["submit", "get"]


def test_a_request_posted_straight_to_the_queue_is_run_for_the_queue(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    handlers.execute(message({**DIRECT, "idempotency_key": "k1"}), bridge)

    assert list(jobs.jobs) == [submitted_id("k1")]
    (event,) = reported(queues)
    assert (event.source, event.principal, event.correlation_id) == (QUEUE_DOOR, QUEUE_DOOR, "k1")
    assert event.inputs == {"as_of": "2026-11-01", "rows": 1000}


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"message_id": "m-42"}, "m-42"),
        ({"message_id": "", "sequence_number": 99}, "run-commands:99"),
        ({"message_id": None, "sequence_number": 99}, "run-commands:99"),
    ],
)
def test_without_a_key_the_message_itself_is_the_key(
    bridge: Bridge, jobs: MemoryJobs, facts: dict[str, Any], key: str
) -> None:
    for _ in range(2):
        handlers.execute(message(DIRECT, **facts), bridge)

    assert list(jobs.jobs) == [submitted_id(key)]


@pytest.mark.parametrize(
    "claims",
    [
        {"principal": "key", "roles": ["ACCOUNTADMIN"], "source": "http"},
        {"principal": "key", "roles": ["ACCOUNTADMIN"], "source": "http", "accepted_at": "2026-11-20T10:00:00Z"},
    ],
)
def test_a_request_cannot_claim_to_come_from_somebody_else(
    bridge: Bridge, queues: MemoryQueues, claims: dict[str, Any]
) -> None:
    handlers.execute(message({**DIRECT, **claims}), bridge)

    (event,) = reported(queues)
    assert (event.source, event.principal) == (QUEUE_DOOR, QUEUE_DOOR)


def test_a_command_that_was_never_accepted_cannot_claim_a_principal(bridge: Bridge, queues: MemoryQueues) -> None:
    body = {**write_submit(accepted(bridge, queues)), "principal": "admin", "roles": ["ACCOUNTADMIN"]}
    del body["accepted_at"]
    queues.sent[Queue.RUN_EVENTS].clear()

    handlers.execute(message(lossless.dumps(body)), bridge)

    assert {event.principal for event in reported(queues)} == {QUEUE_DOOR}


@pytest.mark.parametrize("allow", [Allow(roles=frozenset({"TEAM"})), Allow(principals=frozenset({"approle:Team"}))])
def test_nor_can_it_claim_a_role(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, allow: Allow) -> None:
    body = {**write_submit(accepted(bridge, queues)), "roles": ["TEAM"], "app_roles": ["Team"]}
    del body["accepted_at"]

    narrow = Catalogue([replace(pipeline("train"), allow=allow)])
    handlers.execute(message(lossless.dumps(body)), replace(bridge, catalogue=narrow))

    assert reported(queues)[-1].error_code == "NOT_ALLOWED"
    assert not jobs.jobs


def test_a_bad_request_is_rejected_in_the_ledger(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    handlers.execute(message({"pipeline": "trian", "idempotency_key": "k"}), bridge)

    assert [(event.status, event.error_code) for event in reported(queues)] == [("REJECTED", "UNKNOWN_PIPELINE")]
    assert not jobs.jobs


@pytest.mark.parametrize("body", POISON, ids=repr)
def test_what_no_one_can_read_is_put_aside(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, body: bytes) -> None:
    handlers.execute(message(body, message_id="m-42"), bridge)

    letter = only_letter(queues)
    assert (letter.queue, letter.message_id, letter.reason) == ("run-commands", "m-42", "POISON")
    assert letter.body == body.decode(errors="replace")
    assert letter.description
    assert not jobs.calls


def test_a_huge_body_is_put_aside_cut(bridge: Bridge, queues: MemoryQueues) -> None:
    handlers.execute(message(b'{"pipeline": "' + b"x" * 250_000 + b'"}'), bridge)

    letter = only_letter(queues)
    assert len(letter.body) == 60_000
    assert "at most 1000 characters" in letter.description


def test_the_same_poison_again_is_the_same_dead_letter(bridge: Bridge, queues: MemoryQueues) -> None:
    for body in (b"hello", b"hello", b"good bye"):
        handlers.execute(message(body), bridge)

    first, again, other = (letter.dead_letter_id for letter in put_aside(queues))
    assert first == again != other


def test_when_poison_cannot_be_put_aside_the_broker_keeps_it(bridge: Bridge, queues: MemoryQueues) -> None:
    queues.failures.append(ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        handlers.execute(message(b"hello"), bridge)


# control


def test_a_check_looks_at_the_job(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    command = accepted(bridge, queues)
    handlers.execute(message(bodies.write(command)), bridge)
    jobs.jobs[command.run_id].status = JobStatus.COMPLETED
    check = queues.sent[Queue.RUN_CONTROL].pop().body

    handlers.control(message(bodies.write(check)), bridge)

    assert statuses(queues)[-1] == "COMPLETED"


def test_a_cancel_cancels_the_job(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    command = accepted(bridge, queues)
    handlers.execute(message(bodies.write(command)), bridge)
    cancel = CancelRun(run_id=command.run_id, workspace=None, requested_at=bridge.clock.now(), principal="key")

    handlers.control(message(bodies.write(cancel)), bridge)

    assert jobs.jobs[command.run_id].status == JobStatus.CANCEL_REQUESTED


@pytest.mark.parametrize(
    "body", [*POISON, bodies.write(CheckRun(run_id="r-other", workspace="ws1")).encode()], ids=repr
)
def test_a_control_message_that_no_one_can_read_is_put_aside(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, body: bytes
) -> None:
    handlers.control(message(body, message_id="", sequence_number=5), bridge)

    letter = only_letter(queues)
    assert (letter.queue, letter.message_id, letter.reason) == ("run-control", "run-control:5", "POISON")
    assert not jobs.calls


def test_a_submit_on_the_wrong_queue_is_put_aside(bridge: Bridge, queues: MemoryQueues) -> None:
    command = accepted(bridge, queues)
    assert isinstance(command, SubmitRun)
    queues.sent[Queue.RUN_EVENTS].clear()

    handlers.control(message(bodies.write(command)), bridge)
    handlers.execute(message({"op": "check", "run_id": RUN_ID, "workspace": "ws1"}), bridge)

    assert [letter.queue for letter in put_aside(queues)] == ["run-control", "run-commands"]


# failing


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the handler waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("bridge.handlers.queues.time.sleep", waited.append)
    return waited


@pytest.mark.parametrize(
    "error", [ServiceUnavailable(), RetryableError(), RuntimeError(), PermanentError("no", code="X")]
)
def test_what_could_not_be_handled_goes_back_slowly(pauses: list[float], error: Exception) -> None:
    with pytest.raises(type(error)), handlers.slow_to_fail():
        raise error

    assert pauses == [5.0]


def test_wrong_settings_wait_longer_for_somebody_to_mend_them(pauses: list[float]) -> None:
    with pytest.raises(ConfigurationError), handlers.slow_to_fail():
        raise ConfigurationError(["x"])

    assert pauses == [60.0]


def test_what_succeeds_does_not_wait(pauses: list[float], bridge: Bridge, queues: MemoryQueues) -> None:
    command = accepted(bridge, queues, request("slow"))

    with handlers.slow_to_fail():
        handlers.execute(message(bodies.write(command)), bridge)

    assert not pauses
