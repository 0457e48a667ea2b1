"""What the command line foretells is what the app does: both are given the same rules and the same events."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.cli.evaluation import Judge, usual_door
from bridge.domain import event_kinds
from bridge.domain.inputs import InputSpec, InputType
from bridge.domain.pipelines import Allow, Catalogue, Pipeline
from bridge.domain.records import ActionStatus, AmlEvent
from bridge.domain.rules import (
    Condition,
    DeployAction,
    PublishAction,
    Rule,
    Rules,
    SubmitAction,
)
from bridge.payloads.event_grid import read_events
from bridge.ports import Bridge
from bridge.services.decide_rules import decide_rules

EVENTS = sorted((Path(__file__).parents[1] / "events").glob("*.json"))
AS_OF = InputSpec(name="as_of", type=InputType.DATE, required=True)
CATALOGUE = Catalogue(
    Pipeline(name=name, component="azureml:churn:3", experiment="churn", inputs={"as_of": AS_OF}, allow=allow)
    for name, allow in (("open", None), ("closed", Allow(principals=frozenset({"key"}))))
)
DAY = timedelta(days=1)


def on(*names: str) -> frozenset[str]:
    return frozenset(map(event_kinds.kind_of, names))


RULES = (
    Rule(
        name="retrain",
        on=on("ModelMonitorBreached", "DatasetDriftDetected"),
        action=SubmitAction(pipeline="open", inputs={"as_of": "${date}"}),
        cool_down=DAY,
    ),
    Rule(
        name="much-drift",
        on=on("DatasetDriftDetected"),
        where=(Condition(path="data.DriftCoefficient", minimum=Decimal("0.5")),),
        action=SubmitAction(pipeline="open", inputs={"as_of": "${date}"}),
        cool_down=DAY,
    ),
    Rule(
        name="not-allowed", on=on("RunCompleted"), action=SubmitAction(pipeline="closed", inputs={"as_of": "${date}"})
    ),
    Rule(
        name="wrong-input",
        on=on("RunCompleted"),
        action=SubmitAction(pipeline="open", inputs={"as_of": "${data.runId}"}),
    ),
    Rule(name="bring", on=on("ModelRegistered"), action=DeployAction(endpoint="churn-online"), cool_down=DAY),
    Rule(name="tell", on=on("RunStatusChanged"), action=PublishAction(event_type="Seen", subject="${data.createdBy}")),
    Rule(name="pass-on", on=on("ModelDeployed"), action=PublishAction(event_type="Seen"), dry_run=True),
)


def events_of(path: Path) -> list[AmlEvent]:
    return [replace(event, door=usual_door(event)) for event in read_events(path.read_bytes(), "custom")]


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_the_app_does_what_was_foretold(path: Path, bridge: Bridge) -> None:
    bridge = replace(bridge, catalogue=CATALOGUE, reactions=replace(bridge.reactions, rules=Rules(RULES)))
    judge = Judge(rules=RULES, catalogue=CATALOGUE, bridge_name=bridge.name)

    for event in events_of(path):
        foretold = judge.evaluated(event)
        rows = {row.rule: row for row in decide_rules(event, bridge).rows}

        assert {each.rule.name for each in foretold.evaluations} == set(rows)
        for each in foretold.evaluations:
            row, refused = rows[each.rule.name], bool(each.run and each.run.refusals)
            wanted = ActionStatus.FAILED if refused else ActionStatus.FIRED
            assert row.status == (wanted if each.verdict.acts else ActionStatus.NOT_FIRED)
            assert row.action_id == each.verdict.action_id
            if not each.verdict.acts:
                assert row.reason == each.verdict.reason
            elif each.run is not None:
                assert row.run_id == each.run.run_id
            if refused:
                assert row.payload is not None
                assert each.run is not None
                assert row.payload["why"] == list(each.run.refusals)


def test_every_way_to_end_is_among_the_events() -> None:
    judge = Judge(rules=RULES, catalogue=CATALOGUE, bridge_name="bridge")

    found = [each for path in EVENTS for event in events_of(path) for each in judge.evaluated(event).evaluations]

    assert {each.rule.name for each in found} == {rule.name for rule in RULES}
    assert {each.verdict.reason for each in found} == {None, "where", "missing_field", "dry_run"}
    assert {each.rule.name for each in found if each.run and each.run.refusals} == {"not-allowed", "wrong-input"}


def test_types_of_the_bridge_itself_count_by_its_own_door_only() -> None:
    judge = Judge(rules=RULES, catalogue=CATALOGUE, bridge_name="bridge")
    event = AmlEvent(id="e1", event_type="Bridge.RunEnded", subject="", data={}, topic="", door="bridge")

    assert judge.evaluated(event).refused is None
    for other in (
        replace(event, door="custom"),
        replace(event, event_type="Bridge.Anything"),
        replace(event, event_type="Bridge.SubmitRun", door="custom"),
    ):
        assert judge.evaluated(other).refused


@pytest.mark.parametrize("door", ["workspace", "bridge", "unknown"])
def test_an_event_by_a_door_that_does_not_count_is_foretold_to_do_nothing(door: str, bridge: Bridge) -> None:
    rule = Rule(name="r", on=on("Contoso.Closed"), action=PublishAction(event_type="Seen"))
    (event,) = read_events(b'{"id": "e", "eventType": "Contoso.Closed", "data": {}}', door)

    found = Judge(rules=(rule,), catalogue=CATALOGUE, bridge_name="bridge").evaluated(event)

    assert found.refused == f"events of this type count from the door custom or snowflake only, not from {door}"
