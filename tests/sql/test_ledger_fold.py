"""The view and the domain fold the same events into the same row, whatever the columns hold."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from bridge.adapters.snowflake import STATEMENTS
from bridge.domain import events
from bridge.domain.events import RunEvent
from bridge.domain.statuses import BridgeStatus, JobStatus, Note
from bridge.payloads import lossless
from bridge.payloads.records import row
from tests.emulators.snowflake_service import SnowflakeService, rows
from tests.sql.ledger_scripts import schema

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TIMES = tuple(NOON + timedelta(microseconds=n) for n in (-1, 0, 1, 999_999, 10**12))
#: Such that comparing them by length, by case or by UTF-16 units would give another order than by code points.
TEXTS = ("", "0", "a", "ab", "b", "B", "é", "\uffee", "\U0001f600")
OBJECTS: tuple[dict[str, Any], ...] = ({}, {"a": 1}, {"a": [None, "x"]})
NUMBERS = (0, 1, 2, 10, 9_999_999_999)
VALUES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(
        ("source", "principal", "pipeline", "fingerprint", "job_name", "workspace", "component", "studio_url",
         "query_id", "query_batch_id", "correlation_id", "trace_id", "rerun_of", "error_code", "error_message"),
        TEXTS,
    ),
    **dict.fromkeys(("inputs", "outputs", "payload"), OBJECTS),
    **dict.fromkeys(("row_number", "batch_rows"), NUMBERS),
    **dict.fromkeys(("started_at", "ended_at"), (NOON, NOON + timedelta(seconds=90))),
}  # fmt: skip
#: Two requests with the same key differ in these only.
ORIGIN = ("correlation_id", "query_batch_id", "row_number", "query_id")
JOB_STATUSES = (*JobStatus, "INVENTED_BY_AML")
RUNS = 400


def some_event(chance: Random, run_id: str) -> RunEvent:
    """Any fact or note, each column empty as often as not."""
    columns = {name: chance.choice(values) for name, values in VALUES.items() if chance.random() < 0.5}
    at = chance.choice(TIMES)
    match chance.choice(("bridge", "bridge", "job", "job", "job", "note")):
        case "bridge":
            status = chance.choice(tuple(BridgeStatus))
            return events.bridge_fact(run_id, status, chance.choice((1, 2, 10)), at, **columns)
        case "job":
            return replace(events.job_fact(run_id, chance.choice(JOB_STATUSES), at), **columns)
        case _:
            note = events.note(run_id, chance.choice(tuple(Note)), at, chance.choice("12"), {})
            return replace(note, **columns)


def some_history(chance: Random, run_id: str) -> list[RunEvent]:
    """Events of one run; of half the runs, some that differ by little from one before."""
    history = [some_event(chance, run_id) for _ in range(chance.randint(1, 5))]
    for _ in range(chance.choice((0, 0, 1, 3))):
        twin, other = chance.choice(history), some_event(chance, run_id)
        names = chance.choice(
            (ORIGIN[:1], ORIGIN[1:2], ORIGIN[2:3], ORIGIN[3:], ("occurred_at",), ("event_id", "status"))
        )
        if twin.rank == other.rank or "status" not in names:
            # Its other columns show which of the two was taken for the greater one.
            told = {name: getattr(other, name) for name in (*names, "trace_id", "error_code", "outputs", "started_at")}
            history.append(replace(twin, **told))
    # Events of the same place in the whole order but with other columns have no order: there are none.
    return list({event.order: event for event in history}.values())


@pytest.fixture(scope="module")
def ledger() -> Iterator[Any]:
    with SnowflakeService() as service:
        yield schema(service, "FOLDS")


def write(ledger: Any, history: list[RunEvent]) -> None:
    rows(ledger, STATEMENTS["insert_run_events"], [lossless.dumps([row(event) for event in history])])


def shown(ledger: Any) -> dict[str, dict[str, Any]]:
    """RUNS_ALL by run id, with lower-case names."""
    with ledger.cursor() as cursor:
        cursor.execute("SELECT * FROM RUNS_ALL")
        names = [column.name.lower() for column in cursor.description]
        return {found["run_id"]: found for found in (dict(zip(names, row, strict=True)) for row in cursor.fetchall())}


def expected(history: list[RunEvent]) -> dict[str, Any] | None:
    """What the view is to show, LAST_RECORDED_AT left out."""
    folded = events.fold(history)
    if folded is None:
        return None
    for name in ("event_id", "is_job_fact", "rank", "occurred_at", "payload"):
        del folded[name]
    for name in ("inputs", "outputs"):
        folded[name] = None if folded[name] is None else lossless.dumps(folded[name])
    accepted = [event.occurred_at for event in history if event.status == BridgeStatus.ACCEPTED]
    submitted = [event.occurred_at for event in history if event.status == JobStatus.SUBMITTED]
    folded["accepted_at"] = min(accepted, default=None)
    folded["submitted_at"] = min(submitted, default=None)
    folded["queued_seconds"] = _seconds(folded["submitted_at"], folded["started_at"])
    folded["run_seconds"] = _seconds(folded["started_at"], folded["ended_at"])
    folded["conflicts"] = len({event.event_id for event in history if event.status == Note.CONFLICT})
    return folded


def _seconds(start: datetime | None, end: datetime | None) -> int | None:
    """Between the whole seconds that the two lie in, as DATEDIFF counts."""
    if start is None or end is None:
        return None
    return round((end.replace(microsecond=0) - start.replace(microsecond=0)).total_seconds())


def plain(found: dict[str, Any]) -> dict[str, Any]:
    columns = {name: value for name, value in found.items() if name != "last_recorded_at"}
    for name in ("inputs", "outputs"):
        columns[name] = None if columns[name] is None else lossless.dumps(lossless.loads(columns[name]))
    return columns


@pytest.mark.parametrize("seed", range(4))
def test_every_column_folds_as_in_the_domain(ledger: Any, seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - the same histories every time
    rows(ledger, "DELETE FROM RUN_EVENTS")
    of_runs = {run_id: some_history(chance, run_id) for run_id in (f"r-{number}" for number in range(RUNS))}
    written = [event for history in of_runs.values() for event in history]
    written += chance.sample(written, len(written) // 3)  # repeats
    chance.shuffle(written)
    half = len(written) // 2
    write(ledger, written[:half])
    write(ledger, written[half:])

    found = {run_id: plain(columns) for run_id, columns in shown(ledger).items()}

    for run_id, history in of_runs.items():
        assert found.get(run_id) == expected(history), history


def test_the_view_shows_every_column_of_the_domain(ledger: Any) -> None:
    """So that the comparison above leaves none out."""
    fact = events.job_fact("r-whole", JobStatus.RUNNING, NOON)
    write(ledger, [fact])

    folded = expected([fact])

    assert folded is not None
    assert set(plain(shown(ledger)["r-whole"])) == set(folded)
