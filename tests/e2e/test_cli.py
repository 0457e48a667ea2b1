"""The command line against the whole stack: what an operator types."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.program import main
from tests.e2e.driver import Driver, new_key, run_id_of
from tests.eventually import eventually


@pytest.fixture
def _operator(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    functions = driver.stack.endpoints["functions"]
    monkeypatch.setenv("BRIDGE_URL", functions["base_url"])
    monkeypatch.setenv("BRIDGE_KEY", functions["key"])


def asked(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> Any:
    code = main([*arguments, "--json"])
    told = capsys.readouterr()
    assert code == 0, told.err
    return json.loads(told.out)


@pytest.mark.usefixtures("_operator")
def test_a_run_is_started_followed_shown_listed_and_started_again(
    driver: Driver, capsys: pytest.CaptureFixture[str]
) -> None:
    key = new_key()
    start = ["submit", "churn-training", "--input", "as_of=2026-11-01", "--input", "rows=5"]

    rehearsed = asked([*start, "--key-of-run", key, "--dry-run"], capsys)
    started = asked([*start, "--key-of-run", key], capsys)

    run_id = run_id_of("churn-training", key)
    assert rehearsed["would_submit"]["run_id"] == started["run_id"] == run_id
    assert main(["runs", "tail", run_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["status"] == "COMPLETED"
    driver.wait_for(run_id, "COMPLETED")
    assert asked(["runs", "show", run_id], capsys)["status"] == "COMPLETED"
    listed = asked(["runs", "list", "--pipeline", "churn-training", "--limit", "500"], capsys)["runs"]
    assert run_id in {run["run_id"] for run in listed}
    again = asked(["runs", "rerun", run_id, "--idempotency-key", new_key()], capsys)
    assert again["rerun_of"] == run_id
    driver.wait_for(again["run_id"], "COMPLETED")
    assert asked(["runs", "cancel", again["run_id"]], capsys)["status"] == "CANCEL_REQUESTED"


@pytest.mark.usefixtures("_operator")
def test_a_rejected_run_is_told_in_the_words_of_the_app(capsys: pytest.CaptureFixture[str]) -> None:
    assert "churn-training" in {pipeline["name"] for pipeline in asked(["pipelines", "list"], capsys)}
    assert main(["submit", "churn-training", "--input", "rws=5"]) == 1

    assert 'did you mean "rows"?' in capsys.readouterr().err.splitlines()[0]


@pytest.mark.usefixtures("_operator")
def test_a_dead_letter_is_found_and_shown_and_its_replay_refused_with_the_reason(
    driver: Driver, capsys: pytest.CaptureFixture[str]
) -> None:
    driver.post_to_queue("run-control", "no json either", new_key())

    def listed() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = asked(["dead-letters", "list", "--queue", "run-control"], capsys)["dead_letters"]
        return [letter for letter in found if letter["body"] == "no json either"]

    letter = eventually(listed, 60)[0]

    assert asked(["dead-letters", "show", letter["dead_letter_id"]], capsys)["body"] == "no json either"
    assert main(["dead-letters", "replay", letter["dead_letter_id"]]) == 1
    assert capsys.readouterr().err.startswith("Rejected: ")


def test_recorded_events_are_replayed_from_the_ledger(driver: Driver, tmp_path: Path) -> None:
    """With the settings that the app of the stack has, and without a call to it."""
    run_id = driver.create()
    driver.wait_for(run_id, "COMPLETED")
    eventually(lambda: driver.sql("SELECT 1 FROM aml_events WHERE CONTAINS(subject, ?)", run_id), 60)
    (tmp_path / "rules.yaml").write_text(
        "version: 1\n"
        "rules:\n"
        "  see-statuses:\n"
        "    on: [RunStatusChanged, RunCompleted]\n"
        f"    where: {{data.runId: {run_id}}}\n"
        "    do: {publish: {type: Test.Seen}}\n"
    )
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": driver.stack.settings}))

    files = ["--file", str(tmp_path / "rules.yaml"), "--settings", str(tmp_path / "local.settings.json")]

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "bridge",
            "rules",
            "replay",
            "--since",
            "2020-01-01",
            "--limit",
            "9999",
            "--json",
            *files,
        ],
        env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    (rule,) = json.loads(done.stdout)["rules"]
    assert rule["fired"] == 1, "a run is an occasion once"
