"""`python -m bridge rules replay`, over a ledger in memory."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.adapters.memory_ledger import MemoryLedger
from bridge.cli import rule_commands
from bridge.cli.program import main
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.records import AmlEvent, Records

ROOT = Path(__file__).parents[2]
PIPELINES = """\
version: 1
pipelines:
  churn-training:
    target: {kind: aml_pipeline, component: "azureml:churn_training:3"}
    inputs:
      as_of: {type: date, required: true}
      note: {type: string}
"""
RULES = """\
version: 1
rules:
  retrain-on-drift:
    on: DatasetDriftDetected
    where: {data.DriftCoefficient: {min: 0.3}}
    do: {submit: {pipeline: churn-training, inputs: {as_of: "${date}"}}}
    cool_down: 1d
  say-closed:
    on: Sales.Closed
    do: {publish: {topic: main, type: Sales.Seen}}
    cool_down: 1d
"""
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DRIFT = AmlEvent(
    id="e1",
    event_type="Microsoft.MachineLearningServices.DatasetDriftDetected",
    subject="datadrift/d-1",
    event_time=NOON,
    data={"DataDriftName": "churn-drift", "RunId": "drift-run-1", "DriftCoefficient": 0.42},
    topic="/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws1",
    door="workspace",
)
EVENTS = (
    DRIFT,
    replace(DRIFT, id="e2", event_time=NOON + timedelta(hours=1)),
    replace(DRIFT, id="e3", event_time=NOON + timedelta(hours=2), data={**DRIFT.data, "DriftCoefficient": 0.1}),
    replace(DRIFT, id="e4", event_time=NOON + timedelta(days=1)),
    replace(DRIFT, id="e5", event_time=NOON + timedelta(days=2), event_type="Sales.Opened", door="custom"),
)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> MemoryLedger:
    found = MemoryLedger()
    found.write(Records(aml_events=EVENTS))
    monkeypatch.setattr(rule_commands, "ledger", lambda _: nullcontext(found))
    return found


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    rules, settings = tmp_path / "rules.yaml", tmp_path / "local.settings.json"
    rules.write_text(RULES)
    (tmp_path / "pipelines.yaml").write_text(PIPELINES)
    document = json.loads((ROOT / "local.settings.example.json").read_text())
    document["Values"]["ALLOWED_TOPICS"] = "main=https://main.test/api/events"
    document["Values"]["PIPELINES_FILE"] = str(tmp_path / "pipelines.yaml")
    settings.write_text(json.dumps(document))
    return ["rules", "replay", "--file", str(rules), "--settings", str(settings)]


def replayed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def reasons(found: dict[str, Any]) -> dict[str, Any]:
    """By event: why the drift rule would not have fired, None when it would have."""
    return {event["id"]: event["rules"][0]["reason"] for event in found["events"]}


def test_each_occasion_fires_once_and_its_repetitions_are_cool_down(
    arguments: list[str], recorded: MemoryLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    found = replayed([*arguments, "--since", "2026-11-01"], capsys)

    assert reasons(found) == {"e1": None, "e2": "cool_down", "e3": "where", "e4": None}
    assert found["rules"] == [
        {"rule": "retrain-on-drift", "fired": 2, "not_fired": {"cool_down": 1, "where": 1}},
        {"rule": "say-closed", "fired": 0, "not_fired": {}},
    ]
    assert found["events_read"] == 5
    assert recorded.writes == [5], "nothing was written but what was there"


def test_people_read_each_event_and_a_summary(
    arguments: list[str], recorded: MemoryLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--since", "2026-11-01"]) == 0

    told = capsys.readouterr()
    lines = [line.strip() for line in told.out.splitlines()]
    assert any(line.startswith("✓ retrain-on-drift: submit, run r-") for line in lines)
    assert "✗ retrain-on-drift: cool_down: event e1 was the first on this occasion" in lines
    assert "✗ retrain-on-drift: where: data.DriftCoefficient is 0.1, not at least 0.3" in lines
    assert "5 events, 4 of them of a kind that a rule is about" in lines
    assert lines[-2].split(maxsplit=2) == ["retrain-on-drift", "2", "cool_down 1, where 1"]
    assert "Nothing was sent or written." in told.err


def test_an_occasion_is_used_up_by_what_came_before_since_only_if_it_is_replayed_too(
    arguments: list[str], recorded: MemoryLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    found = replayed([*arguments, "--since", "2026-11-20T12:30"], capsys)

    assert reasons(found) == {"e2": None, "e3": "where", "e4": None}


def test_events_from_until_on_are_left_out(
    arguments: list[str], recorded: MemoryLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    found = replayed([*arguments, "--since", "2026-11-01", "--until", "2026-11-20T14:00+01:00"], capsys)

    assert list(reasons(found)) == ["e1"]


def test_a_replay_that_stops_at_its_limit_says_where(
    arguments: list[str], recorded: MemoryLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--since", "2026-11-01", "--limit", "2"]) == 0

    assert "stopped at the limit of 2 events, at 2026-11-20 13:00:00 UTC" in capsys.readouterr().err


def test_a_replay_whose_end_comes_before_its_limit_does_not_say_so(
    arguments: list[str], recorded: MemoryLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--since", "2026-11-01", "--limit", "2", "--until", "2026-11-20T13:00"]) == 0

    assert "stopped at the limit" not in capsys.readouterr().err


def test_one_rule_is_replayed_by_its_name(
    arguments: list[str], recorded: MemoryLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    found = replayed([*arguments, "--since", "2026-11-01", "--rule", "say-closed"], capsys)

    assert found["events"] == []
    assert [each["rule"] for each in found["rules"]] == ["say-closed"]


def test_an_unknown_rule_is_a_wrong_command_line(
    arguments: list[str], recorded: MemoryLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--since", "2026-11-01", "--rule", "retrain-on-drft"]) == 2

    assert capsys.readouterr().err == 'there is no rule "retrain-on-drft": did you mean retrain-on-drift?\n'


def test_a_date_that_is_none_is_a_wrong_command_line(
    arguments: list[str], recorded: MemoryLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--since", "yesterday"]) == 2

    assert "give a date such as 2026-11-01" in capsys.readouterr().err


@pytest.mark.parametrize("until", ["2026-10-31", "2026-11-01", "2026-11-01T01:00+01:00"])
def test_an_end_that_is_not_after_the_beginning_is_a_wrong_command_line(
    until: str, arguments: list[str], recorded: MemoryLedger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--since", "2026-11-01", "--until", until]) == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("no time is left: --since is 2026-11-01 00:00:00, --until is ")


def test_a_ledger_that_is_away_is_told_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away(MemoryLedger):
        def aml_events(self, **_: object) -> Sequence[AmlEvent]:
            raise ServiceUnavailable("Snowflake did not answer")

    monkeypatch.setattr(rule_commands, "ledger", lambda _: nullcontext(Away()))

    assert main([*arguments, "--since", "2026-11-01"]) == 1

    assert capsys.readouterr().err == "it did not work: Snowflake did not answer\n"


def test_without_settings_there_is_no_replay(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "replay", "--since", "2026-11-01"]) == 1

    assert "SNOWFLAKE_ACCOUNT is not set" in capsys.readouterr().err
