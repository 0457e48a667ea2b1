"""`run_and_wait`: a POST starts the runs of a batch, GETs come back with every row once all have ended."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import azure.functions as func
import pytest

from bridge.adapters.memory import MemoryClock, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events
from bridge.domain.commands import SubmitRun
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.handlers import run_and_wait
from bridge.ports import Bridge
from bridge.services.run_and_wait import BATCHES_KEPT, RecentBatches
from tests.unit.invocations import BATCH_ID, SNOWFLAKE_HEADERS, batch, document, http, problem

INPUTS = {"as_of": "2026-11-01"}


class CountingLedger(MemoryLedger):
    """A ledger that counts how often it is asked, and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.is_away = False

    def batch(self, query_batch_id: str) -> Sequence[Mapping[str, Any]]:
        self.reads.append(query_batch_id)
        if self.is_away:
            raise ServiceUnavailable("the ledger is away", retry_after=timedelta(seconds=17))
        return super().batch(query_batch_id)


@pytest.fixture
def ledger() -> CountingLedger:
    return CountingLedger()


class Waiting:
    """Snowflake, the queues' consumers and Azure ML in one."""

    def __init__(self, bridge: Bridge, queues: MemoryQueues, ledger: CountingLedger, clock: MemoryClock) -> None:
        self.bridge, self.queues, self.ledger, self.clock = bridge, queues, ledger, clock
        self.recent = RecentBatches()

    def post(self, *rows: list[Any], **headers: str) -> func.HttpResponse:
        request = batch(*([number, *row] for number, row in enumerate(rows)), **headers)
        return run_and_wait.run_and_wait(request, lambda: self.bridge, self.recent)

    def get(self, batch_id: str = BATCH_ID, *, later: float = 10) -> func.HttpResponse:
        self.clock.advance(timedelta(seconds=later))
        headers = {**SNOWFLAKE_HEADERS, "sf-external-function-query-batch-id": batch_id}
        request = http("GET", headers={name: value for name, value in headers.items() if value})
        return run_and_wait.run_and_wait(request, lambda: self.bridge, self.recent)

    def values(self, *, later: float = 10) -> list[dict[str, Any]]:
        response = self.get(later=later)
        assert response.status_code == 200, response.get_body()
        rows = document(response)["data"]
        assert [number for number, _ in rows] == sorted({number for number, _ in rows})
        return [value for _, value in rows]

    def record(self) -> None:
        """What was reported so far is written."""
        for sent in self.queues.sent[Queue.RUN_EVENTS]:
            assert isinstance(sent.body, Records)
            self.ledger.write(sent.body)
        self.queues.sent[Queue.RUN_EVENTS].clear()

    def commands(self) -> list[SubmitRun]:
        return [sent.body for sent in self.queues.sent[Queue.RUN_COMMANDS] if isinstance(sent.body, SubmitRun)]

    def job(self, run_id: str, status: str, **columns: Any) -> None:
        self.ledger.write(Records(run_events=(events.job_fact(run_id, status, self.clock.now(), **columns),)))

    def end_all(self, status: str = "COMPLETED", **columns: Any) -> None:
        for command in self.commands():
            self.job(command.run_id, status, **columns)


@pytest.fixture
def waiting(bridge: Bridge, queues: MemoryQueues, ledger: CountingLedger, clock: MemoryClock) -> Waiting:
    return Waiting(bridge, queues, ledger, clock)


def row(day: int = 1, key: str | None = None) -> list[Any]:
    return ["train", {"as_of": f"2026-11-{day:02}"}, key]


def test_a_row_is_answered_when_its_run_has_ended(waiting: Waiting) -> None:
    started = waiting.post(row())
    waiting.record()
    (command,) = waiting.commands()
    waiting.job(command.run_id, "RUNNING")
    between = waiting.get()
    url = "https://ml.azure.com/runs/x"
    moment = datetime.fromisoformat("2026-11-20T10:00:30+00:00")
    waiting.job(command.run_id, "COMPLETED", outputs={"rows": 5}, studio_url=url, started_at=moment, ended_at=moment)

    (value,) = waiting.values()

    assert started.status_code == between.status_code == 202
    assert int(started.headers["Retry-After"]) > 0
    assert value == {
        "status": "COMPLETED",
        "run_id": command.run_id,
        "pipeline": "train",
        "fingerprint": command.fingerprint,
        "trace_id": command.origin.trace_id,
        "outputs": {"rows": 5},
        "studio_url": url,
        "started_at": "2026-11-20T10:00:30+00:00",
        "ended_at": "2026-11-20T10:00:30+00:00",
        "timed_out": False,
    }


def test_an_instance_that_never_saw_the_batch_answers_as_well(waiting: Waiting) -> None:
    waiting.post(row())
    waiting.record()
    waiting.end_all()
    waiting.recent = RecentBatches()

    assert [value["status"] for value in waiting.values()] == ["COMPLETED"]


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "CANCELED"])
def test_every_end_is_an_end(waiting: Waiting, status: str) -> None:
    waiting.post(row())
    waiting.record()
    waiting.end_all(status, error_code=None if status == "COMPLETED" else "UserError", error_message="no")

    (value,) = waiting.values()

    assert (value["status"], value["timed_out"]) == (status, False)
    assert value.get("error") == (None if status == "COMPLETED" else {"code": "UserError", "message": "no"})


def test_good_and_bad_rows_come_together_and_in_order(waiting: Waiting) -> None:
    started = waiting.post(row(1), ["trian", INPUTS, None], row(3))
    waiting.record()
    waiting.end_all()

    values = waiting.values()

    assert started.status_code == 202
    assert [value["status"] for value in values] == ["COMPLETED", "REJECTED", "COMPLETED"]
    assert values[1]["error"]["code"] == "UNKNOWN_PIPELINE"
    assert values[1]["run_id"].startswith("r-")
    assert len({value["run_id"] for value in values}) == 3


def test_when_every_row_is_bad_the_answer_is_there_at_once(waiting: Waiting) -> None:
    response = waiting.post(["trian", INPUTS, None], ["train", {}, None])

    assert response.status_code == 200
    assert [value["error"]["code"] for _, value in document(response)["data"]] == ["UNKNOWN_PIPELINE", "MISSING_INPUT"]
    assert not waiting.commands()


def test_an_empty_batch_is_answered_at_once(waiting: Waiting) -> None:
    response = waiting.post()

    assert (response.status_code, document(response)) == (200, {"data": []})


def test_it_waits_for_rows_that_are_not_recorded_yet(waiting: Waiting) -> None:
    waiting.post(row(1), row(2))
    assert waiting.get().status_code == 202
    first, second = waiting.queues.sent[Queue.RUN_EVENTS][0].body.run_events  # type: ignore[union-attr]
    waiting.ledger.write(Records(run_events=(first,)))
    waiting.end_all()
    assert waiting.get().status_code == 202

    waiting.ledger.write(Records(run_events=(second,)))

    assert len(waiting.values()) == 2


def test_two_rows_with_one_key_are_two_values_of_one_run(waiting: Waiting) -> None:
    waiting.post(row(1, "k"), row(1, "k"))
    waiting.record()
    assert len(waiting.commands()) == 1
    waiting.end_all()

    first, second = waiting.values()

    assert first == second


def test_a_row_with_anothers_key_and_other_inputs_is_refused_although_the_run_completes(waiting: Waiting) -> None:
    waiting.post(row(1, "k"), row(2, "k"))
    waiting.record()
    waiting.end_all()

    first, second = waiting.values()

    assert (first["status"], second["status"]) == ("COMPLETED", "REJECTED")
    assert second["error"]["code"] == "IDEMPOTENCY_CONFLICT"


def test_a_key_of_an_earlier_batch_for_other_work_is_no_success(waiting: Waiting) -> None:
    class WithFingerprints(CountingLedger):
        def batch(self, query_batch_id: str) -> Sequence[Mapping[str, Any]]:
            rows = super().batch(query_batch_id)
            return [{**each, "request_fingerprint": "asked", "fingerprint": "done"} for each in rows]

    waiting.ledger = WithFingerprints()
    waiting.bridge = replace(waiting.bridge, ledger=waiting.ledger)
    waiting.post(row(1, "k"))
    waiting.record()
    assert waiting.get().status_code == 202
    waiting.end_all()

    (value,) = waiting.values()

    assert (value["status"], value["error"]["code"], value["fingerprint"]) == (
        "REJECTED",
        "IDEMPOTENCY_CONFLICT",
        "asked",
    )


def test_after_eight_minutes_the_answer_is_what_is_known(waiting: Waiting) -> None:
    waiting.post(row(1), row(2), ["trian", INPUTS, None])
    waiting.record()
    first, second = waiting.commands()
    waiting.job(first.run_id, "COMPLETED")
    waiting.job(second.run_id, "RUNNING")
    assert waiting.get(later=469).status_code == 202

    values = waiting.values(later=11)

    assert [(value["status"], value.get("timed_out")) for value in values] == [
        ("COMPLETED", False),
        ("RUNNING", True),
        ("REJECTED", None),
    ]


def test_after_eight_minutes_rows_that_are_still_not_recorded_are_said_to_be_unknown(waiting: Waiting) -> None:
    waiting.post(row(1), row(2), row(3))
    _, second, _ = waiting.queues.sent[Queue.RUN_EVENTS][0].body.run_events  # type: ignore[union-attr]
    waiting.ledger.write(Records(run_events=(second,)))

    values = waiting.values(later=481)

    assert [(value["status"], value["timed_out"]) for value in values] == [
        ("UNKNOWN", True),
        ("ACCEPTED", True),
        ("UNKNOWN", True),
    ]


def test_a_batch_that_is_sent_again_starts_nothing_again(waiting: Waiting) -> None:
    waiting.post(row(1), row(2))
    waiting.post(row(1), row(2))
    waiting.record()
    waiting.end_all()

    assert len({command.run_id for command in waiting.commands()}) == 2
    assert len(waiting.values()) == 2


def test_the_ledger_is_read_once_in_ten_seconds(waiting: Waiting) -> None:
    waiting.post(row())
    waiting.record()
    answers = [waiting.get(later=3).status_code for _ in range(4)]  # the fourth comes 9 s after the first
    waiting.end_all()

    assert answers == [202] * 4
    assert waiting.ledger.reads == [BATCH_ID]
    assert len(waiting.values(later=1)) == 1
    assert waiting.ledger.reads == [BATCH_ID] * 2


def test_what_was_read_last_is_kept_for_some_batches_only(waiting: Waiting) -> None:
    for number in range(BATCHES_KEPT + 1):
        waiting.get(f"batch-{number}", later=0)

    waiting.get("batch-0", later=0)
    waiting.get(f"batch-{BATCHES_KEPT}", later=0)

    assert waiting.ledger.reads.count("batch-0") == 2
    assert waiting.ledger.reads.count(f"batch-{BATCHES_KEPT}") == 1


def test_while_the_ledger_is_away_snowflake_is_to_ask_again(waiting: Waiting) -> None:
    waiting.post(row())
    waiting.record()
    waiting.end_all()
    waiting.ledger.is_away = True
    answers = [waiting.get(later=4) for _ in range(3)]
    waiting.ledger.is_away = False

    for answer in answers:
        problem(answer, 503)
        assert answer.headers["Retry-After"] == "17"
    assert len(waiting.ledger.reads) == 1
    assert [value["status"] for value in waiting.values()] == ["COMPLETED"]


def test_while_the_queue_is_away_the_batch_is_to_be_sent_again(waiting: Waiting) -> None:
    waiting.queues.failures.append(ServiceUnavailable())

    problem(waiting.post(row()), 503)


def test_an_unknown_batch_is_waited_for(waiting: Waiting) -> None:
    response = waiting.get("never-seen")

    assert response.status_code == 202
    assert document(response) == {"status": "WAITING"}


def test_nobody_but_snowflake_can_wait(waiting: Waiting) -> None:
    problem(waiting.get(""), 400)
    problem(waiting.post(row(), sf_external_function_query_batch_id=""), 400)
    assert not waiting.commands()


def test_a_batch_that_repeats_a_row_number_cannot_be_waited_for(waiting: Waiting) -> None:
    request = batch([0, *row(1)], [0, *row(2)])

    found = problem(run_and_wait.run_and_wait(request, lambda: waiting.bridge, waiting.recent), 400)

    assert "comes twice" in found["detail"]
    assert not waiting.commands()
