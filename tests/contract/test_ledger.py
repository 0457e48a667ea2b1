"""What the services may expect of a Ledger, in memory and through the Snowflake connector on the emulator alike."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bridge.adapters.memory_ledger import MemoryLedger
from bridge.adapters.snowflake import SnowflakeLedger
from bridge.domain import events
from bridge.domain.commands import Origin, SubmitRun
from bridge.domain.errors import RefusedData, RetryableError
from bridge.domain.events import RunEvent
from bridge.domain.records import DeadLetter, Records, dead_letter
from bridge.domain.statuses import BridgeStatus, JobStatus, Note
from bridge.local.stack import Stack
from bridge.payloads import bodies
from bridge.payloads.records import ledger_rows
from bridge.ports import DeadLetterFilter, Ledger, RunFilter, RunSearch
from bridge.settings.app_settings import Settings
from tests.contract.ledgers import KINDS, ledger_of_kind

NOW = datetime.now(UTC).replace(microsecond=0)
#: Columns that both views show.
SHOWN = (
    "status", "pipeline", "attempt", "inputs", "outputs", "error_code", "error_message", "studio_url", "job_name",
    "workspace", "component", "source", "principal", "fingerprint", "query_id", "query_batch_id", "row_number",
    "batch_rows", "correlation_id", "trace_id", "rerun_of", "started_at", "ended_at",
)  # fmt: skip


@pytest.fixture(params=KINDS, scope="module")
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    yield from ledger_of_kind(request)


def new_run() -> str:
    return "r-" + uuid.uuid4().hex[:26]


def command(run_id: str, **change: Any) -> SubmitRun:
    whole: dict[str, Any] = {
        "run_id": run_id,
        "pipeline": "train",
        "inputs": {"n": 1},
        "fingerprint": "f",
        "component": "azureml:c:1",
        "workspace": "ws",
        "origin": Origin(source="http", principal="key", correlation_id="c", query_batch_id=run_id, row_number=0),
        "accepted_at": NOW,
    }
    return SubmitRun(**whole | change)


def accepted(run_id: str, **change: Any) -> RunEvent:
    wanted = command(run_id, **change)
    return events.bridge_fact(run_id, BridgeStatus.ACCEPTED, 1, NOW, **events.request_columns(wanted))


def test_a_run_is_unknown_until_something_is_written(ledger: Ledger) -> None:
    assert ledger.run(new_run()) is None


def test_a_run_is_folded_from_its_events(ledger: Ledger) -> None:
    run_id = new_run()
    done = events.job_fact(
        run_id, JobStatus.COMPLETED, NOW + timedelta(minutes=2), started_at=NOW, ended_at=NOW, outputs={"model": "m:1"}
    )
    ledger.write(Records(run_events=(done, events.submitted(command(run_id), NOW, studio_url="u"), accepted(run_id))))

    run = ledger.run(run_id)

    assert run is not None
    assert (run["status"], run["pipeline"], run["studio_url"]) == ("COMPLETED", "train", "u")
    assert (run["inputs"], run["outputs"]) == ({"n": 1}, {"model": "m:1"})
    assert datetime.fromisoformat(run["ended_at"]) == NOW


def test_numbers_beyond_a_double_survive(ledger: Ledger) -> None:
    run_id = new_run()
    inputs = {"big": 12345678901234567890123456789012345678, "text": 'quote " \\ \n é 漢', "none": None, "zero": 0}
    ledger.write(Records(run_events=(accepted(run_id, inputs=inputs),)))

    run = ledger.run(run_id)

    assert run is not None
    assert run["inputs"] == inputs


def test_a_decimal_keeps_its_value(ledger: Ledger) -> None:
    run_id = new_run()
    ledger.write(Records(run_events=(accepted(run_id, inputs={"rate": Decimal("0.1")}),)))

    run = ledger.run(run_id)

    assert run is not None
    assert run["inputs"]["rate"] == Decimal("0.1")


def test_rows_as_they_came_are_the_rows_that_would_be_written(ledger: Ledger) -> None:
    run_id, anew = new_run(), new_run()
    facts = (accepted(run_id), events.job_fact(run_id, JobStatus.RUNNING, NOW, started_at=NOW, outputs={"a": "ü\"'"}))
    body = bodies.write(Records(run_events=facts)).encode()

    ledger.write_rows(ledger_rows(body))
    ledger.write(Records(run_events=tuple(replace(fact, run_id=anew) for fact in facts)))

    runs = ledger.runs_by_id([run_id, anew])
    assert {name: runs[run_id][name] for name in SHOWN if name != "query_batch_id"} == {
        name: runs[anew][name] for name in SHOWN if name != "query_batch_id"
    }


def test_history_shows_each_event_once_in_order(ledger: Ledger) -> None:
    run_id = new_run()
    first, second = accepted(run_id), events.job_fact(run_id, JobStatus.RUNNING, NOW + timedelta(seconds=5))
    ledger.write(Records(run_events=(second, first)))
    ledger.write(Records(run_events=(first,)))

    history = ledger.events(run_id)

    assert [event["status"] for event in history] == ["ACCEPTED", "RUNNING"]


def test_runs_are_filtered_and_paged(ledger: Ledger) -> None:
    runs = [new_run() for _ in range(3)]
    pipeline = uuid.uuid4().hex
    ledger.write(Records(run_events=tuple(accepted(run_id, pipeline=pipeline) for run_id in runs)))
    ledger.write(Records(run_events=(events.job_fact(runs[0], JobStatus.RUNNING, NOW),)))

    def found(**wanted: Any) -> set[str]:
        return {row["run_id"] for row in ledger.runs(RunFilter(pipeline=pipeline, **wanted))}

    assert found() == set(runs)
    assert found(status="RUNNING") == {runs[0]}
    assert found(query_batch_id=runs[1]) == {runs[1]}
    assert len(found(limit=2)) == 2
    assert len(found(limit=2, offset=2)) == 1
    assert found(since=NOW - timedelta(hours=1)) == set(runs)
    assert found(since=NOW + timedelta(days=1)) == set()


def test_values_that_look_like_sql_are_values(ledger: Ledger) -> None:
    nasty = "x'; DROP TABLE RUN_EVENTS; --"
    ledger.write(Records(run_events=(accepted(new_run(), pipeline=nasty),)))

    assert len(ledger.runs(RunFilter(pipeline=nasty))) == 1


def test_only_ends_that_azure_ml_reported_count_as_ended(ledger: Ledger) -> None:
    done, gave_up, running = new_run(), new_run(), new_run()
    ledger.write(
        Records(
            run_events=(
                events.job_fact(done, JobStatus.CANCELED, NOW),
                events.bridge_fact(gave_up, BridgeStatus.FAILED, 1, NOW),
                events.job_fact(running, JobStatus.RUNNING, NOW),
            )
        )
    )

    assert ledger.ended([done, gave_up, running, new_run()]) == {done}


_bridge_facts = st.builds(
    lambda status, attempt, second, error: (status, attempt, second, error),
    st.sampled_from(BridgeStatus), st.integers(1, 2), st.integers(0, 50), st.sampled_from([None, "x"]),
)  # fmt: skip
_job_facts = st.builds(
    lambda status, second, url: (status, second, url),
    st.sampled_from(JobStatus), st.integers(0, 50), st.sampled_from([None, "u"]),
)  # fmt: skip


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bridge_facts=st.lists(_bridge_facts, max_size=4, unique_by=lambda fact: fact[:3]),
    job_facts=st.lists(_job_facts, max_size=4, unique_by=lambda fact: fact[:2]),
    note=st.booleans(),
    data=st.data(),
)
def test_the_view_and_the_domain_fold_alike(
    ledger: Ledger, bridge_facts: list[Any], job_facts: list[Any], *, note: bool, data: st.DataObject
) -> None:
    run_id = new_run()
    history = [
        events.bridge_fact(run_id, status, attempt, NOW + timedelta(seconds=second), error_message=error)
        for status, attempt, second, error in bridge_facts
    ]
    history += [
        events.job_fact(run_id, status, NOW + timedelta(seconds=second), studio_url=url)
        for status, second, url in job_facts
    ]
    if note:
        history.append(events.note(run_id, Note.CONFLICT, NOW, "1", {"message": "m"}))
    if not history:
        return
    shuffled = data.draw(st.permutations(history + history[:1]))
    half = len(shuffled) // 2
    for part in (shuffled[:half], shuffled[half:]):
        if part:
            ledger.write(Records(run_events=tuple(part)))

    run, folded = ledger.run(run_id), events.fold(history)

    if folded is None:
        assert run is None
    else:
        assert run is not None
        assert {name: run[name] for name in SHOWN} == {name: folded[name] for name in SHOWN}


def test_values_that_a_column_refuses_are_told_from_an_outage(ledger: Ledger) -> None:
    if isinstance(ledger, MemoryLedger):
        ledger.refused_runs = {"too bad"}
        bad = accepted("too bad")
    else:
        bad = accepted(new_run(), origin=Origin(source="s", principal="p", correlation_id="c", row_number=10**30))

    with pytest.raises(RefusedData):
        ledger.write(Records(run_events=(bad,)))


def test_a_missing_value_that_must_be_there_is_refused_data(settings: Settings) -> None:
    real = SnowflakeLedger(settings.snowflake.connection_arguments())
    bad = dead_letter(queue="q", message_id="m", body="", reason="r", description="d", run_id=None, at=NOW)

    with pytest.raises(RefusedData):
        real.write(Records(dead_letters=(replace(bad, queue=None),)))  # type: ignore[arg-type]
    real.close()


def test_what_people_look_at_holds_up_neither_runs_nor_rows(settings: Settings) -> None:
    real, run_id = SnowflakeLedger(settings.snowflake.connection_arguments()), new_run()
    with real._people._turn("search_runs", 0):  # a slow search
        real.write(Records(run_events=(accepted(run_id),)))
        assert real.run(run_id) is not None
    with real._work._turn("insert_run_events", 0):  # and the other way round
        found = real.search(RunSearch(since=NOW - timedelta(days=1), text=run_id))
    assert [row["run_id"] for row in found] == [run_id]
    real.close()


class TestOutages:
    """Only the real one can be away."""

    @pytest.fixture
    def real(self, settings: Settings) -> Iterator[SnowflakeLedger]:
        ledger = SnowflakeLedger(settings.snowflake.connection_arguments())
        yield ledger
        ledger.close()

    def test_a_refused_connection_is_worth_a_retry_and_then_works(
        self, real: SnowflakeLedger, emulators: Stack
    ) -> None:
        emulators.outage("snowflake", down=True)
        try:
            with pytest.raises(RetryableError):
                real.write(Records(run_events=(accepted(new_run()),)))
        finally:
            emulators.outage("snowflake", down=False)

        run_id = new_run()
        real.write(Records(run_events=(accepted(run_id),)))
        assert real.run(run_id) is not None

    def test_a_session_that_is_gone_is_made_again(self, real: SnowflakeLedger, emulators: Stack) -> None:
        real.write(Records(run_events=(accepted(new_run()),)))
        fault = emulators.plan_fault("snowflake", "session_gone", match={"verb": "INSERT"})
        run_id = new_run()

        real.write(Records(run_events=(accepted(run_id),)))

        assert emulators.fault("snowflake", fault)["struck"] == 1
        assert real.run(run_id) is not None

    def test_a_missing_table_is_no_fault_of_the_data(self, real: SnowflakeLedger, emulators: Stack) -> None:
        params = {"code": "002003", "sqlstate": "42S02", "message": "Object 'RUN_EVENTS' does not exist"}
        fault = emulators.plan_fault("snowflake", "error", match={"verb": "INSERT"}, params=params)

        with pytest.raises(RetryableError):
            real.write(Records(run_events=(accepted(new_run()),)))

        assert emulators.fault("snowflake", fault)["struck"] == 1

    def test_a_suspended_warehouse_is_no_fault_of_the_data(self, real: SnowflakeLedger, emulators: Stack) -> None:
        params = {"code": "090073", "sqlstate": "22000", "message": "Warehouse cannot be resumed: quota exceeded"}
        fault = emulators.plan_fault("snowflake", "error", match={"verb": "INSERT"}, params=params)

        with pytest.raises(RetryableError):
            real.write(Records(run_events=(accepted(new_run()),)))

        assert emulators.fault("snowflake", fault)["struck"] == 1

    def test_two_requests_of_one_run_fold_the_same_way_in_any_order(self, real: SnowflakeLedger) -> None:
        rows = []
        for reverse in (False, True):
            run_id = new_run()
            both = [
                events.submitted(
                    command(run_id, origin=Origin(source="s", principal="p", correlation_id=f"c{i}", query_id=f"q{i}")),
                    NOW,
                )
                for i in (1, 2)
            ]
            for event in reversed(both) if reverse else both:
                real.write(Records(run_events=(event,)))
            run, folded = real.run(run_id), events.fold(both)
            assert run is not None
            assert folded is not None
            rows.append((run["query_id"], folded["query_id"]))

        assert rows == [("q2", "q2"), ("q2", "q2")]

    def test_a_thousand_rows_are_one_statement(self, real: SnowflakeLedger, emulators: Stack) -> None:
        emulators.call("snowflake", "POST", "/reset", {})

        real.write(Records(run_events=tuple(accepted(new_run()) for _ in range(1000))))

        statements = emulators.call("snowflake", "GET", "/statements")
        inserts = {key: count for key, count in statements["counts"].items() if key.startswith("INSERT")}
        assert sum(inserts.values()) == 1, statements["counts"]


# several runs at once, batches, dead letters


def test_runs_are_read_by_their_ids(ledger: Ledger) -> None:
    known = [new_run() for _ in range(3)]
    ledger.write(Records(run_events=tuple(accepted(run_id, inputs={"of": run_id}) for run_id in known)))

    found = ledger.runs_by_id([known[0], known[2], new_run(), known[0]])

    assert set(found) == {known[0], known[2]}
    assert found[known[0]]["inputs"] == {"of": known[0]}
    assert ledger.runs_by_id([]) == {}


def in_batch(
    run_id: str, batch_id: str, row: int, status: BridgeStatus = BridgeStatus.ACCEPTED, **more: Any
) -> RunEvent:
    """What a batch of three rows said of one of them."""
    columns = {"pipeline": "train", "query_batch_id": batch_id, "row_number": row, "batch_rows": 3}
    return events.bridge_fact(run_id, status, 1, **{"at": NOW, **columns, **more})


def test_the_rows_of_a_batch_have_the_state_of_their_runs(ledger: Ledger) -> None:
    batch_id = uuid.uuid4().hex
    bad, twice, done = sorted(new_run() for _ in range(3))
    at = NOW + timedelta(seconds=9)
    ledger.write(
        Records(
            run_events=(
                in_batch(twice, batch_id, 2),
                in_batch(done, batch_id, 0),
                in_batch(done, batch_id, 0, at=at),  # the batch was sent again
                in_batch(twice, batch_id, 1),
                in_batch(bad, uuid.uuid4().hex, 0),
                events.bridge_fact(bad, BridgeStatus.ACCEPTED, 1, NOW, query_batch_id=batch_id),  # of no row
                events.job_fact(done, JobStatus.COMPLETED, NOW, outputs={"m": 1}, query_batch_id=batch_id),
            )
        )
    )

    rows = ledger.batch(batch_id)

    assert [(row["row_number"], row["run_id"], row["status"]) for row in rows] == [
        (0, done, "COMPLETED"),
        (1, twice, "ACCEPTED"),
        (2, twice, "ACCEPTED"),
    ]
    assert [row["batch_rows"] for row in rows] == [3, 3, 3]
    assert rows[0]["outputs"] == {"m": 1}
    assert datetime.fromisoformat(rows[0]["requested_at"]) == NOW
    assert ledger.batch(uuid.uuid4().hex) == []


def test_a_run_of_an_earlier_batch_is_also_in_the_later_one(ledger: Ledger) -> None:
    run_id, earlier, later = new_run(), f"a-{uuid.uuid4().hex}", f"b-{uuid.uuid4().hex}"
    ledger.write(Records(run_events=(in_batch(run_id, earlier, 0), in_batch(run_id, later, 2))))
    done = {"query_batch_id": earlier, "row_number": 0, "batch_rows": 3}
    ledger.write(Records(run_events=(events.job_fact(run_id, JobStatus.RUNNING, NOW, **done),)))

    (row,) = ledger.batch(later)

    assert (row["run_id"], row["row_number"], row["batch_rows"], row["status"]) == (run_id, 2, 3, "RUNNING")


def test_a_rejected_row_of_a_batch_keeps_its_own_answer(ledger: Ledger) -> None:
    batch_id, run_id = uuid.uuid4().hex, new_run()
    problem = {"error_code": "IDEMPOTENCY_CONFLICT", "error_message": "another row"}
    ledger.write(
        Records(
            run_events=(
                in_batch(run_id, batch_id, 0, fingerprint="b", at=NOW + timedelta(seconds=1)),
                in_batch(run_id, batch_id, 0, fingerprint="c"),  # pipelines.yaml changed before the batch came again
                in_batch(run_id, batch_id, 0, fingerprint="a", at=NOW + timedelta(seconds=2)),
                in_batch(
                    run_id, batch_id, 0, BridgeStatus.REJECTED, error_code="UNKNOWN_PIPELINE"
                ),  # before the change
                in_batch(run_id, batch_id, 1, BridgeStatus.REJECTED, **problem),
                events.bridge_fact(run_id, BridgeStatus.FAILED, 1, NOW, query_batch_id=batch_id, row_number=2),
            )
        )
    )

    first, second = ledger.batch(batch_id)

    names = ("status", "request_status", "request_fingerprint", "request_error_code", "request_error_message")
    assert [first[name] for name in names] == ["FAILED", "ACCEPTED", "c", None, None]
    assert [second[name] for name in names] == ["FAILED", "REJECTED", None, "IDEMPOTENCY_CONFLICT", "another row"]


def letter(queue: str, body: str = "{", after: int = 0, **change: Any) -> DeadLetter:
    at = NOW + timedelta(seconds=after)
    made = dead_letter(
        queue=queue, message_id=uuid.uuid4().hex, body=body, reason="POISON", description="d", run_id=None, at=at
    )
    return replace(made, **change)


def test_dead_letters_are_read_by_their_ids_and_repeats_once(ledger: Ledger) -> None:
    body = 'not "JSON" é 漢\n' * 1000
    first, second = letter("run-commands", body, run_id=new_run(), door="custom"), letter("run-control")
    ledger.write(Records(dead_letters=(first, second)))
    ledger.write(Records(dead_letters=(first,)))

    found = ledger.dead_letters_by_id([first.dead_letter_id, "unknown", first.dead_letter_id])

    (row,) = found.values()
    assert found.keys() == {first.dead_letter_id}
    assert (row["queue"], row["body"], row["body_sha256"]) == ("run-commands", body, first.body_sha256)
    assert (row["message_id"], row["run_id"], row["door"]) == (first.message_id, first.run_id, "custom")
    assert ledger.dead_letters_by_id([]) == {}


def test_dead_letters_are_listed_newest_first(ledger: Ledger) -> None:
    queue, run_id = uuid.uuid4().hex, new_run()
    old, new, newest = letter(queue), letter(queue, after=5, run_id=run_id), letter(queue, "x" * 3000, after=9)
    ledger.write(Records(dead_letters=(new, newest, old, new, letter("another"))))

    def found(**wanted: Any) -> list[str]:
        return [row["dead_letter_id"] for row in ledger.dead_letters(DeadLetterFilter(**wanted))]

    ids = [each.dead_letter_id for each in (newest, new, old)]
    assert found(queue=queue) == ids
    assert found(run_id=run_id) == [new.dead_letter_id]
    assert found(queue=queue, since=NOW + timedelta(seconds=5)) == ids[:2]
    assert found(queue=queue, limit=2) == ids[:2]
    assert found(queue=queue, limit=2, offset=1) == ids[1:]


def test_a_list_shows_the_beginning_of_a_long_body(ledger: Ledger) -> None:
    queue = uuid.uuid4().hex
    ledger.write(Records(dead_letters=(letter(queue, "é" * 3000),)))

    (row,) = ledger.dead_letters(DeadLetterFilter(queue=queue))

    assert (row["body"], row["body_characters"]) == ("é" * 2000, 3000)


def test_what_is_read_for_many_takes_few_statements(settings: Settings, emulators: Stack) -> None:
    real = SnowflakeLedger(settings.snowflake.connection_arguments())
    batch_id, runs = uuid.uuid4().hex, [new_run() for _ in range(500)]
    real.write(Records(run_events=tuple(in_batch(run_id, batch_id, i) for i, run_id in enumerate(runs))))
    before = emulators.call("snowflake", "GET", "/statements")["total"]

    found, rows = real.runs_by_id(runs), real.batch(batch_id)

    after = emulators.call("snowflake", "GET", "/statements")["total"]
    real.close()
    assert len(found) == len(rows) == 500
    assert after - before == 1 + 2  # a batch is asked for its rows, and then for their runs
