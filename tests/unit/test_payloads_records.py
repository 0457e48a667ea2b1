"""Bodies of `run-events` in parts, and read as they came: faster, and never different from what care would read."""

import itertools
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain import events
from bridge.domain.errors import PoisonMessage
from bridge.domain.events import RunEvent
from bridge.domain.records import AmlEvent, Records, dead_letter
from bridge.payloads import bodies
from bridge.payloads.records import read_records, row, split_records

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


def rows_of(records: Records) -> list[Any]:
    assert records.texts is not None
    found: list[Any] = json.loads(f"[{','.join(records.texts['run_events'])}]")
    return found


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
    event = AmlEvent(id="1", event_type="t", subject="s", data={}, topic="t", door="workspace")
    records = Records(run_events=(fact(),), aml_events=(event,), dead_letters=(letter(1),))

    ((part, text),) = split_records(records, 32_768)

    assert part == records
    assert read_records(text) == records


# as they came


def test_what_the_app_wrote_need_not_be_written_again() -> None:
    facts = (fact(1, inputs={"a": "x", "n": 9007199254740993, "b": True}), fact(2, started_at=AT))

    records = read_records(bodies.write(Records(run_events=facts)))

    assert records.run_events == facts
    assert rows_of(records) == [row(each) for each in facts]


@pytest.mark.parametrize(
    ("change", "as_it_came"),
    [
        ({}, True),
        ({"inputs": {"a": 1, "b": None, "c": "ü"}}, True),
        ({"inputs": {"a": 0.1}}, False),
        ({"inputs": {"a": 1e999}}, False),
        ({"inputs": {"a": {"b": 1}}}, False),
        ({"payload": {"a": [1]}}, False),
        ({"occurred_at": "2026-11-20T11:00:00+01:00"}, False),
        ({"occurred_at": "2026-11-20T10:00:00"}, False),
        ({"occurred_at": "2026-11-20T10:00:00Z"}, True),
        ({"attempt": "0"}, False),
        ({"is_job_fact": 1}, False),
    ],
    ids=str,
)
def test_a_row_stays_as_it_came_when_nothing_about_it_has_to_change(change: dict[str, Any], as_it_came: bool) -> None:
    body = written({**TIMED, **change}).replace("Infinity", "1e999")

    try:
        records = read_records(body)
    except PoisonMessage:
        assert "1e999" in body
        return

    assert (records.texts is not None) is as_it_came
    assert records == read_records(body + "\n"), "as care reads it"


@pytest.mark.parametrize(
    "body",
    [
        written(TIMED, frame='{{"run_events":[{}],"try":0,"schema_version":1}}'),
        written(TIMED, frame=' {{"run_events":[{}],"schema_version":1,"try":0}}'),
        written(TIMED, frame='{{"run_events":[{}],"aml_events":[],"schema_version":1,"try":1}}'),
        written(TIMED)[:-1] + ',"dead_letters":[]}',
    ],
)
def test_a_body_of_another_form_is_read_with_care(body: str) -> None:
    records = read_records(body)

    assert records.texts is None
    assert len(records) == 1


def test_no_other_table_hides_among_the_rows() -> None:
    letters = json.dumps([row(letter(1))])
    body = written(TIMED).replace('],"schema', f'],"dead_letters":{letters},"run_events":[],"schema')

    records = read_records(body)

    assert records.texts is None
    assert len(records.dead_letters) == 1


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
def test_a_complaint_does_not_depend_on_the_form(body: str) -> None:
    complaints = []
    for form in (body, body + "\n"):
        with pytest.raises(PoisonMessage) as caught:
            read_records(form)
        complaints.append(str(caught.value))

    assert complaints[0] == complaints[1]


def test_texts_go_together_only_when_all_rows_have_theirs() -> None:
    quick = read_records(bodies.write(Records(run_events=(fact(1),))))
    care = Records(run_events=(fact(2, inputs={"a": Decimal("0.1")}),))

    assert rows_of(Records.together([quick, Records(), quick])) == [row(fact(1))] * 2
    assert Records.together([quick, care]).texts is None


def test_rows_that_change_lose_their_texts() -> None:
    quick = read_records(bodies.write(Records(run_events=(fact(1), fact(2)))))

    assert [half.texts for half in quick.halves()] == [None, None]
    assert quick.lighter().texts is None
    assert quick.without_texts() == quick
