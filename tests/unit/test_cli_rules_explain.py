"""`python -m bridge rules explain`, over the captured and documented events."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.program import main
from bridge.domain import identity
from bridge.services.plan_actions import idempotency_key

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "tests" / "events"
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
  retrain-on-breach:
    on: ModelMonitorBreached
    where: {data.experimentName: {prefix: churn}}
    do: {submit: {pipeline: churn-training, inputs: {as_of: "${date}", note: "after ${data.runId}"}}}
    cool_down: 1d
  retrain-on-drift:
    on: DatasetDriftDetected
    where:
      data.DriftCoefficient: {min: 0.5}
      data.DataDriftName: churn-drift
    do: {submit: {pipeline: churn-training, inputs: {as_of: "${date}"}}}
    cool_down: 12h
  bring-to-production:
    on: ModelRegistered
    where: {tags.stage: [prod, production]}
    do: {deploy: {endpoint: churn}}
    cool_down: 1d
  tell-of-runs:
    on: [RunCompleted, RunStatusChanged]
    do: {publish: {type: Sales.RunSeen, data: {run: "${data.runId}", who: "${data.createdBy}"}}}
    dry_run: true
"""


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pipelines.yaml").write_text(PIPELINES)
    monkeypatch.setenv("PIPELINES_FILE", str(tmp_path / "pipelines.yaml"))
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def environment(encoding: str) -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "PIPELINES_FILE")} | {"PYTHONIOENCODING": encoding}


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.strip() for line in capsys.readouterr().out.splitlines()]


def explained(rules: Path, event: str, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """The one event of a file, as JSON, its rules by name."""
    assert main(["rules", "explain", str(EVENTS / event), "--file", str(rules), "--json", *more]) == 0
    (found,) = json.loads(capsys.readouterr().out)["events"]
    return {**found, "rules": {each["rule"]: each for each in found["rules"]}}


def test_a_breach_would_start_the_run_that_the_app_would_start(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = explained(rules, "monitor_breached.event_grid.pascal.json", capsys)

    rule = found["rules"]["retrain-on-breach"]
    assert rule["would_fire"]
    assert rule["planned"]["inputs"] == {"as_of": "2026-11-20", "note": "after monitor-run-7"}
    key = idempotency_key("retrain-on-breach", rule["action_id"])
    assert rule["run_id"] == identity.run_id("bridge", "churn-training", key)
    assert rule["window"] == {"from": "2026-11-20T00:00:00+00:00", "to": "2026-11-21T00:00:00+00:00"}


def test_the_name_of_the_bridge_is_part_of_the_run_id(
    rules: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    event = "monitor_breached.event_grid.pascal.json"
    first = explained(rules, event, capsys)["rules"]["retrain-on-breach"]["run_id"]

    monkeypatch.setenv("BRIDGE_NAME", "another")

    assert explained(rules, event, capsys)["rules"]["retrain-on-breach"]["run_id"] != first


def test_people_read_what_would_be_done_and_on_which_occasion(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = EVENTS / "monitor_breached.event_grid.pascal.json"

    assert main(["rules", "explain", str(event), "--file", str(rules)]) == 0

    lines = lines_of(capsys)
    assert "retrain-on-breach: would fire" in lines
    assert '✓ data.experimentName is "churn-monitor" (prefix "churn")' in lines
    assert "pipeline: churn-training" in lines
    assert 'inputs: {"as_of": "2026-11-20", "note": "after monitor-run-7"}' in lines
    assert (
        'cool-down 1d: fires once for data.experimentName "churn-monitor" '
        "from 2026-11-20 00:00:00 to 2026-11-21 00:00:00 UTC"
    ) in lines
    assert any(line.startswith("Whether an occasion was used up before cannot be seen") for line in lines)


def test_every_condition_is_told_with_the_value_that_was_found(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = EVENTS / "dataset_drift_detected.event_grid.pascal.json"

    assert main(["rules", "explain", str(event), "--file", str(rules)]) == 0

    lines = lines_of(capsys)
    assert "retrain-on-drift: would not fire (where)" in lines
    assert lines.count("✗ data.DriftCoefficient is 0.42, not at least 0.5") == 1
    assert '✓ data.DataDriftName is "churn-drift" (equals "churn-drift")' in lines
    assert "not about this kind of event: retrain-on-breach, bring-to-production, tell-of-runs" in lines


@pytest.mark.parametrize(
    "event", ["model_registered.cloud_event.pascal.json", "model_registered.event_grid.camel.json"]
)
def test_both_schemas_and_any_case_of_keys_lead_to_the_same(
    event: str, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = explained(rules, event, capsys)["rules"]["bring-to-production"]

    assert rule["would_fire"]
    assert rule["planned"]["model_name"] == "churn"
    assert rule["planned"]["deployment"] == "churn-4"


def test_a_rule_that_is_a_rehearsal_shows_what_it_would_do(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = explained(rules, "run_status_changed.cloud_event.camel.json", capsys)["rules"]["tell-of-runs"]

    assert (rule["would_fire"], rule["reason"]) == (False, "dry_run")
    assert rule["planned"]["data"] == {"run": "r-5v7w2kq4m3n6p2j7c4d5e6f7g2", "who": "bridge"}
    assert rule["window"] is None


def test_a_field_that_the_event_lacks_is_named(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "explain", str(EVENTS / "run_completed.event_grid.pascal.json"), "--file", str(rules)]) == 0

    lines = lines_of(capsys)
    assert "tell-of-runs: would not fire (missing_field)" in lines
    assert "✗ the event has no data.createdBy" in lines
    assert "no cool-down: fires once for run r-5v7w2kq4m3n6p2j7c4d5e6f7g2" in lines


def test_steps_of_a_pipeline_are_left_out_in_so_many_words(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "explain", str(EVENTS / "step_completed.event_grid.camel.json"), "--file", str(rules)]) == 0

    assert any(
        line.startswith("leave out steps of pipelines") and line.endswith(": tell-of-runs") for line in lines_of(capsys)
    )


def test_an_array_is_explained_event_by_event(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "explain", str(EVENTS / "array_of_two.event_grid.json"), "--file", str(rules)]) == 0

    lines = lines_of(capsys)
    assert [line.split("  ")[0] for line in lines if "  door workspace  " in line] == [
        "RunStatusChanged",
        "ModelRegistered",
    ]


def test_azure_ml_events_from_another_door_reach_no_rule(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = explained(rules, "monitor_breached.event_grid.pascal.json", capsys, "--door", "custom")

    assert found["rules"] == {}
    assert found["refused"] == "events of this type count from the door workspace only, not from custom"


def test_a_rule_is_kept_from_what_it_led_to_itself(
    rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    event = json.loads((EVENTS / "monitor_breached.event_grid.pascal.json").read_text())
    event["data"]["RunTags"]["bridge_rule_chain"] = "first,retrain-on-breach"
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event))

    assert main(["rules", "explain", str(path), "--file", str(rules)]) == 0

    lines = lines_of(capsys)
    assert "rules that led here: first → retrain-on-breach" in lines
    assert "retrain-on-breach: would not fire (loop_guard)" in lines


def test_an_event_without_tags_leaves_the_chain_to_azure_ml(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = EVENTS / "dataset_drift_detected.event_grid.pascal.json"

    assert main(["rules", "explain", str(path), "--file", str(rules)]) == 0

    wanted = "rules that led here: the event does not say; the app looks at the tags of run drift-run-1"
    assert wanted in lines_of(capsys)


def test_inputs_that_the_pipeline_would_refuse_are_told(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text(RULES.replace('{as_of: "${date}", note', '{as_of: "${data.runId}", note'))

    rule = explained(rules, "monitor_breached.event_grid.pascal.json", capsys)["rules"]["retrain-on-breach"]

    assert rule["run_refused"] == ['input "as_of" is "monitor-run-7": give a date such as "2026-11-01"']


def test_an_event_comes_by_standard_input(
    rules: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (EVENTS / "model_registered.event_grid.camel.json").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    assert main(["rules", "explain", "-", "--file", str(rules)]) == 0

    assert "bring-to-production: would fire" in lines_of(capsys)


def test_one_unreadable_event_does_not_hide_the_others(
    rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    event = json.loads((EVENTS / "model_registered.event_grid.camel.json").read_text())
    path = tmp_path / "events.json"
    path.write_text(json.dumps([5, event]))

    assert main(["rules", "explain", str(path), "--file", str(rules)]) == 1

    told = capsys.readouterr()
    assert "an event is a JSON object" in told.err
    assert "bring-to-production: would fire" in told.out


def test_what_is_no_json_is_refused_in_one_line(
    rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "event.json"
    path.write_text("{'id': 5}")

    assert main(["rules", "explain", str(path), "--file", str(rules)]) == 1

    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_missing_file_is_a_wrong_command_line(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "explain", "nowhere.json", "--file", str(rules)]) == 2

    assert capsys.readouterr().err == "nowhere.json: cannot be read, No such file or directory\n"


def test_an_event_cannot_steer_the_terminal(rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"id": "1", "eventType": "X", "subject": "a\u001b[2Jb\nc\u009b", "data": {}}))

    assert main(["rules", "explain", str(path), "--file", str(rules)]) == 0

    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x9b" not in out
    assert "a\\x1b[2Jb\\nc\\x9b" in out


def test_explaining_loads_no_sdk(rules: Path) -> None:
    """Whoever tries rules out has neither credentials nor time for them."""
    event = EVENTS / "monitor_breached.event_grid.pascal.json"
    arguments = ["rules", "explain", str(event), "--file", str(rules)]
    code = (
        f"import sys; from bridge.cli.program import main; code = main({arguments!r});"
        "heavy = ('azure.ai.ml', 'snowflake.connector', 'azure.servicebus', 'azure.identity', 'azure.eventgrid',"
        " 'requests');"
        "sys.exit(code or ', '.join(name for name in heavy if name in sys.modules) or 0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment("utf-8"),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "retrain-on-breach: would fire" in done.stdout


def test_the_module_runs_and_a_terminal_without_check_marks_gets_the_rest(rules: Path) -> None:
    event = EVENTS / "monitor_breached.event_grid.pascal.json"

    done = subprocess.run(
        [sys.executable, "-m", "bridge", "rules", "explain", str(event), "--file", str(rules)],
        cwd=ROOT,
        env=environment("ascii"),
        capture_output=True,
        encoding="ascii",
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "\\u2713 data.experimentName" in done.stdout


def test_a_door_that_is_none_is_told_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "explain", "--door", "back", "event.json"]) == 2

    told = capsys.readouterr().err.splitlines()
    assert told[1] == "Invalid value for '--door': 'back' is not one of 'workspace', 'custom', 'snowflake', 'bridge'."
