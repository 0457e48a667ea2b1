"""Queue bodies: what is written is read again as the same thing."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_type_hints

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain import identity
from bridge.domain.commands import CancelRun, CheckRun, Origin, SubmitRun
from bridge.domain.events import RunEvent
from bridge.domain.inputs import aml_literal
from bridge.domain.records import ActionStatus, AmlEvent, DeadLetter, Records, RuleAction
from bridge.payloads import bodies, lossless, publish
from bridge.payloads.commands import QUEUE_DOOR, read_submit
from bridge.payloads.control import read_control
from bridge.payloads.records import read_records
from bridge.ports import Body

VALIDATORS = {
    path.name.removesuffix(".schema.json"): jsonschema.Draft202012Validator(lossless.loads(text))
    for path, text in publish.schema_texts().items()
}

text = st.text(max_size=20)
name = st.text(min_size=1, max_size=20)
run_ids = st.from_regex(identity.RUN_ID, fullmatch=True)
counts = st.integers(min_value=0, max_value=10**6)
offsets = st.integers(min_value=-14 * 60, max_value=14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2199, 12, 30), timezones=offsets)  # noqa: DTZ001
decimals = st.decimals(allow_nan=False, allow_infinity=False).filter(
    lambda number: abs(number.adjusted()) < 400 and not (number.is_zero() and number.is_signed())
)
inputs = st.dictionaries(text, st.one_of(text, st.integers(), st.booleans(), decimals), max_size=4)
nested = st.dictionaries(text, st.none() | text | decimals | st.lists(decimals, max_size=2), max_size=2)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def submits(draw: st.DrawFn) -> SubmitRun:
    """Commands as `accept` makes them, and as `execute` makes them of what came straight to the queue."""
    accepted_at = draw(maybe(times))
    accepted = accepted_at is not None
    origin = Origin(
        source=draw(name) if accepted else QUEUE_DOOR,
        principal=draw(name) if accepted else QUEUE_DOOR,
        correlation_id=draw(name),
        roles=tuple(draw(st.lists(text, max_size=3))) if accepted else (),
        app_roles=tuple(draw(st.lists(text, max_size=3))) if accepted else (),
        query_id=draw(maybe(text)),
        query_batch_id=draw(maybe(text)),
        row_number=draw(maybe(st.integers(-(10**17), 10**17))),
        batch_rows=draw(maybe(counts)),
        traceparent=draw(maybe(text)),
        rule_chain=tuple(draw(st.lists(text, max_size=3))),
    )
    pipeline, component, given_inputs = draw(text), draw(text), draw(inputs)
    literals = {key: aml_literal(value) for key, value in given_inputs.items()}
    return SubmitRun(
        run_id=draw(run_ids),
        pipeline=pipeline,
        inputs=given_inputs,
        fingerprint=identity.fingerprint(pipeline, component, literals),
        component=component,
        workspace=draw(text),
        origin=origin,
        accepted_at=accepted_at,
        experiment=draw(maybe(text)),
        tags=draw(st.dictionaries(text, text, max_size=3)),
        rerun_of=draw(maybe(run_ids)),
        attempt=draw(counts) + 1,
        try_=draw(counts),
    )


checks = st.builds(
    CheckRun,
    run_id=run_ids,
    workspace=text,
    step=maybe(st.integers(1, 10_000)),
    origin=text,
    submitted_at=maybe(times),
    timeout_at=maybe(times),
    last_status=maybe(text),
    missing_since=maybe(times),
    attempt=counts.map(lambda count: count + 1),
    if_missing_fail=maybe(text),
    try_=counts,
)
cancels = st.builds(
    CancelRun,
    run_id=run_ids,
    workspace=maybe(text),
    requested_at=times,
    principal=text,
    roles=st.lists(text, max_size=3).map(tuple),
    app_roles=st.lists(text, max_size=3).map(tuple),
    reason=text,
    origin=text,
    try_=counts,
)
#: The columns that differ in kind; the other ones are texts, of which these stand for all.
run_events = st.builds(
    RunEvent,
    event_id=text,
    run_id=run_ids,
    attempt=counts,
    status=text,
    rank=counts,
    source=maybe(text),
    occurred_at=times,
    inputs=maybe(nested),
    outputs=maybe(nested),
    payload=maybe(nested),
    started_at=maybe(times),
    ended_at=maybe(times),
    error_message=maybe(text),
    row_number=maybe(st.integers()),
    is_job_fact=st.booleans(),
)
aml_events = st.builds(
    AmlEvent,
    id=text,
    event_type=text,
    subject=text,
    event_time=maybe(times),
    data=nested,
    topic=text,
    door=text,
    correlation_id=maybe(text),
)
dead_letters = st.builds(DeadLetter, body=text, run_id=maybe(text), occurred_at=times)
rule_actions = st.builds(
    RuleAction,
    decision_id=text,
    status=st.sampled_from(ActionStatus),
    reason=maybe(text),
    run_id=maybe(text),
    correlation_id=maybe(text),
    payload=maybe(nested),
    occurred_at=times,
)
records = st.builds(
    Records,
    run_events=st.lists(run_events, max_size=3).map(tuple),
    aml_events=st.lists(aml_events, max_size=2).map(tuple),
    dead_letters=st.lists(dead_letters, max_size=2).map(tuple),
    rule_actions=st.lists(rule_actions, max_size=2).map(tuple),
    try_=counts,
)


def same_again(body: Body, again: Body, queue: str) -> None:
    written = bodies.write(body)
    assert again == body
    assert bodies.write(again) == written
    VALIDATORS[queue].validate(lossless.loads(written))


@given(submits())
@settings(deadline=None, max_examples=40)
def test_a_submit_comes_out_of_its_queue_as_it_went_in(command: SubmitRun) -> None:
    body = read_submit(bodies.write(command))

    assert body.is_command
    same_again(command, body.to_command(), "run-commands")


@given(checks | cancels)
@settings(deadline=None, max_examples=40)
def test_a_control_command_comes_out_of_its_queue_as_it_went_in(command: CheckRun | CancelRun) -> None:
    same_again(command, read_control(bodies.write(command)), "run-control")


@given(records)
@settings(deadline=None, max_examples=40)
def test_records_come_out_of_their_queue_as_they_went_in(written: Records) -> None:
    same_again(written, read_records(bodies.write(written)), "run-events")


@pytest.mark.parametrize(
    ("table", "record"),
    [
        ("run_events", RunEvent),
        ("aml_events", AmlEvent),
        ("dead_letters", DeadLetter),
        ("rule_actions", RuleAction),
    ],
)
def test_every_column_of_a_row_travels(table: str, record: type[Any]) -> None:
    at = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    of_kind: dict[Any, Any] = {str: "x", int: 5, bool: True, datetime: at, Mapping[str, Any]: {"n": 10**38 - 1}}
    columns: dict[str, Any] = {
        column: next(value for kind, value in of_kind.items() if hint in (kind, kind | None))
        for column, hint in get_type_hints(record).items()
    }
    full = record(**columns)
    tables: dict[str, Any] = {table: (full,)}

    written = bodies.write(Records(**tables))

    assert set(lossless.loads(written)[table][0]) == {field.name for field in fields(record)}
    assert getattr(read_records(written), table) == (full,)


def test_records_of_an_older_app_are_read() -> None:
    """Messages wait in `run-events` while a new version is deployed."""
    event = {"id": "e", "event_type": "t", "subject": "s", "data": {}, "topic": "t", "door": "custom"}

    found = read_records(lossless.dumps({"schema_version": 1, "try": 2, "aml_events": [event]}))

    assert (found.rule_actions, found.try_) == ((), 2)
    assert [each.correlation_id for each in found.aml_events] == [None]


def test_records_without_rules_are_written_as_an_older_app_reads_them() -> None:
    event = AmlEvent(id="e", event_type="t", subject="s", data={}, topic="t", door="custom")

    written = lossless.loads(bodies.write(Records(aml_events=(event,))))

    assert set(written) == {"schema_version", "try", "aml_events"}
    assert "correlation_id" not in written["aml_events"][0]


def test_what_the_deepest_request_brings_is_still_readable_behind_the_door() -> None:
    text = '{"a":' * lossless.FOREIGN_DEPTH + "1" + "}" * lossless.FOREIGN_DEPTH
    event = AmlEvent(id="e", event_type="t", subject="", data=lossless.loads(text), topic="", door="custom")

    assert read_records(bodies.write(Records(aml_events=(event,)))).aml_events == (event,)


def test_times_are_written_in_utc_and_what_is_not_known_is_left_out() -> None:
    at = datetime(2026, 11, 20, 12, 30, tzinfo=timezone(timedelta(hours=2)))
    check = CheckRun(run_id="r-" + "a" * 26, workspace="ws1", step=1, submitted_at=at)

    written = lossless.loads(bodies.write(check))

    assert written["submitted_at"] == "2026-11-20T10:30:00+00:00"
    assert "timeout_at" not in written
    assert None not in written.values()


@pytest.mark.parametrize(
    "text",
    [
        '{"pipeline": "p"}',
        '{"pipeline": "p", "inputs": {"a": 1}, "idempotency_key": "k"}',
        '{"pipeline": "p", "source": "http", "principal": "key", "roles": ["ACCOUNTADMIN"]}',
    ],
)
def test_a_request_posted_straight_to_the_queue_is_no_command_yet(text: str) -> None:
    body = read_submit(text)

    assert not body.is_command
    assert body.to_origin() == Origin(source=QUEUE_DOOR, principal=QUEUE_DOOR, correlation_id="")
