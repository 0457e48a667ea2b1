"""The REST routes for reruns and dead letters."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.adapters.memory import MemoryClock, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events
from bridge.domain.commands import SubmitRun
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.queues import Queue
from bridge.domain.records import DeadLetter, Records, dead_letter
from bridge.domain.statuses import JobStatus
from bridge.handlers import dead_letters, runs
from bridge.ports import Bridge, DeadLetterFilter
from tests.unit.invocations import document, http, problem
from tests.unit.requests import accepted, reported, request

UNKNOWN = "r-" + "z" * 26


@pytest.fixture
def run_id(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> str:
    """A run that the ledger knows; the queues are empty."""
    command = accepted(bridge, queues, request("first"))
    ledger.write(Records(run_events=tuple(reported(queues))))
    queues.sent[Queue.RUN_EVENTS].clear()
    return command.run_id


def command(queues: MemoryQueues) -> SubmitRun:
    (message,) = queues.sent[Queue.RUN_COMMANDS]
    assert isinstance(message.body, SubmitRun)
    return message.body


# rerun


def test_a_run_is_started_again(run_id: str, bridge: Bridge, queues: MemoryQueues) -> None:
    response = runs.rerun(http(run_id=run_id, body={"idempotency_key": "k"}), lambda: bridge)

    new = command(queues)
    assert response.status_code == 202
    assert response.headers["Location"] == f"/api/v1/runs/{new.run_id}"
    assert document(response) == {
        "status": "ACCEPTED",
        "run_id": new.run_id,
        "pipeline": "train",
        "fingerprint": new.fingerprint,
        "trace_id": new.origin.trace_id,
        "idempotency_key": "k",
        "rerun_of": run_id,
    }
    assert (new.rerun_of, new.origin.source, new.origin.principal) == (run_id, "http", "key")


def test_a_procedure_of_ours_is_told_from_other_callers(run_id: str, bridge: Bridge, queues: MemoryQueues) -> None:
    runs.rerun(http(run_id=run_id, headers={"x-bridge-source": "procedure"}), lambda: bridge)

    assert command(queues).origin.source == "procedure"


def test_the_key_of_a_rerun_may_come_as_a_header(run_id: str, bridge: Bridge) -> None:
    by_header = http(run_id=run_id, headers={"Idempotency-Key": "k"})

    one, same = (
        document(runs.rerun(wanted, lambda: bridge))["run_id"]
        for wanted in (by_header, http(run_id=run_id, body={"idempotency_key": "k"}))
    )

    assert one == same


@pytest.mark.parametrize("body", [b"", {}, {"idempotency_key": None}])
def test_without_a_key_each_rerun_is_a_run_of_its_own(run_id: str, bridge: Bridge, body: Any) -> None:
    one, other = (document(runs.rerun(http(run_id=run_id, body=body), lambda: bridge)) for _ in range(2))

    assert one["run_id"] != other["run_id"]
    assert one["idempotency_key"] != other["idempotency_key"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{", {}),
        (b"[]", {}),
        ({"idempotency_key": "k", "inputs": {}}, {}),
        ({"idempotency_key": "k"}, {"Idempotency-Key": "other"}),
        ({"idempotency_key": "a\nb"}, {}),
    ],
)
def test_a_body_that_is_no_rerun_is_refused(
    run_id: str, bridge: Bridge, queues: MemoryQueues, body: Any, headers: dict[str, str]
) -> None:
    problem(runs.rerun(http(run_id=run_id, body=body, headers=headers), lambda: bridge), 400)

    assert not any(queues.sent.values())


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (UNKNOWN, (404, "UNKNOWN_RUN")),
        ("bare", (409, "INPUTS_NOT_KEPT")),
        ("first", (422, "BAD_KEY")),
    ],
)
def test_a_rerun_that_cannot_be_has_the_status_of_its_kind(
    run_id: str, bridge: Bridge, ledger: MemoryLedger, asked: str, expected: tuple[int, str]
) -> None:
    bare = "r-" + "b" * 26
    ledger.write(Records(run_events=(events.job_fact(bare, JobStatus.RUNNING, bridge.clock.now(), pipeline="train"),)))
    asked = {"bare": bare, "first": run_id}.get(asked, asked)

    found = problem(runs.rerun(http(run_id=asked, body={"idempotency_key": "first"}), lambda: bridge), expected[0])

    assert (found["code"], found["rerun_of"]) == (expected[1], asked)


def test_what_is_no_run_id_cannot_be_started_again(bridge: Bridge) -> None:
    found = problem(runs.rerun(http(run_id="latest"), lambda: bridge), 404)

    assert "they look like r-" in found["detail"]


def test_a_rerun_that_could_not_be_queued_can_be_sent_again_with_its_key(
    run_id: str, bridge: Bridge, queues: MemoryQueues
) -> None:
    queues.failures.append(ServiceUnavailable())
    found = problem(runs.rerun(http(run_id=run_id), lambda: bridge), 503)

    again = document(
        runs.rerun(http(run_id=run_id, body={"idempotency_key": found["idempotency_key"]}), lambda: bridge)
    )

    assert again["run_id"] == command(queues).run_id


# lists of dead letters


def letter(queue: str = "run-commands", body: str = "{", **change: Any) -> DeadLetter:
    facts: dict[str, Any] = {"message_id": "m1", "reason": "POISON", "description": "d", "run_id": None}
    return dead_letter(queue=queue, body=body, at=MemoryClock().now(), **facts | change)


@dataclass
class AskedLedger(MemoryLedger):
    """Remembers how it was asked."""

    asked: list[DeadLetterFilter]

    def __init__(self) -> None:
        super().__init__()
        self.asked = []

    def dead_letters(self, wanted: DeadLetterFilter) -> Any:
        self.asked.append(wanted)
        return super().dead_letters(wanted)


def asked(bridge: Bridge, **params: str) -> DeadLetterFilter:
    """How the ledger is asked for a list with this query."""
    ledger = AskedLedger()
    response = dead_letters.listing(http("GET", params=params), lambda: replace(bridge, ledger=ledger))
    assert response.status_code == 200, response.get_body()
    (wanted,) = ledger.asked
    return wanted


def test_dead_letters_are_listed_from_the_ledger(bridge: Bridge, ledger: MemoryLedger) -> None:
    kept = letter(body="x" * 5000)
    ledger.write(Records(dead_letters=(kept,)))

    response = dead_letters.listing(http("GET", params={"code": "the-key"}), lambda: bridge)

    found = document(response)
    (row,) = found["dead_letters"]
    assert (found["limit"], found["offset"]) == (50, 0)
    assert (row["dead_letter_id"], row["queue"], row["reason"]) == (kept.dead_letter_id, "run-commands", "POISON")
    assert (len(row["body"]), row["body_characters"]) == (2000, 5000)


def test_a_query_restricts_the_list(bridge: Bridge) -> None:
    wanted = asked(bridge, queue="run-control", run_id=UNKNOWN, since="2026-11-20T10:00:00", limit="500", offset="7")

    assert wanted == DeadLetterFilter(
        queue="run-control",
        run_id=UNKNOWN,
        since=datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
        limit=500,
        offset=7,
    )


@pytest.mark.parametrize(
    "params", [{"queue": "reports"}, {"limit": "0"}, {"limit": "501"}, {"since": "x"}, {"reason": "POISON"}]
)
def test_a_query_that_is_none_is_refused_by_its_parameter(bridge: Bridge, params: dict[str, str]) -> None:
    found = problem(dead_letters.listing(http("GET", params=params), lambda: bridge), 400)

    assert found["detail"].startswith(f"query: {next(iter(params))}: ")


# replay


def test_one_dead_letter_is_shown_with_its_whole_body(bridge: Bridge, ledger: MemoryLedger) -> None:
    kept = letter(body="x" * 3000)
    ledger.write(Records(dead_letters=(kept,)))

    response = dead_letters.show(http("GET", dead_letter_id=kept.dead_letter_id), lambda: bridge)

    assert response.status_code == 200
    found = json.loads(response.get_body())
    assert (found["dead_letter_id"], found["queue"], found["body"]) == (kept.dead_letter_id, kept.queue, "x" * 3000)


def test_a_dead_letter_that_is_not_there_is_told(bridge: Bridge) -> None:
    found = problem(dead_letters.show(http("GET", dead_letter_id="gone"), lambda: bridge), 404)

    assert (found["code"], found["dead_letter_id"]) == ("UNKNOWN_DEAD_LETTER", "gone")
    assert "shows up within" in found["detail"]


def test_a_dead_letter_is_replayed(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> None:
    body = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}}
    kept = letter(body=json.dumps(body))
    ledger.write(Records(dead_letters=(kept,)))

    response = dead_letters.replay(
        http(dead_letter_id=kept.dead_letter_id, headers={"x-correlation-id": "c-1"}), lambda: bridge
    )

    assert response.status_code == 202
    assert document(response) == {
        "status": "REPLAYED",
        "dead_letter_id": kept.dead_letter_id,
        "queue": "run-commands",
        "run_id": command(queues).run_id,
        "attempt": 2,
        "correlation_id": "c-1",
    }


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (None, (404, "UNKNOWN_DEAD_LETTER")),
        (letter(), (422, "UNREADABLE")),
        (letter(body="x" * 60_001), (422, "BODY_CUT")),
        (letter("inbound-events", "{}"), (422, "UNKNOWN_DOOR")),
    ],
)
def test_a_replay_that_cannot_be_has_the_status_of_its_kind(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, kept: DeadLetter | None, expected: tuple[int, str]
) -> None:
    ledger.write(Records(dead_letters=(kept,) if kept else ()))
    asked = kept.dead_letter_id if kept else "gone"

    found = problem(dead_letters.replay(http(dead_letter_id=asked), lambda: bridge), expected[0])

    assert (found["code"], found["dead_letter_id"]) == (expected[1], asked)
    assert not any(queues.sent.values())


def test_a_replay_that_could_not_be_queued_can_be_asked_for_again(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    kept = letter(body='{"pipeline": "train", "inputs": {"as_of": "2026-11-01"}}')
    ledger.write(Records(dead_letters=(kept,)))
    queues.failures.append(ServiceUnavailable())

    problem(dead_letters.replay(http(dead_letter_id=kept.dead_letter_id), lambda: bridge), 503)
