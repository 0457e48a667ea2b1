"""Which events a rule is about, what its conditions say of them, and which events are one occasion."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bridge.domain import event_kinds
from bridge.domain.event_fields import ABSENT, field, path_problem
from bridge.domain.records import AmlEvent
from bridge.domain.rules import (
    Condition,
    NotifyAction,
    Rule,
    Rules,
    bucket_start,
    correlation_id,
    rule_chain,
)

MACHINE_LEARNING = "Microsoft.MachineLearningServices."
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BREACH = {event_kinds.BREACH_TAG: "churn_drift has failed due to one or more features violating metric thresholds"}


def event(kind: str = "Contoso.NewData", data: Mapping[str, Any] | None = None, **fields: Any) -> AmlEvent:
    topic = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/ws1"
    known: dict[str, Any] = {"id": "e-1", "subject": "things/One", "event_time": NOON, "topic": topic, "door": "custom"}
    return AmlEvent(event_type=kind, data=data or {}, **(known | fields))


def rule(*on: str, **fields: Any) -> Rule:
    kinds = frozenset(event_kinds.kind_of(kind) for kind in on)
    return Rule(name="r", on=kinds, action=NotifyAction(channel="c"), **fields)


def is_met(value: Any, **condition: Any) -> bool:
    return Condition(path="data.x", **condition).unmet(event(data={"x": value})) is None


@pytest.mark.parametrize(
    ("value", "wanted", "holds"),
    [
        ("Prod", "pROD", True),
        ("prod", "production", False),
        (4, 4, True),
        ("4", 4, True),
        (4, "4", True),
        ("4.0", 4, True),
        (Decimal("0.30"), 0.3, True),
        ("four", 4, False),
        ("1.0", "1", False),
        ("1e3", "1000", False),
        (True, True, True),
        ("TRUE", True, True),
        (1, True, False),
        ("", "", True),
    ],
)
def test_equality_has_no_case_and_takes_texts_for_numbers_only_beside_a_number(
    value: Any, wanted: Any, holds: bool
) -> None:
    assert is_met(value, equals=wanted) == holds
    assert is_met(value, one_of=("other", wanted)) == holds
    assert is_met(value, none_of=("other", wanted)) != holds


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"prefix": "CHURN"}, True),
        ({"prefix": "online"}, False),
        ({"suffix": "ONLINE"}, True),
        ({"suffix": "churn"}, False),
        ({"contains": "n-O"}, True),
        ({"contains": "x"}, False),
        ({"prefix": "churn", "suffix": "line", "contains": "-"}, True),
        ({"prefix": "churn", "suffix": "x"}, False),
    ],
)
def test_parts_of_a_text_have_no_case_and_all_must_be_there(condition: dict[str, Any], holds: bool) -> None:
    assert is_met("Churn-Online", **condition) == holds


@pytest.mark.parametrize("value", [0.3, Decimal("0.3"), "0.3", "3e-1"])
@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"minimum": "0.3"}, True),
        ({"minimum": "0.30000000000000000001"}, False),
        ({"maximum": "0.3"}, True),
        ({"maximum": "0.2"}, False),
        ({"above": "0.3"}, False),
        ({"above": "0.29999999999999999999"}, True),
        ({"below": "0.3"}, False),
        ({"below": "0.31"}, True),
        ({"above": "0", "maximum": "1"}, True),
    ],
)
def test_bounds_are_exact_whatever_the_number_is_written_as(value: Any, condition: dict[str, str], holds: bool) -> None:
    assert is_met(value, **{name: Decimal(bound) for name, bound in condition.items()}) == holds


@pytest.mark.parametrize("value", ["much", True, [1], {"a": 1}, "NaN", "Infinity", float("inf"), ""])
def test_what_is_no_number_is_within_no_bounds(value: Any) -> None:
    assert not is_met(value, minimum=Decimal(-1000))
    assert not is_met(value, below=Decimal(1000))


def test_a_field_exists_unless_it_is_absent_or_null() -> None:
    there, null = event(data={"x": ""}), event(data={"x": None})
    for found, exists in ((there, True), (null, False), (event(), False)):
        assert (Condition(path="data.x", exists=True).unmet(found) is None) == exists
        assert (Condition(path="data.x", exists=False).unmet(found) is None) != exists


def test_a_missing_field_meets_no_condition_not_even_an_exclusion() -> None:
    assert Condition(path="data.y", none_of=("a",)).unmet(event(data={"x": 1})) == "the event has no data.y"


def test_every_condition_that_is_not_met_is_told_with_the_value() -> None:
    conditions = (
        Condition(path="data.DriftCoefficient", minimum=Decimal("0.3")),
        Condition(path="tags.stage", equals="prod"),
        Condition(path="subject", one_of=("a", "b")),
        Condition(path="data.name", none_of=("churn",)),
        Condition(path="data.name", prefix="x"),
        Condition(path="data.name", exists=False),
        Condition(path="type", equals="contoso.newdata"),
    )
    found = event(data={"driftcoefficient": Decimal("0.1"), "Name": "churn"})

    assert rule("Contoso.NewData", where=conditions).unmet(found) == [
        "data.DriftCoefficient is 0.1, not at least 0.3",
        "the event has no tags.stage",
        'subject is "things/One", not one of "a", "b"',
        'data.name is "churn", which is excluded',
        'data.name is "churn", which does not begin with "x"',
        'data.name is there: "churn"',
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "e-1"),
        ("TYPE", "Contoso.NewData"),
        ("subject", "things/One"),
        ("time", "2026-11-20T12:00:00+00:00"),
        ("date", "2026-11-20"),
        ("door", "custom"),
        ("workspace", "ws1"),
        ("data.properties.azureml.runsource", "pipeline"),
        ("DATA.Properties.AzureML.RunSource", "pipeline"),
        ("data.properties.azureml.deep.er", 1),
        ("data.a.b", "inner"),
        ("data.null", ABSENT),
        ("data.a.c", ABSENT),
        ("data.list.0", ABSENT),
        ("tags.stage", ABSENT),
    ],
)
def test_paths_lead_through_names_in_any_case_also_with_dots(path: str, value: Any) -> None:
    data = {
        "Properties": {"azureml.runsource": "pipeline", "azureml": {"deep.er": 1}},
        "a": {"b": "inner"},
        "Null": None,
        "list": [1],
    }

    assert path_problem(path) is None
    assert field(event(data=data), path) is value or field(event(data=data), path) == value


def test_of_names_with_and_without_dots_the_longest_that_leads_on_counts() -> None:
    data = {"a.b": {"x": 1}, "a": {"b": {"c": 2, "x": 3}}}

    assert field(event(data=data), "data.a.b.x") == 1
    assert field(event(data=data), "data.a.b.c") == 2


@pytest.mark.parametrize("name", ["RunTags", "runTags", "ModelTags", "ServiceTags", "tags"])
def test_tags_are_those_of_whatever_the_event_is_about(name: str) -> None:
    found = event(data={name: {"Stage": "prod", "owner.team": 5, "none": None}})

    assert field(found, "tags.stage") == "prod"
    assert field(found, "tags.Owner.Team") == "5"
    assert field(found, "tags.none") is ABSENT


def test_a_moment_is_told_in_utc_and_an_event_without_one_has_none() -> None:
    late = datetime.fromisoformat("2026-11-20T23:30:00-05:00")

    assert field(event(event_time=late), "date") == "2026-11-21"
    assert field(event(event_time=None), "date") is ABSENT
    assert field(event(topic=""), "workspace") is ABSENT


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("modelname", 'begins with "modelname": begin with one of id, type, '),
        ("", 'begins with "": begin with one of '),
        ("data", "is incomplete: name a field, as in data.name"),
        ("tags.", "is incomplete: name a field, as in tags.name"),
        ("subject.x", "subject has no fields: write subject"),
    ],
)
def test_a_path_that_leads_nowhere_is_told(path: str, problem: str) -> None:
    assert str(path_problem(path)).startswith(problem)


@pytest.mark.parametrize("word", ["RunCompleted", "runcompleted", f"{MACHINE_LEARNING}RunCompleted"])
def test_a_kind_is_named_briefly_or_in_full_and_in_any_case(word: str) -> None:
    assert rule(word).wants(event(f"{MACHINE_LEARNING}runCOMPLETED"))
    assert not rule(word).wants(event(f"{MACHINE_LEARNING}ModelRegistered"))


def test_a_monitors_breach_is_a_kind_and_a_changed_status_too() -> None:
    breach = event(f"{MACHINE_LEARNING}RunStatusChanged", {"RunTags": BREACH})
    change = event(f"{MACHINE_LEARNING}RunStatusChanged", {"RunTags": {}})

    assert [rule("ModelMonitorBreached").wants(found) for found in (breach, change)] == [True, False]
    assert [rule("RunStatusChanged").wants(found) for found in (breach, change)] == [True, True]


def test_steps_of_a_pipeline_count_only_where_they_are_asked_for() -> None:
    step = event(f"{MACHINE_LEARNING}RunCompleted", {"runType": "azureml.StepRun"})
    whole = event(f"{MACHINE_LEARNING}RunCompleted", {"runType": "azureml.PipelineRun"})
    asks = rule("RunCompleted", where=(Condition(path="Data.RunType", exists=True),))

    assert [rule("RunCompleted").wants(found) for found in (step, whole)] == [False, True]
    assert [asks.wants(found) for found in (step, whole)] == [True, True]
    assert rule("ModelMonitorBreached").wants(
        event(f"{MACHINE_LEARNING}RunStatusChanged", {"runType": "azureml.StepRun", "runTags": BREACH})
    )


def test_rules_are_asked_in_the_order_of_the_file() -> None:
    first, second, other = rule("A"), rule("B", "A"), rule("B")

    assert Rules([first, second, other]).about(event("a")) == [first, second]
    assert Rules([first]).listen_for("a")
    assert not Rules([first]).listen_for("b")


def test_without_a_cool_down_a_run_is_an_occasion_and_else_every_event() -> None:
    running = event(f"{MACHINE_LEARNING}RunStatusChanged", {"RunId": "run-1"}, id="e-1")
    ended = event(f"{MACHINE_LEARNING}RunCompleted", {"runId": "run-1"}, id="e-2")
    models = [event(f"{MACHINE_LEARNING}ModelRegistered", {"ModelName": "churn"}, id=name) for name in ("e-3", "e-4")]
    either = rule("RunStatusChanged", "RunCompleted", "ModelRegistered")

    assert either.firing_key(running) == either.firing_key(ended) == ("r", "run-1")
    topic = models[0].topic.lower()
    assert [either.firing_key(found) for found in models] == [
        ("r", "custom", topic, "e-3"),
        ("r", "custom", topic, "e-4"),
    ]


def test_two_sources_may_give_their_events_the_same_ids() -> None:
    keys = {rule("A").firing_key(event("A", door=door, topic=topic)) for door in "ab" for topic in ("x", "X", "y")}

    assert len(keys) == 4


@pytest.mark.parametrize(
    ("kind", "data", "key"),
    [
        (f"{MACHINE_LEARNING}RunCompleted", {"ExperimentName": "Churn"}, "churn"),
        (f"{MACHINE_LEARNING}ModelRegistered", {"modelName": "churn"}, "churn"),
        (f"{MACHINE_LEARNING}ModelDeployed", {"ServiceName": "online"}, "online"),
        (f"{MACHINE_LEARNING}DatasetDriftDetected", {"DataDriftName": "drift"}, "drift"),
        ("Bridge.RunEnded", {"pipeline": "training"}, "training"),
        ("Bridge.DeploymentEnded", {"endpoint": "online"}, "online"),
        ("Contoso.NewData", {"x": "y"}, "things/one"),
    ],
)
def test_with_a_cool_down_events_about_the_same_thing_are_one_occasion(
    kind: str, data: dict[str, Any], key: str
) -> None:
    cools = rule(kind, cool_down=timedelta(hours=1))

    one, other = (cools.firing_key(event(kind, data, id=name)) for name in ("e-1", "e-2"))

    assert one == other
    assert one[:2] == ("r", key)


def test_the_key_of_a_rule_goes_before_that_of_the_kind() -> None:
    keyed = rule("A", cool_down=timedelta(hours=1), key=("data.x", "tags.y", "data.missing"))

    assert keyed.firing_key(event("A", {"x": "One", "tags": {"y": 2}}))[:4] == ("r", "one", "2", "")


def test_a_cool_down_ends_with_its_part_of_time() -> None:
    daily = rule("A", cool_down=timedelta(days=1))
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    moments = [midnight, midnight + timedelta(hours=23, minutes=59, seconds=59), midnight + timedelta(days=1)]

    first, last, next_ = (daily.firing_key(event("A", event_time=moment)) for moment in moments)

    assert first == last
    assert next_ != first
    assert [bucket_start(moment, timedelta(days=1)) for moment in moments] == [midnight, midnight, moments[2]]


def test_an_event_without_a_time_is_an_occasion_of_its_own() -> None:
    assert rule("A", cool_down=timedelta(days=1)).firing_key(event("A", event_time=None))[-1] == "e-1"


def test_the_action_id_differs_by_bridge_rule_and_occasion() -> None:
    other = Rule(name="other", on=frozenset({"a"}), action=NotifyAction(channel="c"))
    ids = {
        rule("A").action_id(event("A"), "bridge"),
        rule("A").action_id(event("A"), "another"),
        rule("A").action_id(event("A", id="e-2"), "bridge"),
        other.action_id(event("A"), "bridge"),
    }

    assert len(ids) == 4
    assert rule("A").action_id(event("A"), "bridge") in ids


@pytest.mark.parametrize(
    ("data", "chain"),
    [
        ({"RunTags": {"bridge_rule_chain": "a,b"}}, ("a", "b")),
        ({"ModelTags": {"Bridge_Rule_Chain": "a"}}, ("a",)),
        ({"rule_chain": ["a", "b"]}, ("a", "b")),
        ({"bridge": {"rule_chain": ["a"]}}, ("a",)),
        ({"tags": {"stage": "prod"}}, ()),
        ({"tags": {}, "rule_chain": []}, ()),
        ({"rule_chain": "a"}, None),
        ({}, None),
    ],
)
def test_the_rules_that_led_to_an_event_are_in_its_tags_or_its_data(
    data: dict[str, Any], chain: tuple[str, ...] | None
) -> None:
    assert rule_chain(event(data=data)) == chain


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"RunTags": {"bridge_correlation_id": "c-1"}}, "c-1"),
        ({"correlation_id": "c-2"}, "c-2"),
        ({"bridge": {"correlation_id": "c-3"}}, "c-3"),
        ({"correlation_id": 5}, "e-1"),
        ({}, "e-1"),
    ],
)
def test_an_event_belongs_to_what_it_names_or_begins_something(data: dict[str, Any], found: str) -> None:
    assert correlation_id(event(data=data)) == found
