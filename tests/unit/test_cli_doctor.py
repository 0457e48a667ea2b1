"""`python -m bridge doctor`: what it writes, and how it ends, where nothing can be reached."""

import json
from pathlib import Path

import pytest

from bridge.cli.program import main

SECRET = "a-password-that-nobody-may-see"


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    """Some of what is needed; Azure is said to be at a port where nobody listens."""
    values = {"AML_ENDPOINT": "http://127.0.0.1:1", "AML_WORKSPCE": "ws", "SNOWFLAKE_PASSWORD": SECRET}
    file = tmp_path / "local.settings.json"
    file.write_text(json.dumps({"Values": values}), encoding="utf-8")
    return file


def test_it_tells_group_by_group_what_is_wrong_and_how_to_mend_it(
    settings_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["doctor", "--settings", str(settings_file)])

    told = capsys.readouterr().out.splitlines()
    assert code == 1
    place = told.index("  ✗ AML_WORKSPACE is not set: for example my-workspace  [settings]")
    assert told[0] == "settings"
    assert told[place + 1] == "      cause: AML_WORKSPCE is set, which nothing reads: AML_WORKSPACE was probably meant"
    assert (
        told[place + 2] == f'      mend: in {settings_file}, under "Values": "AML_WORKSPACE": "<value of AML_WORKSPCE>"'
    )
    assert told[place + 3] == f"      mend: in {settings_file}, leave out AML_WORKSPCE"
    assert "  - snowflake: not looked at" in told
    assert told[-1].endswith(" s")
    assert SECRET not in "".join(told)


def test_programs_get_one_document(settings_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--settings", str(settings_file), "--json"])

    told = json.loads(capsys.readouterr().out)
    assert (code, told["status"]) == (1, "fail")
    assert told["counts"]["fail"] == sum(each["status"] == "fail" for each in told["findings"])
    first = told["findings"][0]
    assert first.keys() == {"group", "check", "status", "what", "cause", "mend"}
    assert isinstance(first["mend"], list)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--principal-id", "my-app"], "give an object id"),
        (["--local", "--settings", "x.json"], "--local and --settings"),
        (["--settings", "not-there.json"], "cannot be read"),
        (["--app", "my-app"], "--app and --resource-group go together"),
        (["--app", "my-app", "--resource-group", "g", "--local"], "--app has its own settings"),
        (["--local", "--key", "k"], "--local has its own address and key"),
    ],
)
def test_a_wrong_command_line_is_told(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *options]) == 2

    assert words in capsys.readouterr().err
