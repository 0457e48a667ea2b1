"""Deciding: what a rule makes of an event, under which ids, and the row that says so."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bridge.adapters.memory import MemoryJobs, MemoryQueues
from bridge.domain.commands import Origin, SubmitRun
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.queues import Queue
from bridge.domain.rules import CHAIN_LIMIT, PublishAction
from bridge.ports import Bridge
from bridge.services.accept_runs import RunRequest
from bridge.services.decide_rules import RulesWait, decide_rules
from bridge.services.submit_run import submit_run
from tests.unit.occasions import (
    RETRAIN,
    drift,
    happening,
    only,
    open_to_rules,
    rule,
    take,
    told,
    with_rules,
)
from tests.unit.requests import accepted

DAY = timedelta(days=1)


@pytest.fixture
def bridge(bridge: Bridge) -> Bridge:
    """Whose pipeline rules may run."""
    return open_to_rules(bridge)


# every reason


@pytest.mark.parametrize(
    ("change", "reason", "word"),
    [
        ({"where": {"data.coefficient": 0.5}}, "where", "not 0.5"),
        ({"action": PublishAction(event_type="T", subject="${data.absent}")}, "missing_field", "no data.absent"),
        ({"dry_run": True}, "dry_run", "dry_run is set"),
    ],
)
def test_a_rule_that_does_not_act_says_why(
    bridge: Bridge, queues: MemoryQueues, change: dict[str, Any], reason: str, word: str
) -> None:
    listening = with_rules(bridge, rule("r", "DatasetDriftDetected", **change))

    row = only(decide_rules(drift(bridge, coefficient=Decimal("0.4")), listening))

    assert (row.rule, row.status, row.reason) == ("r", "NOT_FIRED", reason)
    assert row.action == ("publish" if reason == "missing_field" else "notify")
    assert row.payload is not None
    assert word in row.payload["why"][0]
    assert not any(queues.sent.values())


def test_every_condition_that_does_not_hold_is_told(bridge: Bridge) -> None:
    listening = with_rules(bridge, rule("r", "DatasetDriftDetected", where={"data.a": 1, "data.b": 2}))

    row = only(decide_rules(drift(bridge, a=0), listening))

    assert row.payload == {"why": ["data.a is 0, not 1", "the event has no data.b"]}


def test_a_dry_run_shows_what_it_would_do(bridge: Bridge, queues: MemoryQueues) -> None:
    listening = with_rules(bridge, rule("r", "DatasetDriftDetected", RETRAIN, dry_run=True))

    row = only(decide_rules(drift(bridge), listening))

    assert row.payload is not None
    assert row.payload["planned"] == {"pipeline": "train", "inputs": {"as_of": "2026-11-20"}}
    assert not any(queues.sent.values())


def test_two_rules_that_say_no_for_the_same_reason_have_a_row_each(bridge: Bridge) -> None:
    where = {"data.x": 1}
    listening = with_rules(
        bridge, rule("a", "DatasetDriftDetected", where=where), rule("b", "DatasetDriftDetected", where=where)
    )

    first, second = decide_rules(drift(bridge), listening).rows

    assert first.decision_id != second.decision_id


def test_a_rule_about_other_events_has_no_row(bridge: Bridge) -> None:
    listening = with_rules(bridge, rule("r", "ModelDeployed"))

    found = decide_rules(drift(bridge), listening)

    assert (found.rows, found.matched) == ((), False)


@pytest.mark.parametrize(("where", "matched"), [({"data.x": 1}, False), ({}, True)])
def test_an_event_matches_when_the_conditions_of_any_rule_hold(
    bridge: Bridge,
    where: dict[str, Any],
    matched: bool,
) -> None:
    """Also when the rule does not act, for another reason."""
    listening = with_rules(bridge, rule("r", "DatasetDriftDetected", where=where, dry_run=True))

    assert decide_rules(drift(bridge), listening).matched is matched


def test_rules_do_not_hinder_each_other(bridge: Bridge, queues: MemoryQueues) -> None:
    listening = with_rules(
        bridge,
        rule("a", "DatasetDriftDetected", dry_run=True),
        rule("b", "DatasetDriftDetected"),
        rule("c", "DatasetDriftDetected", RETRAIN),
        rule("d", "DatasetDriftDetected", where={"data.x": 1}),
    )

    found = decide_rules(drift(bridge), listening)

    assert sorted((row.rule, row.status, str(row.reason)) for row in found.rows) == [
        ("a", "NOT_FIRED", "dry_run"),
        ("b", "FIRED", "None"),
        ("c", "FIRED", "None"),
        ("d", "NOT_FIRED", "where"),
    ]
    assert len({row.decision_id for row in found.rows}) == 4
    assert told(queues).occasion.rule == "b"
    assert len(queues.sent[Queue.RUN_COMMANDS]) == 1


# what belongs together


def test_what_a_model_leads_to_belongs_to_what_its_tags_say(bridge: Bridge, queues: MemoryQueues) -> None:
    listening = with_rules(bridge, rule("a", "ModelRegistered"), rule("b", "ModelRegistered", RETRAIN))
    tags = {"bridge_correlation_id": "c7", "bridge_rule_chain": "first,second"}

    found = decide_rules(happening(bridge, "ModelRegistered", ModelName="churn", ModelTags=tags), listening)

    assert {row.correlation_id for row in found.rows} == {"c7"}
    assert (told(queues).occasion.correlation_id, told(queues).occasion.rule_chain) == ("c7", ("first", "second", "a"))
    (command,) = take(queues, Queue.RUN_COMMANDS)
    assert (command.origin.correlation_id, command.origin.rule_chain) == ("c7", ("first", "second", "b"))


def test_without_a_word_about_it_the_event_begins_something_new(bridge: Bridge, queues: MemoryQueues) -> None:
    decide_rules(happening(bridge, "Contoso.Closed"), with_rules(bridge, rule("a", "Contoso.Closed")))

    assert (told(queues).occasion.correlation_id, told(queues).occasion.rule_chain) == ("e1", ("a",))


def test_what_was_published_says_which_rules_led_to_it_when_it_comes_back(bridge: Bridge, queues: MemoryQueues) -> None:
    listening = with_rules(bridge, rule("echo", "Contoso.Closed", PublishAction(event_type="Contoso.Closed")))
    decide_rules(happening(bridge, "Contoso.Closed", size=3), listening)
    (command,) = take(queues, Queue.RUN_CONTROL)
    (event,) = command.events

    row = only(decide_rules(happening(bridge, "Contoso.Closed", event.data, event_id=event.event_id), listening))

    assert (row.reason, row.correlation_id) == ("loop_guard", "e1")
    assert event.data["size"] == 3


# the loop guard


@pytest.mark.parametrize("field", ["runTags", "ModelTags", "tags"])
def test_a_rule_leaves_alone_what_it_led_to_itself(bridge: Bridge, queues: MemoryQueues, field: str) -> None:
    listening = with_rules(bridge, rule("again", "ModelRegistered"))

    row = only(
        decide_rules(happening(bridge, "ModelRegistered", {field: {"bridge_rule_chain": "x,again,y"}}), listening)
    )

    assert row.reason == "loop_guard"
    assert not any(queues.sent.values())


def test_too_long_a_chain_ends(bridge: Bridge) -> None:
    listening = with_rules(bridge, rule("again", "ModelRegistered"))
    for length, status in ((CHAIN_LIMIT - 1, "FIRED"), (CHAIN_LIMIT, "NOT_FIRED")):
        chain = ",".join(f"rule-{number}" for number in range(length))

        event = happening(bridge, "ModelRegistered", event_id=f"e{length}", ModelTags={"bridge_rule_chain": chain})

        assert only(decide_rules(event, listening)).status == status


def run_by_rules(bridge: Bridge, queues: MemoryQueues, *chain: str) -> str:
    origin = Origin(source="rule:x", principal="key", correlation_id="c7", rule_chain=chain)
    wanted = RunRequest(pipeline="train", inputs={"as_of": "2026-11-01"}, idempotency_key="k", origin=origin)
    command = accepted(bridge, queues, wanted)
    submit_run(command, bridge)
    for messages in queues.sent.values():
        messages.clear()
    return command.run_id


def test_azure_mls_job_tells_which_rules_led_to_an_event_without_tags(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    run_id = run_by_rules(bridge, queues, "again", "other")
    listening = with_rules(bridge, rule("again", "RunCompleted"))

    row = only(decide_rules(happening(bridge, "RunCompleted", runId=run_id), listening))

    assert (row.reason, row.run_id, row.correlation_id) == ("loop_guard", run_id, "c7")
    assert not any(queues.sent.values())
    assert jobs.calls.count("get") == 1


def test_what_an_event_without_tags_leads_to_carries_on_its_jobs_chain(bridge: Bridge, queues: MemoryQueues) -> None:
    """Or two rules that lead to each other would never stop."""
    run_id = run_by_rules(bridge, queues, "first")
    listening = with_rules(bridge, rule("second", "RunCompleted", RETRAIN))

    row = only(decide_rules(happening(bridge, "RunCompleted", runId=run_id), listening))

    (command,) = take(queues, Queue.RUN_COMMANDS)
    assert isinstance(command, SubmitRun)
    assert (command.origin.rule_chain, command.origin.correlation_id) == (("first", "second"), "c7")
    assert row.correlation_id == "c7"


def test_what_a_job_says_is_no_part_of_the_event(bridge: Bridge, queues: MemoryQueues) -> None:
    run_id = run_by_rules(bridge, queues, "first")
    listening = with_rules(bridge, rule("second", "RunCompleted"))

    decide_rules(happening(bridge, "RunCompleted", runId=run_id), listening)

    assert told(queues).event["data"] == {"runId": run_id}


@pytest.mark.parametrize("tags", [{"bridge": "bridge"}, {"mine": "x"}])
def test_azure_ml_is_not_asked_when_the_event_has_tags(bridge: Bridge, jobs: MemoryJobs, tags: dict[str, str]) -> None:
    listening = with_rules(bridge, rule("a", "RunCompleted"))

    row = only(decide_rules(happening(bridge, "RunCompleted", runId="some-run", runTags=tags), listening))

    assert row.status == "FIRED"
    assert not jobs.calls


def test_azure_ml_is_not_asked_for_a_rule_that_does_not_act_anyway(bridge: Bridge, jobs: MemoryJobs) -> None:
    listening = with_rules(
        bridge, rule("a", "RunCompleted", dry_run=True), rule("b", "RunCompleted", where={"data.x": 1})
    )

    assert len(decide_rules(happening(bridge, "RunCompleted", runId="some-run"), listening).rows) == 2
    assert not jobs.calls


def test_a_run_that_azure_ml_does_not_know_was_led_to_by_no_rule(bridge: Bridge) -> None:
    listening = with_rules(bridge, rule("a", "RunCompleted"))

    assert only(decide_rules(happening(bridge, "RunCompleted", runId="some-run"), listening)).status == "FIRED"


def test_the_job_is_looked_up_in_the_events_workspace(bridge: Bridge, queues: MemoryQueues) -> None:
    two = replace(bridge, workspaces=frozenset({"ws1", "WS-Two"}))
    run_id = run_by_rules(bridge, queues, "again")
    event = happening(bridge, "RunCompleted", runId=run_id)
    listening = with_rules(two, rule("again", "RunCompleted"))

    elsewhere = replace(event, topic=event.topic.replace("ws1", "ws-two"))

    assert only(decide_rules(event, listening)).reason == "loop_guard"
    assert only(decide_rules(replace(elsewhere, id="e2"), listening)).status == "FIRED"


def test_no_rule_acts_as_long_as_azure_ml_does_not_tell(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    jobs.failures.append(("get", ServiceUnavailable(retry_after=timedelta(seconds=90))))
    listening = with_rules(bridge, rule("a", "RunCompleted"), rule("b", "RunCompleted", RETRAIN))

    with pytest.raises(RulesWait) as raised:
        decide_rules(happening(bridge, "RunCompleted", runId="some-run"), listening)

    assert raised.value.retry_after == timedelta(seconds=90)
    assert not any(queues.sent.values())
