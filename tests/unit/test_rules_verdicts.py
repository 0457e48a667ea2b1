"""What a rule makes of an event: its action with everything filled in, or why it leaves the event alone."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bridge.domain.event_fields import MissingField, filled, text_problem
from bridge.domain.records import AmlEvent
from bridge.domain.rules import (
    CHAIN_LIMIT,
    Action,
    Condition,
    DataFactoryAction,
    DeployAction,
    NotifyAction,
    PublishAction,
    Rule,
    SubmitAction,
    correlation_id,
)
from bridge.domain.verdicts import Reason, Verdict, judge

MODEL = {"ModelName": "churn", "ModelVersion": "4", "ModelTags": {"stage": "prod"}}
TELL = NotifyAction(channel="ml-team")


def event(data: Mapping[str, Any] | None = None, **fields: Any) -> AmlEvent:
    known: dict[str, Any] = {
        "id": "e-1",
        "event_type": "Contoso.A",
        "subject": "things/1",
        "event_time": datetime(2026, 11, 20, 10, 4, tzinfo=UTC),
        "topic": "",
        "door": "custom",
    }
    return AmlEvent(data=data or {}, **(known | fields))


def judged(
    action: Action, data: Mapping[str, Any] | None = None, found: AmlEvent | None = None, **fields: Any
) -> Verdict:
    return judge(Rule(name="r", on=frozenset({"contoso.a"}), action=action, **fields), found or event(data), "bridge")


@pytest.mark.parametrize("value", [5, Decimal("0.10"), True, "text", ["a", 1], {"a": {"b": 2}}])
def test_a_text_that_is_one_reference_keeps_the_type_of_what_stands_there(value: Any) -> None:
    (given,) = filled({"x": "${data.Value}"}, event({"value": value})).values()

    assert given == value
    assert type(given) is type(value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("drift ${data.n} on ${date}", "drift 0.10 on 2026-11-20"),
        ("${data.yes}, ${data.list}, ${data.map}", 'true, ["ä", 1], {"a": null}'),
        ("${data.n}${data.n}", "0.100.10"),
        ("$${data.n}", "${data.n}"),
        ("$$", "$"),
        ("no reference", "no reference"),
        ("${data.azureml.runsource}", "pipeline"),
        (5, 5),
        (["${data.n}", {"a": "${id}!"}], [Decimal("0.10"), {"a": "e-1!"}]),
    ],
)
def test_references_within_a_text_are_written_as_json_has_them(text: Any, meant: Any) -> None:
    data = {"n": Decimal("0.10"), "yes": True, "list": ["ä", 1], "map": {"a": None}, "azureml.runsource": "pipeline"}

    assert filled(text, event(data)) == meant


@pytest.mark.parametrize("data", [{}, {"n": None}])
def test_what_the_event_does_not_have_cannot_be_filled_in(data: dict[str, Any]) -> None:
    with pytest.raises(MissingField, match=r"the event has no data\.n"):
        filled({"a": ["b ${data.n}"]}, event(data))


@pytest.mark.parametrize("text", ["costs $5", "$", "${", "${}", "$data.x", "${data.x", "${ data.x}", "${{data.x}}"])
def test_a_sign_that_begins_no_reference_is_a_problem(text: str) -> None:
    assert str(text_problem(text)).startswith("has a $ that begins no reference")


@pytest.mark.parametrize("text", ["", "$$", "${data.x} ${DATE}", "a $$5 b"])
def test_other_texts_are_no_problem(text: str) -> None:
    assert text_problem(text) is None


def test_a_reference_that_leads_nowhere_is_a_problem() -> None:
    assert str(text_problem("${subject} ${model}")).startswith('${model} begins with "model": begin with one of ')


def test_a_run_gets_its_inputs_from_the_event() -> None:
    submit = SubmitAction(pipeline="training", inputs={"as_of": "${date}", "rows": "${data.rows}", "note": "by rule"})

    verdict = judged(submit, {"Rows": 5})

    assert verdict.acts
    assert verdict.planned == {"pipeline": "training", "inputs": {"as_of": "2026-11-20", "rows": 5, "note": "by rule"}}


@pytest.mark.parametrize(
    ("model", "data", "planned"),
    [
        (None, MODEL, ("churn", "4")),
        ("other:7", MODEL, ("other", "7")),
        ("${data.out}", {"out": "churn:5"}, ("churn", "5")),
        ("${data.name}:${data.version}", {"name": "churn", "version": 6}, ("churn", "6")),
    ],
)
def test_a_deployment_is_of_the_model_of_the_event_or_of_the_rule(
    model: str | None, data: dict[str, Any], planned: tuple[str, str]
) -> None:
    verdict = judged(DeployAction(endpoint="online", model=model, traffic=10), data)

    assert (verdict.planned["model_name"], verdict.planned["model_version"]) == planned
    assert (verdict.planned["endpoint"], verdict.planned["traffic"]) == ("online", 10)


@pytest.mark.parametrize("out", ["churn", "churn:", ":5", 5, "a/../b:5", "a:b c", "a:5/versions/6", "ü:5"])
def test_what_names_no_version_of_a_model_is_not_deployed(out: Any) -> None:
    verdict = judged(DeployAction(endpoint="online", model="${data.out}"), {"out": out})

    assert verdict.reason is Reason.MISSING_FIELD
    assert verdict.words[0].startswith("the event has no model as NAME:VERSION, only ")


def test_people_are_told_in_words_of_the_rule_or_of_the_event() -> None:
    own = judged(NotifyAction(channel="c", title="${data.n}", text="${data.list}"), {"n": True, "list": ["a"]})

    assert own.planned == {"channel": "c", "title": "true", "text": '["a"]'}
    assert judged(TELL).planned == {"channel": "ml-team", "title": "Rule r", "text": "Contoso.A things/1"}
    assert judged(TELL, found=event(subject="")).planned["text"] == "Contoso.A"


def test_a_published_event_has_what_the_rule_says_or_what_the_event_had() -> None:
    own = judged(
        PublishAction(event_type="A", topic="t", subject="s/${data.n}", data={"n": "${data.n}", "k": [1]}), {"n": 5}
    )
    same = judged(PublishAction(event_type="A"), {"n": 5})

    assert {**own.planned, "event_id": ""} == {
        "topic": "t", "event_type": "A", "subject": "s/5", "data": {"n": 5, "k": [1]}, "event_id": ""
    }  # fmt: skip
    assert (same.planned["topic"], same.planned["subject"], same.planned["data"]) == (None, "things/1", {"n": 5})
    assert judged(PublishAction(event_type="A"), {"n": 5}).planned["event_id"] == same.planned["event_id"]
    assert judged(PublishAction(event_type="A"), found=event(subject="")).planned["subject"] == "r"


def test_a_data_factory_gets_its_parameters_from_the_event() -> None:
    action = DataFactoryAction(factory="f", pipeline="p", parameters={"n": "${data.n}"}, key_parameter="key")

    assert judged(action, {"n": [1]}).planned == {
        "factory": "f",
        "pipeline": "p",
        "parameters": {"n": [1]},
        "subscription_id": None,
        "resource_group": None,
        "key_parameter": "key",
    }


def test_another_kind_of_event_is_left_alone() -> None:
    assert judged(TELL, found=event(event_type="Contoso.B")).reason is Reason.OTHER_EVENT


def test_conditions_that_do_not_hold_are_all_told() -> None:
    where = (Condition(path="data.a", equals=1), Condition(path="data.b", exists=True))

    verdict = judged(TELL, {"a": 2}, where=where)

    assert (verdict.reason, verdict.words) == (Reason.WHERE, ("data.a is 2, not 1", "the event has no data.b"))


def test_an_action_that_wants_what_the_event_does_not_have_is_not_done() -> None:
    verdict = judged(PublishAction(event_type="T", subject="${data.x}"))

    assert (verdict.reason, verdict.words) == (Reason.MISSING_FIELD, ("the event has no data.x",))


def test_a_word_that_is_missing_keeps_nobody_from_being_told() -> None:
    verdict = judged(NotifyAction(channel="c", title="${data.x}", text="it said: ${data.y}"))

    assert verdict.acts
    assert (verdict.planned["title"], verdict.planned["text"]) == ("(none)", "it said: (none)")


def test_a_rule_does_not_act_on_what_it_led_to_itself() -> None:
    verdict = judged(TELL, {"tags": {"bridge_rule_chain": "r,s"}})

    assert verdict.reason is Reason.LOOP_GUARD
    assert verdict.words == ("the event comes from this rule itself, by way of r → s",)
    assert judged(TELL, {"tags": {"bridge_rule_chain": "s,t"}}).acts


def test_a_chain_of_rules_comes_to_an_end() -> None:
    chain = [f"s{n}" for n in range(CHAIN_LIMIT)]

    assert judged(TELL, {"rule_chain": chain}).reason is Reason.LOOP_GUARD
    assert judged(TELL, {"rule_chain": chain[1:]}).acts


def test_a_dry_run_plans_and_does_not_act() -> None:
    verdict = judged(TELL, dry_run=True)

    assert (verdict.reason, verdict.acts) == (Reason.DRY_RUN, False)
    assert verdict.planned == judged(TELL).planned
    assert verdict.action_id == judged(TELL).action_id


@pytest.mark.parametrize(
    "copied", [{}, {"rule_chain": []}, {"rule_chain": ["x"]}, {"ModelTags": {"bridge_rule_chain": "x"}}], ids=str
)
def test_a_copy_of_older_data_does_not_hide_what_an_event_was_stamped_with(copied: dict[str, Any]) -> None:
    stamp = {"bridge": {"rule_chain": ["first", "r"], "correlation_id": "c7"}}

    assert judged(TELL, {**copied, **stamp}).reason is Reason.LOOP_GUARD
    assert correlation_id(event(data={**copied, **stamp})) == "c7"
