"""Queue bodies that can never be read: refused with a text that helps and repeats nothing of what was sent."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.errors import PoisonMessage
from bridge.payloads.commands import read_submit
from bridge.payloads.control import read_control
from bridge.payloads.records import read_records

Reader = Callable[[str | bytes], object]
SECRET = "hunter2"
OPS = "'check', 'cancel', 'notify', 'publish', 'deploy', 'run_data_factory'"
RUN_ID = "r-" + "a" * 26
SUBMIT: dict[str, Any] = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}, "idempotency_key": "k"}
CHECK: dict[str, Any] = {"op": "check", "run_id": RUN_ID, "workspace": "ws1", "step": 1}
CANCEL: dict[str, Any] = {"op": "cancel", "run_id": RUN_ID, "requested_at": "2026-11-20T10:00:00Z", "principal": "key"}
EVENT: dict[str, Any] = {
    "event_id": "e",
    "run_id": RUN_ID,
    "is_job_fact": True,
    "attempt": 0,
    "status": "RUNNING",
    "rank": 120,
    "occurred_at": "2026-11-20T10:00:00Z",
}
ACTION: dict[str, Any] = {
    "decision_id": "d",
    "action_id": "a",
    "rule": "retrain",
    "event_id": "e",
    "event_type": "t",
    "action": "submit",
    "status": "FIRED",
    "occurred_at": "2026-11-20T10:00:00Z",
}
RECORDS: dict[str, Any] = {"run_events": [EVENT], "rule_actions": [ACTION]}
GOOD: list[tuple[Reader, dict[str, Any]]] = [
    (read_submit, SUBMIT),
    (read_control, CHECK),
    (read_control, CANCEL),
    (read_records, RECORDS),
]
NAMES = ["submit", "check", "cancel", "records"]


def complaint(read: Reader, body: object) -> str:
    """The refusal of this body, which repeats no secret; a body that is taken fails the test."""
    text = body if isinstance(body, bytes | str) else json.dumps(body)
    with pytest.raises(PoisonMessage) as caught:
        read(text)
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("read", "body"), GOOD, ids=NAMES)
def test_the_bodies_that_are_spoilt_here_are_good_before(read: Reader, body: dict[str, Any]) -> None:
    read(json.dumps(body))


@pytest.mark.parametrize(("read", "body"), GOOD, ids=NAMES)
def test_an_unknown_field_is_named(read: Reader, body: dict[str, Any]) -> None:
    assert "inpust: Extra inputs are not permitted" in complaint(read, {**body, "inpust": SECRET})


@pytest.mark.parametrize("version", [0, 2, "1", None, SECRET])
@pytest.mark.parametrize(("read", "body"), GOOD, ids=NAMES)
def test_another_schema_version_is_refused(read: Reader, body: dict[str, Any], version: object) -> None:
    assert "schema_version: Input should be 1" in complaint(read, {**body, "schema_version": version})


@pytest.mark.parametrize("body", [b"", b"x", b"\xff", b"[" * 9999, b'{"try": 1e999999999}', b'{"a": "\\ud800"}'])
@pytest.mark.parametrize("read", [read_submit, read_control, read_records])
def test_what_is_no_json_is_refused(read: Reader, body: bytes) -> None:
    assert complaint(read, body).startswith(("not ", "nested "))


@pytest.mark.parametrize("body", [[], None, 1, b'"hunter2"', [SUBMIT]])
@pytest.mark.parametrize("read", [read_submit, read_control, read_records])
def test_what_is_no_object_is_refused_in_words_about_json(read: Reader, body: object) -> None:
    assert complaint(read, body) == "body: must be a JSON object"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"pipeline": None}, "pipeline: Input should be a valid string"),
        ({"pipeline": SECRET * 200}, "pipeline: String should have at most 1000 characters"),
        ({"inputs": [SECRET]}, "inputs: must be a JSON object"),
        ({"inputs": SECRET}, "inputs: must be a JSON object"),
        ({"idempotency_key": ""}, "idempotency_key: String should have at least 1 character"),
        ({"idempotency_key": 5}, "idempotency_key: "),
        ({"run_id": f"r-{SECRET}"}, "run_id: String should match pattern"),
        ({"run_id": RUN_ID + "\n"}, "run_id: String should match pattern"),
        ({"tags": {"a": [SECRET]}}, "tags.a: "),
        ({"attempt": 0}, "attempt: "),
        ({"attempt": 1.5}, "attempt: "),
        ({"try": -1}, "try: "),
        ({"try_": 1}, "try_: Extra inputs are not permitted"),
        ({"accepted_at": SECRET}, "accepted_at: Input should be a valid datetime"),
        ({"accepted_at": "2026-11-20T10:00:00"}, "accepted_at: Input should have timezone info"),
        ({"accepted_at": "9999-12-31T23:59:59-14:00"}, "accepted_at: Value error, the calendar has no such time"),
        ({"accepted_at": "9998-01-01T00:00:00Z"}, "accepted_at: Value error, the year must be between 1970 and 2199"),
        ({"accepted_at": "1969-12-31T23:00:00-00:30"}, "accepted_at: Value error, the year must be"),
    ],
)
def test_a_submit_with_a_bad_field_is_refused_by_its_name(change: dict[str, Any], expected: str) -> None:
    assert expected in complaint(read_submit, {**SUBMIT, **change})


@pytest.mark.parametrize("op", [SECRET, "submit", "CHECK", 5, ["check"]])
def test_an_unknown_operation_is_answered_with_the_known_ones(op: object) -> None:
    assert complaint(read_control, {**CHECK, "op": op}) == f"body: must have one of {OPS} as 'op'"


def test_a_body_without_operation_is_told_so() -> None:
    assert complaint(read_control, {"run_id": RUN_ID}) == "body: must have the field 'op'"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"op": "check", "run_id": RUN_ID}, "check.workspace: Field required"),
        ({**CHECK, "step": 0}, "check.step: "),
        ({**CHECK, "run_id": SECRET}, "check.run_id: String should match pattern"),
        ({**CHECK, "submitted_at": "0001-01-01T00:00:00Z"}, "check.submitted_at: Value error, the year"),
        ({**CHECK, "requested_at": "2026-11-20T10:00:00Z"}, "check.requested_at: Extra inputs"),
        ({"op": "cancel", "run_id": RUN_ID, "principal": "key"}, "cancel.requested_at: Field required"),
        ({**CANCEL, "requested_at": "9999-12-31T00:00:00Z"}, "cancel.requested_at: Value error, the year"),
    ],
)
def test_a_control_body_with_a_bad_field_is_refused_by_its_name(body: dict[str, Any], expected: str) -> None:
    assert complaint(read_control, body).startswith(expected)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"run_events": EVENT}, "run_events: "),
        ({"run_events": [SECRET]}, "run_events.0: must be a JSON object"),
        ({"run_events": [EVENT, {**EVENT, "colour": SECRET}]}, "run_events.1.colour: Extra inputs are not permitted"),
        ({"run_events": [{**EVENT, "rank": SECRET}]}, "run_events.0.rank: "),
        ({"run_events": [{**EVENT, "inputs": SECRET}]}, "run_events.0.inputs: must be a JSON object"),
        ({"run_events": [{**EVENT, "occurred_at": None}]}, "run_events.0.occurred_at: "),
        ({"run_events": [{**EVENT, "started_at": "9999-12-31T23:59:59-14:00"}]}, "run_events.0: Value error, the cal"),
        ({"aml_events": [{"id": "e"}]}, "aml_events.0.event_type: Field required"),
        ({"dead_letters": [{"body": SECRET}]}, "dead_letters.0.dead_letter_id: Field required"),
        ({"rule_actions": [{"rule": SECRET}]}, "rule_actions.0.decision_id: Field required"),
        ({"rule_actions": [{**ACTION, "payload": SECRET}]}, "rule_actions.0.payload: must be a JSON object"),
        ({"rule_actions": [ACTION, {**ACTION, "why": SECRET}]}, "rule_actions.1.why: Extra inputs are not permitted"),
        ({"rule_actions": [{**ACTION, "occurred_at": SECRET}]}, "rule_actions.0.occurred_at: Input should be a valid"),
        (
            {"rule_actions": [{**ACTION, "occurred_at": "9999-12-31T23:59:59-14:00"}]},
            "rule_actions.0: Value error, the",
        ),
    ],
)
def test_records_with_a_bad_row_are_refused_by_its_place(body: dict[str, Any], expected: str) -> None:
    assert expected in complaint(read_records, body)


def test_many_complaints_are_counted_and_long_names_are_cut() -> None:
    found = complaint(read_submit, {**SUBMIT, **{f"{SECRET[:4]}{i}": i for i in range(50)}, "x" * 9999: 1})

    assert found.endswith("and 46 more")
    cut = complaint(read_submit, {**SUBMIT, "x" * 9999 + "\r\n": 1})
    assert cut == "x" * 100 + ": Extra inputs are not permitted"
    assert "a?b: " in complaint(read_submit, {**SUBMIT, "a\nb": 1})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = sorted(
    {*SUBMIT, *CHECK, *CANCEL, *EVENT, *ACTION, *RECORDS, "schema_version", "try", "accepted_at", "tags", "x"}
)


@given(
    st.sampled_from(GOOD),
    st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=3) | json_values | st.binary(max_size=30),
)
@settings(deadline=None, max_examples=200)
def test_any_body_is_read_or_refused_in_plain_words(good: tuple[Reader, dict[str, Any]], change: Any) -> None:
    read, body = good
    text = (
        change if isinstance(change, bytes) else json.dumps({**body, **change} if isinstance(change, dict) else change)
    )
    try:
        read(text)
    except PoisonMessage as error:
        refusal = str(error)
    else:
        return

    assert refusal.isprintable()
    assert len(refusal) < 2000
