"""Once per occasion: what tells two events apart, and who remembers what was done."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.adapters.memory import MemoryClock, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.queues import Queue
from bridge.domain.rules import SubmitAction
from bridge.ports import Bridge
from bridge.services.decide_rules import decide_rules
from tests.unit.occasions import (
    RETRAIN,
    controls,
    drift,
    happening,
    only,
    open_to_rules,
    recorded,
    rule,
    with_rules,
)

DAY = timedelta(days=1)


@pytest.fixture
def bridge(bridge: Bridge) -> Bridge:
    """Whose pipeline rules may run."""
    return open_to_rules(bridge)


def test_a_second_event_on_the_same_occasion_is_left_alone(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    listening = with_rules(bridge, rule("r", "DatasetDriftDetected", cool_down=DAY))
    recorded(decide_rules(drift(bridge), listening), ledger)

    row = only(decide_rules(drift(bridge, "e2"), listening))

    assert (row.status, row.reason) == ("NOT_FIRED", "cool_down")
    assert row.payload is not None
    assert row.payload["why"] == ["event e1 was the first on this occasion"]
    assert len(controls(queues)) == 1


def test_without_the_ledger_a_second_event_leads_to_the_same_again(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = with_rules(
        bridge,
        rule("r", "DatasetDriftDetected", cool_down=DAY),
        rule("s", "DatasetDriftDetected", RETRAIN, cool_down=DAY),
    )
    recorded(decide_rules(drift(bridge), listening), ledger)

    def away(action_ids: Any) -> Any:
        raise ServiceUnavailable

    monkeypatch.setattr(ledger, "fired", away)
    found = decide_rules(drift(bridge, "e2"), listening)

    assert [row.status for row in found.rows] == ["FIRED", "FIRED"]
    assert len({each.message_id for each in queues.sent[Queue.RUN_CONTROL]}) == 1
    assert len({each.body.run_id for each in queues.sent[Queue.RUN_COMMANDS]}) == 1  # type: ignore[union-attr]
    assert len({row.decision_id for row in found.rows}) == 2


@pytest.mark.parametrize(
    ("change", "fires"),
    [({"name": "other-drift"}, True), ({"name": "CHURN-DRIFT"}, False), ({}, False)],
)
def test_other_keys_are_other_occasions(
    bridge: Bridge,
    ledger: MemoryLedger,
    change: dict[str, str],
    fires: bool,
) -> None:
    listening = with_rules(bridge, rule("r", "DatasetDriftDetected", cool_down=DAY))
    recorded(decide_rules(drift(bridge), listening), ledger)

    row = only(decide_rules(drift(bridge, "e2", **change), listening))

    assert (row.status == "FIRED") is fires


def test_another_part_of_time_is_another_occasion(bridge: Bridge, ledger: MemoryLedger, clock: MemoryClock) -> None:
    listening = with_rules(bridge, rule("r", "DatasetDriftDetected", cool_down=DAY))
    recorded(decide_rules(drift(bridge), listening), ledger)
    clock.advance(timedelta(hours=14))

    assert only(decide_rules(drift(bridge, "e2"), listening)).status == "FIRED"


def test_a_rule_may_name_the_fields_that_make_an_occasion(bridge: Bridge, ledger: MemoryLedger) -> None:
    listening = with_rules(bridge, rule("r", "DatasetDriftDetected", cool_down=DAY, key=("data.baseDatasetId",)))
    recorded(decide_rules(drift(bridge, BaseDatasetId="b"), listening), ledger)

    other_name = only(decide_rules(drift(bridge, "e2", name="x", BaseDatasetId="b"), listening))
    other_base = only(decide_rules(drift(bridge, "e3", BaseDatasetId="c"), listening))

    assert (other_name.status, other_base.status) == ("NOT_FIRED", "FIRED")


def test_the_same_event_again_leaves_no_second_row(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> None:
    """What the event led to is in the ledger already; neither is it its own cool-down."""
    listening = with_rules(
        bridge,
        rule("r", "DatasetDriftDetected", cool_down=DAY),
        rule("s", "DatasetDriftDetected", RETRAIN, cool_down=DAY),
    )
    recorded(decide_rules(drift(bridge), listening), ledger)

    found = decide_rules(drift(bridge), listening)

    assert (found.rows, found.matched) == ((), True)
    assert (len(controls(queues)), len(queues.sent[Queue.RUN_COMMANDS])) == (1, 1)


class Asked(MemoryLedger):
    """A ledger that counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def fired(self, action_ids: Any) -> Any:
        self.asked += action_ids
        return super().fired(action_ids)


@pytest.mark.parametrize(
    ("minutes", "cool_down", "action", "asks"),
    [
        (9, None, None, False),
        (10, None, None, True),
        (0, DAY, None, True),
        (10, None, RETRAIN, False),
        (0, DAY, RETRAIN, True),
        (None, None, None, True),
    ],
)
def test_the_ledger_is_asked_only_where_the_brokers_memory_does_not_help(
    bridge: Bridge,
    minutes: int | None,
    cool_down: timedelta | None,
    action: Any,
    asks: bool,
) -> None:
    """It remembers ten minutes. A run without a cool-down has a name of its own, so that it cannot start twice."""
    ledger = Asked()
    listening = with_rules(
        replace(bridge, ledger=ledger), rule("r", "DatasetDriftDetected", action, cool_down=cool_down)
    )
    then = None if minutes is None else bridge.clock.now() - timedelta(minutes=minutes)

    decide_rules(replace(drift(bridge), event_time=then), listening)

    assert bool(ledger.asked) is asks


def test_the_ledger_is_asked_once_about_all_actions_that_matter(bridge: Bridge) -> None:
    ledger = Asked()
    listening = with_rules(
        replace(bridge, ledger=ledger),
        rule("a", "DatasetDriftDetected", cool_down=DAY),
        rule("b", "DatasetDriftDetected", cool_down=DAY, dry_run=True),
        rule("c", "DatasetDriftDetected"),
    )

    found = decide_rules(drift(bridge), listening)

    assert ledger.asked == [row.action_id for row in found.rows if row.rule == "a"]


def test_what_could_not_be_done_does_not_use_up_its_occasion(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger
) -> None:
    bad = SubmitAction(pipeline="train", inputs={"as_of": "${data.day}"})
    listening = with_rules(bridge, rule("r", "DatasetDriftDetected", bad, cool_down=DAY))
    recorded(decide_rules(drift(bridge, day="never"), listening), ledger)

    row = only(decide_rules(drift(bridge, "e2", day="2026-11-01"), listening))

    assert row.status == "FIRED"
    assert len(queues.sent[Queue.RUN_COMMANDS]) == 1


def test_without_a_cool_down_a_run_is_one_occasion_however_many_events_it_sends(bridge: Bridge) -> None:
    listening = with_rules(bridge, rule("r", "RunStatusChanged"))
    tags = {"bridge": "bridge"}

    rows = [
        only(decide_rules(happening(bridge, "RunStatusChanged", event_id=each, runId=run, runTags=tags), listening))
        for each, run in (("e1", "run-1"), ("e2", "run-1"), ("e3", "run-2"))
    ]

    assert rows[0].action_id == rows[1].action_id != rows[2].action_id
    assert len({row.decision_id for row in rows}) == 3
