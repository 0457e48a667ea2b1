"""`python -m bridge rules check`, as a person or a pipeline calls it."""

import json
import os
from pathlib import Path

import pytest

from bridge.cli.program import main

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
USABLE = """\
version: 1
rules:
  retrain-on-drift:
    on: DatasetDriftDetected
    where: {data.DriftCoefficient: {min: 0.3}}
    do: {submit: {pipeline: churn-training, inputs: {as_of: "${date}"}}}
    cool_down: 1d
"""
UNUSABLE = USABLE.replace("churn-training", "churn-trainig").replace("cool_down: 1d", "cool_down: soon")


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pipelines.yaml").write_text(PIPELINES)
    monkeypatch.setenv("PIPELINES_FILE", str(tmp_path / "pipelines.yaml"))
    path = tmp_path / "rules.yaml"
    path.write_text(USABLE)
    return path


def test_a_usable_file_is_told_with_its_number_of_rules(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "check", "--file", str(rules)]) == 0

    assert capsys.readouterr().out.splitlines()[-1] == "rules.yaml: usable, 1 rule"


def test_without_settings_one_line_says_which_names_are_not_checked(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules.write_text(USABLE + "  tell:\n    on: ModelRegistered\n    do: {notify: {channel: nowhere}}\n")

    assert main(["rules", "check", "--file", str(rules)]) == 0

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("names of channels, topics and workspaces are not checked: ")
    assert "the first: AML_WORKSPACE is not set" in line


def test_with_the_settings_of_a_file_names_of_channels_are_checked(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules.write_text(USABLE + "  tell:\n    on: ModelRegistered\n    do: {notify: {channel: nowhere}}\n")
    settings = ROOT / "local.settings.example.json"
    pipelines = rules.parent / "pipelines.yaml"

    arguments = ["rules", "check", "--file", str(rules), "--pipelines", str(pipelines), "--settings", str(settings)]
    assert main(arguments) == 1

    told = capsys.readouterr()
    assert "nowhere" in told.out
    assert "not checked" not in told.err


def test_every_problem_of_the_file_is_told_and_the_code_is_1(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text(UNUSABLE)

    assert main(["rules", "check", "--file", str(rules)]) == 1

    told = capsys.readouterr()
    assert "churn-trainig" in told.out
    assert "cool_down" in told.out
    assert told.err == "not usable: 2 problems\n"


def test_programs_get_the_problems_as_json(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text(UNUSABLE)

    assert main(["rules", "check", "--file", str(rules), "--json"]) == 1

    found = json.loads(capsys.readouterr().out)
    assert found["usable"] is False
    assert len(found["problems"]) == 2


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (("rules", "check"), ("--file", "--pipelines")),
        (("rules", "check"), ("--settings", "--pipelines", "--file")),
        (("rules", "explain"), ("", "--pipelines")),
        (("rules", "explain"), ("", "--settings", "--file")),
        (("rules", "replay", "--since", "2026-11-01"), ("--settings", "--file", "--pipelines")),
        (("pipelines", "check"), ("--file",)),
        (("pipelines", "check"), ("--settings", "--file")),
    ],
)
def test_every_file_that_cannot_be_read_is_named_and_the_code_is_2(
    command: tuple[str, ...], options: tuple[str, ...], rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {option: str(rules.parent / f"no{option}") for option in options}
    given = [word for option, file in files.items() for word in (option, file) if word]

    assert main([*command, *given]) == 2

    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    assert sorted(line.partition(": ")[0] for line in lines) == sorted(files.values())
    assert all(line.partition(": ")[2].startswith("cannot be read, No such file or directory") for line in lines)


def test_a_file_is_unreadable_by_the_name_of_what_names_it(
    rules: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIPELINES_FILE", str(rules.parent))

    assert main(["rules", "check", "--file", str(rules.parent)]) == 2

    assert [line.rpartition(": ")[2] for line in capsys.readouterr().err.splitlines()] == [
        "--file names the file",
        "PIPELINES_FILE names the file",
    ]


def test_an_unreadable_event_is_told_before_what_is_wrong_in_the_files(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules.write_text(UNUSABLE)

    assert main(["rules", "explain", "none.json", "--file", str(rules)]) == 2

    assert capsys.readouterr().err == "none.json: cannot be read, No such file or directory\n"


def test_a_file_is_read_once(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be what another program writes, as with --file <(…)."""
    reader, writer = os.pipe()
    os.write(writer, USABLE.encode())
    os.close(writer)

    assert main(["rules", "check", "--file", f"/dev/fd/{reader}"]) == 0

    os.close(reader)
    assert capsys.readouterr().out.endswith(": usable, 1 rule\n")


def test_problems_of_both_files_are_told_at_once(
    rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "others.yaml").write_text("version: 2\n")
    rules.write_text(UNUSABLE)

    assert main(["rules", "check", "--file", str(rules), "--pipelines", str(tmp_path / "others.yaml")]) == 1

    out = capsys.readouterr().out
    assert "others.yaml:1: " in out
    assert "rules.yaml:7: " in out


def test_warnings_are_told_and_the_file_is_usable(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.write_text(USABLE.replace("DatasetDriftDetected", "RunCompleted"))

    assert main(["rules", "check", "--file", str(rules)]) == 0

    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("warning: rules.yaml:")
    assert last == "rules.yaml: usable, 1 rule"


@pytest.mark.parametrize("content", [None, "{", "[]", '{"Values": 5}'])
def test_settings_that_cannot_be_read_are_a_wrong_command_line(
    content: str | None, rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "local.settings.json"
    if content is not None:
        settings.write_text(content)

    assert main(["rules", "check", "--file", str(rules), "--settings", str(settings)]) == 2

    assert "local.settings.json: " in capsys.readouterr().err


def test_the_rules_of_this_repository_are_usable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "check"]) == 0


@pytest.mark.parametrize("arguments", [[], ["rules"], ["rules", "mend"], ["rules", "replay"]])
def test_a_wrong_command_line_is_2_and_shows_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2

    assert capsys.readouterr().err.startswith("Usage: python -m bridge")
