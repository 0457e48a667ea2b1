"""Bodies of `run-events` in parts, and read as they came: faster, and never different from what care would read."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain import events
from bridge.domain.errors import PoisonMessage
from bridge.domain.events import RunEvent
from bridge.domain.records import AmlEvent, Records, dead_letter
from bridge.payloads import bodies
from bridge.payloads.records import ledger_rows, read_records, row, split_records

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
FACT = {"event_id": "e", "run_id": "r", "is_job_fact": True, "attempt": 0, "status": "RUNNING", "rank": 120}
TIMED = {**FACT, "occurred_at": "2026-11-20T10:00:00+00:00"}


def fact(number: int = 0, **columns: Any) -> RunEvent:
    return events.job_fact(f"r-{number}", "RUNNING", AT, **columns)


def letter(number: int, size: int = 10) -> Any:
    return dead_letter(
        queue="q", message_id=str(number), body="x" * size, reason="POISON", description="", run_id=None, at=AT
    )


def written(*rows: dict[str, Any], frame: str = '{{"run_events":[{}],"schema_version":1,"try":0}}') -> str:
    return frame.format(",".join(json.dumps(each, separators=(",", ":")) for each in rows))


def rows_of(body: str) -> dict[str, list[Any]]:
    return {table: json.loads(f"[{','.join(texts)}]") for table, texts in ledger_rows(body.encode()).items()}


def rows_with_care(body: str) -> dict[str, list[Any]]:
    """As they are when nothing is taken as it came."""
    return rows_of(body + "\n")


# in parts


@given(st.lists(st.integers(0, 3000), max_size=30), st.integers(500, 5000))
@settings(deadline=None, max_examples=50)
def test_parts_are_whole_in_order_and_within_the_limit(sizes: list[int], limit: int) -> None:
    facts = tuple(fact(i, payload={"text": "x" * size}) for i, size in enumerate(sizes))
    records = Records(run_events=facts, dead_letters=tuple(letter(i, size) for i, size in enumerate(sizes)), try_=3)

    parts = list(split_records(records, limit))

    assert Records.together([part for part, _ in parts]) == (records if sizes else Records())
    assert all(text == bodies.write(part) for part, text in parts)
    assert all(len(text) <= limit or len(part) == 1 for part, text in parts)
    assert all(len(one) + len(other) > limit - 300 for (_, one), (_, other) in itertools.pairwise(parts))


def test_tables_share_a_part() -> None:
    records = Records(run_events=(fact(),), aml_events=(event(),), dead_letters=(letter(1),))

    ((part, text),) = split_records(records, 32_768)

    assert part == records
    assert read_records(text) == records


# as they came


def event(**columns: Any) -> AmlEvent:
    usual: dict[str, Any] = {"id": "1", "event_type": "t", "subject": "s", "data": {"a": [{"b": 1}]}, "topic": "t"}
    return AmlEvent(**{**usual, "door": "workspace", "event_time": AT, **columns})


@pytest.mark.parametrize(
    "records",
    [
        Records(run_events=(fact(1, inputs={"a": "x", "n": 9007199254740993, "b": True}), fact(2, started_at=AT))),
        Records(aml_events=(event(), event(data={"x": '],"run_events":['}))),
        Records(aml_events=(event(),), run_events=(fact(1), fact(2, payload={"a": {"b": ["],[", 1]}}))),
    ],
    ids=["facts", "events", "both"],
)
def test_what_the_app_wrote_is_taken_as_it_came(records: Records) -> None:
    body = bodies.write(records)

    rows = ledger_rows(body.encode())

    assert all(len(texts) == 1 for texts in rows.values()), "not written anew, row by row"
    assert {table: json.loads(f"[{texts[0]}]") for table, texts in rows.items()} == rows_with_care(body)
    assert read_records(body) == records


@pytest.mark.parametrize(
    ("change", "as_it_came"),
    [
        ({"inputs": {"a": 1, "c": "ü", "d": {"e": [1, "x"]}}}, True),
        ({"inputs": None}, False),
        ({"inputs": {"a": None}}, False),
        ({"inputs": {"a": 0.1}}, False),
        ({"inputs": {"a": [{"b": 1e30}]}}, False),
        ({"payload": {"a": [[[[[[[[[[[1]]]]]]]]]]]}}, False),
        ({"occurred_at": "2026-11-20T11:00:00+01:00"}, False),
        ({"occurred_at": "2026-11-20T10:00:00"}, False),
        ({"attempt": "0"}, False),
        ({"is_job_fact": 1}, False),
    ],
    ids=str,
)
def test_a_row_stays_as_it_came_when_nothing_about_it_has_to_change(change: dict[str, Any], as_it_came: bool) -> None:
    row_ = {**TIMED, **change}

    body = written(row_)
    with_care: list[bytes] = []

    def counted(text: bytes) -> Records:
        with_care.append(text)
        return read_records(text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bridge.payloads.records.read_records", counted)
        rows = rows_of(body)

    assert (with_care == []) is as_it_came
    assert rows == rows_with_care(body)


@pytest.mark.parametrize(
    "body",
    [
        written(TIMED, frame='{{"run_events":[{}],"try":0,"schema_version":1}}'),
        written(TIMED, frame=' {{"run_events":[{}],"schema_version":1,"try":0}}'),
        written(TIMED, frame='{{"run_events":[{}],"aml_events":[],"schema_version":1,"try":0}}'),
        written(TIMED, frame='{{"aml_events":[], "run_events":[{}],"schema_version":1,"try":0}}'),
        written(TIMED, frame='{{"run_events":[],"run_events":[{}],"schema_version":1,"try":0}}'),
        written(TIMED, frame='{{"run_events":[{}],"schema_version":1,"try":1}}'),
        written(TIMED)[:-1] + ',"dead_letters":[]}',
        written(TIMED).replace('],"schema', f'],"dead_letters":{json.dumps([row(letter(1))])},"schema'),
        bodies.write(Records(aml_events=(event(),))).replace('"aml_events"', '"aml_events":[],"aml_events"'),
        bodies.write(Records(aml_events=(event(data={"a": [1], "run_events": [2]}),))),
        bodies.write(Records(aml_events=(event(data={"a": [1], "run_events": [2]}),), run_events=(fact(1),))),
    ],
    ids=range(11),
)
def test_a_body_of_another_form_gives_the_same_rows(body: str) -> None:
    assert rows_of(body) == rows_with_care(body)


def test_an_empty_body_has_no_rows() -> None:
    assert ledger_rows(bodies.write(Records()).encode()) == {}
    assert ledger_rows(b'{"run_events":[],"schema_version":1,"try":0}') == {}
    assert ledger_rows(b'{"run_events":[ ],"schema_version":1,"try":0}') == {}


@pytest.mark.parametrize(
    "body",
    [
        '{"run_events":[{}],"schema_version":1,"try":0}',
        '{"run_events":[1],"schema_version":1,"try":0}',
        written({**TIMED, "rows": 1}),
        written(TIMED).replace('"RUNNING"', "NaN"),
        written(TIMED).replace('"RUNNING"', '"\\ud800"'),
        written({**TIMED, "inputs": {"a": 1}}).replace('{"a":1}', "[" * 300 + "]" * 300),
        written({**TIMED, "inputs": {"a": 1}}).replace(":1}", ":" + "9" * 5000 + "}"),
        written({**TIMED, "inputs": {"a": 1}}).replace(":1}", ":1e999999999}"),
    ],
    ids=lambda body: body[:60],
)
def test_what_is_poison_for_care_is_poison_as_it_came(body: str) -> None:
    complaints = []
    for form in (body, body + "\n"):
        with pytest.raises(PoisonMessage) as caught:
            ledger_rows(form.encode())
        complaints.append(str(caught.value))

    assert complaints[0] == complaints[1]
