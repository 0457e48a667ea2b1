"""The file by which `--local` finds the running stack: one stack has it, and it goes with the stack."""

import json
from pathlib import Path

import pytest

from bridge.cli import laptop
from bridge.cli.program import main
from bridge.local.announcement import announced
from bridge.local.processes import free_port

DOCUMENT = {"functions": {"base_url": f"http://127.0.0.1:{free_port()}", "key": "k"}, "settings": {}}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRIDGE_ENDPOINTS", str(tmp_path / ".stack" / "endpoints.json"))
    return laptop.endpoints_file()


def test_it_is_there_while_the_stack_runs_and_for_its_owner_only(file: Path) -> None:
    with announced(DOCUMENT, file) as said:
        assert laptop.endpoints() == DOCUMENT
        assert file.stat().st_mode & 0o777 == 0o600
        assert str(file) in said

    assert not file.exists()


def test_a_second_stack_leaves_the_first_ones_file_alone(file: Path) -> None:
    with announced(DOCUMENT, file):
        with announced({**DOCUMENT, "settings": {"A": "1"}}, file) as said:
            assert laptop.endpoints() == DOCUMENT
            assert "set BRIDGE_ENDPOINTS to another file" in said
        assert laptop.endpoints() == DOCUMENT


def test_what_a_stack_that_was_killed_left_behind_is_replaced(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps({"left": "behind", "long": "x" * 999}))
    file.chmod(0o644)

    with announced(DOCUMENT, file):
        assert laptop.endpoints() == DOCUMENT
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_directory_that_cannot_be_written_stops_no_stack(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with announced(DOCUMENT, tmp_path / "file" / "endpoints.json") as said:
        assert said.startswith("--local does not find this stack: ")


def test_without_a_stack_local_says_how_to_start_one(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list", "--local"]) == 2

    assert capsys.readouterr().err == "no laptop stack runs here: start one with python -m bridge.local up\n"


@pytest.mark.parametrize(
    "content", ["", "[]", '{"functions": {}}', '{"functions": {}, "settings": {}}', '{"functions": 5, "settings": 5}']
)
def test_a_file_with_something_else_is_told(content: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.parent.mkdir()
    file.write_text(content)

    assert main(["runs", "list", "--local"]) == 2

    assert capsys.readouterr().err.startswith(f"{file}: ")


def test_a_stack_that_has_ended_is_asked_about(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with announced(DOCUMENT, file):
        assert main(["runs", "list", "--local"]) == 1

    assert capsys.readouterr().err.endswith("cannot be reached (ConnectionError): does the laptop stack still run?\n")


@pytest.mark.parametrize(
    "arguments", [["runs", "list", "--local", "--key", "k"], ["rules", "check", "--local", "--settings", "x.json"]]
)
def test_local_and_another_source_is_a_wrong_command_line(
    arguments: list[str], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with announced(DOCUMENT, file):
        assert main(arguments) == 2

    assert "--local" in capsys.readouterr().err
