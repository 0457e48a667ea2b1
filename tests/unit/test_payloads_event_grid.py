"""Event Grid's two schemas, in the spellings that were documented or seen, and what else may arrive."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.aml_events import run_hint
from bridge.domain.errors import PoisonMessage
from bridge.domain.identity import is_run_id
from bridge.domain.records import AmlEvent
from bridge.payloads.event_grid import ID_LIMIT, UnreadableEvent, read_each, read_events
from tests.conftest import WORKSPACE_ID
from tests.unit.invocations import sample

#: sample -> event type without its prefix, subject's beginning, time
SAMPLES = {
    "run_status_changed.event_grid.camel": ("RunStatusChanged", "experiments/", "2026-11-20T10:04:31.117"),
    "run_status_changed.event_grid.pascal": ("RunStatusChanged", "experiments/", "2026-11-20T10:04:31.117"),
    "run_status_changed.cloud_event.camel": ("RunStatusChanged", "experiments/", "2026-11-20T10:04:31.117"),
    "run_status_changed.cloud_event.pascal": ("RunStatusChanged", "experiments/", "2026-11-20T10:04:31.117"),
    "run_completed.event_grid.pascal": ("RunCompleted", "experiments/", "2026-11-20T10:09:02.004"),
    "step_completed.event_grid.camel": ("RunCompleted", "experiments/", "2026-11-20T10:08:59"),
    "model_registered.cloud_event.pascal": ("ModelRegistered", "models/churn:4", "2026-11-20T10:10:00"),
    "model_registered.event_grid.camel": ("ModelRegistered", "models/churn:4", "2026-11-20T10:10:00"),
    "model_deployed.event_grid.pascal": ("ModelDeployed", "endpoints/", "2026-11-20T10:12:00"),
    "dataset_drift_detected.event_grid.pascal": ("DatasetDriftDetected", "datadrift/", "2026-11-20T00:10:00"),
    "monitor_breached.event_grid.pascal": ("RunStatusChanged", "experiments/", "2026-11-20T03:00:00"),
}


def one(text: str | bytes) -> AmlEvent:
    (event,) = read_events(text, "workspace")
    return event


def event_with(**change: Any) -> str:
    good = {"id": "e1", "eventType": "t", "subject": "s", "eventTime": "2026-11-20T10:00:00Z", "data": {"a": 1}}
    return json.dumps({name: value for name, value in {**good, **change}.items() if value is not ...})


@pytest.mark.parametrize("name", SAMPLES)
def test_every_kind_of_event_is_read(name: str) -> None:
    kind, subject, time = SAMPLES[name]

    event = one(sample(name))

    assert event.event_type == f"Microsoft.MachineLearningServices.{kind}"
    assert event.subject.startswith(subject)
    assert event.event_time == datetime.fromisoformat(time).replace(tzinfo=UTC)
    assert (event.topic, event.door) == (WORKSPACE_ID, "workspace")
    assert event.data


def test_both_schemas_and_both_spellings_tell_the_same() -> None:
    events = [one(sample(name)) for name in SAMPLES if name.startswith("run_status_changed")]
    hints = {
        (hint.run_id, hint.workspace, hint.status, tuple(hint.tags.items())) for e in events if (hint := run_hint(e))
    }

    assert len({(e.id, e.event_type, e.subject, e.event_time, e.topic) for e in events}) == 1
    assert len(events) == 4
    ((run_id, workspace, status, tags),) = hints
    assert is_run_id(run_id)
    assert (workspace, status, dict(tags)["bridge"]) == ("ws1", "RUNNING", "bridge")


def test_steps_and_foreign_runs_are_no_runs_of_ours() -> None:
    assert run_hint(one(sample("step_completed.event_grid.camel"))) is None
    assert run_hint(one(sample("monitor_breached.event_grid.pascal"))) is None


@pytest.mark.parametrize(
    ("name", "single"),
    [
        ("array_of_one.cloud_event", "run_status_changed.cloud_event.pascal"),
        ("array_of_two.event_grid", "run_status_changed.event_grid.camel"),
    ],
)
def test_an_array_is_read_as_its_events(name: str, single: str) -> None:
    events = read_events(sample(name), "workspace")

    assert len(events) == len(json.loads(sample(name)))
    assert events[0] == one(sample(single))


def test_an_empty_array_holds_no_event() -> None:
    assert read_events("[]", "custom") == []


def test_one_bad_event_of_several_leaves_the_others_readable() -> None:
    good = json.loads(event_with())

    found = read_each(json.dumps([good, 5, {**good, "eventType": ""}, {**good, "id": "e2"}]), "custom")

    assert [each.id if isinstance(each, AmlEvent) else each.reason.partition(" is ")[0] for each in found] == [
        "e1",
        "an event",
        'an event names its type in "eventType"',
        "e2",
    ]
    assert isinstance(found[1], UnreadableEvent)
    assert found[1].text == "5"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (..., {"value": None}),
        (None, {"value": None}),
        (5, {"value": 5}),
        ([1, 2], {"value": [1, 2]}),
        ("plain text", {"text": "plain text"}),
        ("", {"text": ""}),
        ("[1]", {"value": [1]}),
        ("{}", {}),
        ("NaN", {"text": "NaN"}),
    ],
)
def test_data_of_any_kind_becomes_an_object(data: object, expected: dict[str, Any]) -> None:
    assert one(event_with(data=data)).data == expected


@pytest.mark.parametrize(
    "time",
    [
        ...,
        None,
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        5,
        {},
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+01:00",
    ],
)
def test_an_event_is_not_refused_for_its_date(time: object) -> None:
    assert one(event_with(eventTime=time)).event_time is None


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-11-20T10:00:00.1234567Z", datetime(2026, 11, 20, 10, 0, 0, 123456, UTC)),
        ("2026-11-20T10:00:00+02:00", datetime(2026, 11, 20, 8, 0, tzinfo=UTC)),
        ("2026-11-20T10:00:00", datetime(2026, 11, 20, 10, 0, tzinfo=UTC)),
    ],
)
def test_times_are_kept_in_utc(time: str, expected: datetime) -> None:
    assert one(event_with(eventTime=time)).event_time == expected


def test_missing_subject_and_topic_are_empty() -> None:
    event = one(event_with(subject=..., topic=None))

    assert (event.subject, event.topic) == ("", "")


@pytest.mark.parametrize("given_id", [..., None, "", 5, {"a": 1}, "x" * (ID_LIMIT + 1), "a\nb"])
def test_an_event_without_a_usable_id_has_one_that_its_repetition_has_too(given_id: object) -> None:
    first, again = (one(event_with(id=given_id)) for _ in range(2))

    assert first == again
    assert 0 < len(first.id) <= ID_LIMIT
    assert first.id != one(event_with(id=given_id, subject="other")).id
    assert one(event_with(id="x" * ID_LIMIT)).id == "x" * ID_LIMIT


@pytest.mark.parametrize("body", ["", "x", b"\xff", "[" * 5000, '{"data": 1e999999999}', '{"id": "\\ud800"}'])
def test_what_is_no_json_is_poison(body: str | bytes) -> None:
    with pytest.raises(PoisonMessage, match=r"^(not|nested) "):
        read_events(body, "workspace")


@pytest.mark.parametrize("body", ["null", "5", '"x"', '[{"eventType": "t"}, 5]', "[[]]"])
def test_what_is_no_object_is_poison(body: str) -> None:
    with pytest.raises(PoisonMessage, match="an event is a JSON object"):
        read_events(body, "workspace")


@pytest.mark.parametrize("kind", [..., None, "", 5, ["t"]])
def test_an_event_without_a_type_is_poison(kind: object) -> None:
    with pytest.raises(PoisonMessage, match='its type in "eventType"'):
        read_events(event_with(eventType=kind), "workspace")
    with pytest.raises(PoisonMessage, match='its type in "type"'):
        read_events(event_with(specversion="1.0"), "workspace")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ["id", "eventType", "subject", "eventTime", "topic", "data", "specversion", "type", "source", "time"]


@given(st.dictionaries(st.sampled_from(FIELDS), json_values), st.booleans())
@settings(deadline=None, max_examples=100)
def test_any_fields_make_an_event_or_poison(fields: dict[str, Any], as_array: bool) -> None:
    document = {"eventType": "t", "type": "t", **fields}
    try:
        events = read_events(json.dumps([document] if as_array else document), "custom")
    except PoisonMessage:
        return

    (event,) = events
    assert event.event_time is None or event.event_time.tzinfo is UTC
    assert replace(event, door="custom") == event
