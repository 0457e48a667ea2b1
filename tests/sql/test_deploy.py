"""The commands themselves: the real Snowflake CLI against the emulated Snowflake."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.cli.program import main
from bridge.deploy import snow
from bridge.deploy.rendering import ROOT, Rendered
from tests.emulators.snowflake_service import SnowflakeService, rows
from tests.sql.every_script import ALL_VALUES, KEY_DOORS, SECRETS, every_statement, rendered

KEYS = {
    "ML_BRIDGE_FUNCTION_KEY": SECRETS["function_key"],
    "ML_BRIDGE_SEND_KEY": SECRETS["send_key"],
    "ML_BRIDGE_TOPIC_KEY": SECRETS["topic_key"],
}
LAPTOP = ("--connection", "laptop")
TABLES = {"AML_EVENTS", "DEAD_LETTERS", "HAND_OVERS", "RULE_ACTIONS", "RUN_EVENTS", "RUN_REQUESTS"}
CONNECTION = """[connections.laptop]
account = "laptop"
user = "you"
password = "not checked"
host = "127.0.0.1"
port = {port}
protocol = "http"
"""


@pytest.fixture(scope="module")
def snowflake() -> Iterator[SnowflakeService]:
    with SnowflakeService() as service:
        yield service


@pytest.fixture
def values(tmp_path: Path) -> str:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump({**ALL_VALUES, "doors": [door.value for door in KEY_DOORS]}), encoding="utf-8")
    return str(file)


@pytest.fixture
def environment(snowflake: SnowflakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A home with a configuration of the CLI, which must be for the owner's eyes only."""
    configuration = tmp_path / "config.toml"
    configuration.touch(mode=0o600)
    configuration.write_text(CONNECTION.format(port=snowflake.port), encoding="utf-8")
    added = {"HOME": str(tmp_path), "SNOWFLAKE_HOME": str(tmp_path), "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true"}
    for name, value in (added | KEYS).items():
        monkeypatch.setenv(name, value)
    return dict(os.environ)


def make(target: str, values: str, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--silent", target, f"VALUES={values}", f"ARGS={' '.join(arguments)}"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=110)


def tables(snowflake: SnowflakeService) -> set[str]:
    found = rows(
        snowflake.connect(database="ML"),
        "SELECT TABLE_NAME FROM ML.INFORMATION_SCHEMA.TABLES "
        "WHERE TABLE_SCHEMA = 'ML_BRIDGE' AND TABLE_TYPE = 'BASE TABLE'",
    )
    return {name for (name,) in found}


@pytest.mark.timeout(240)
def test_one_command_makes_everything_again_and_again_and_another_removes_it(
    snowflake: SnowflakeService, values: str, environment: dict[str, str]
) -> None:
    first = make("sql-deploy", values, environment, *LAPTOP)
    second = make("sql-deploy", values, environment, *LAPTOP)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    for outcome in (first, second):
        lines = outcome.stderr.splitlines()
        assert [line.split(":")[0] for line in lines[:2]] == ["sql/010_account.sql", "sql/020_schema.sql"]
        assert lines[-1] == f"deploy: done, {len(lines) - 1} scripts"
        assert not [key for key in KEYS.values() if key in outcome.stdout + outcome.stderr]
    assert tables(snowflake) == TABLES
    sent = {entry["kind"] for entry in snowflake.ask("/no-ops")}
    assert {"CREATE ROLE", "CREATE RESOURCE MONITOR", "CREATE USER", "GRANT", "CREATE NETWORK RULE"} <= sent

    gone = make("sql-teardown", values, environment, *LAPTOP, "--with-ledger")

    assert gone.returncode == 0, gone.stderr
    assert gone.stderr.splitlines()[-1] == "teardown: done, 3 scripts"
    assert tables(snowflake) == set()


def test_the_service_is_sent_with_its_specification(snowflake: SnowflakeService) -> None:
    """The laptop's Snowflake runs no service: what it was asked for is recorded."""
    service = [item.text for item in every_statement() if item.script[:3] in {"011", "039", "076", "077", "078"}]

    with snowflake.connect() as connection, connection.cursor() as cursor:
        for statement in service:
            cursor.execute(statement)

    sent = snowflake.ask("/no-ops")
    assert {"CREATE COMPUTE POOL", "CREATE IMAGE REPOSITORY", "CREATE SERVICE", "ALTER SERVICE", "CREATE FUNCTION"} <= {
        entry["kind"] for entry in sent
    }
    assert not [entry for entry in sent if SECRETS["client_secret"] in entry["sql"]]


def test_the_dry_run_prints_what_would_be_sent_and_no_key(
    values: str, environment: dict[str, str], snowflake: SnowflakeService
) -> None:
    statements = len(snowflake.ask("/statements"))

    outcome = make("sql-dry-run", values, environment)

    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.count("-- ==== sql/") == 22
    assert "SECRET_STRING = '***'" in outcome.stdout
    assert not [key for key in KEYS.values() if key in outcome.stdout + outcome.stderr]
    assert rendered()["085_tasks.sql"].rstrip() in outcome.stdout
    assert len(snowflake.ask("/statements")) == statements


def test_the_scripts_are_piped_and_no_key_is_in_the_arguments(
    values: str, environment: dict[str, str], tmp_path: Path
) -> None:
    stand_in, piped = tmp_path / "snow", tmp_path / "piped"
    stand_in.write_text(f'#!/bin/sh\n{{ echo "$@"; cat; }} > {piped}\nexit 7\n', encoding="utf-8")
    stand_in.chmod(0o700)
    script = Rendered("one.sql", f"SELECT '{SECRETS['send_key']}' AS \"KEY\";\n-- und schön\nSELECT 2;\n")

    with pytest.raises(snow.ScriptFailed, match=r"sql/one\.sql, statement 1: SELECT '\*\*\*' .*\nsnow ended with 7"):
        run([script], environment, snow=str(stand_in))

    arguments, _, text = piped.read_text(encoding="utf-8").partition("\n")
    assert arguments == "sql --stdin --enable-templating NONE --format JSON --connection laptop"
    assert text == f"-- ==== sql/one.sql ====\n{script.text}"


def test_without_a_key_its_secret_is_left_as_it_is(
    values: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ML_BRIDGE_SEND_KEY")

    assert main(["sql", "render", "--values", values]) == 0

    told = capsys.readouterr()
    assert "ML_BRIDGE_SEND_KEY is not set: the secret stays as it is" in told.err
    assert "036_secret_send_key.sql" not in told.out
    assert "035_secret_function_key.sql" in told.out


def test_wrong_values_stop_it_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], environment: dict[str, str]
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("database: 'a b'\ndoors: [nothing]\naccount_script: false\n", encoding="utf-8")

    assert main(["sql", "deploy", "--values", str(file)]) == 2

    told = capsys.readouterr().err
    assert f"{file}: database: is 'a b': give a plain identifier" in told
    assert f"{file}: doors.0: is 'nothing': use external_functions, " in told


def run(scripts: list[Rendered], environment: dict[str, str], **options: Any) -> list[str]:
    said: list[str] = []
    snow.run(scripts, connection="laptop", secrets=SECRETS, say=said.append, environ=environment, **options)
    return said


def test_it_stops_at_the_first_error_and_names_script_and_statement_without_the_key(
    environment: dict[str, str],
) -> None:
    bad = "SELECT 1;\n-- a comment; and more\nSELECT 'KEY', A FROM NOWHERE;\nSELECT 2;".replace(
        "KEY", SECRETS["send_key"]
    )
    scripts = [
        Rendered(
            "one.sql",
            "CREATE DATABASE IF NOT EXISTS ML;\nUSE DATABASE ML;\n"
            "CREATE SCHEMA IF NOT EXISTS ML_BRIDGE;\nUSE SCHEMA ML_BRIDGE;",
        ),
        Rendered("two.sql", bad),
    ]

    with pytest.raises(snow.ScriptFailed) as error:
        run(scripts, environment)

    text = str(error.value)
    assert text.startswith("sql/two.sql, statement 2: SELECT '***', A FROM NOWHERE\n")
    assert "002003 (42S02)" in text
    assert SECRETS["send_key"] not in text


def test_what_snowflake_refuses_is_told_with_what_is_done_and_exit_code_1(
    values: str,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stand_in = tmp_path / "snow"
    stand_in.write_text(
        "#!/bin/sh\ncat > /dev/null\nprintf '  [\\n'\necho 'no such role' >&2\nexit 1\n", encoding="utf-8"
    )
    stand_in.chmod(0o700)
    monkeypatch.setattr(snow, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert main(["sql", "deploy", "--values", values, "--json"]) == 1

    told = capsys.readouterr()
    assert told.out == ""
    first, *_, last = told.err.splitlines()
    assert first.startswith("stopped at sql/010_account.sql, statement 2: ")
    assert "no such role" in told.err
    assert last.startswith("Everything before it is done")


def test_programs_get_the_scripts_as_json(
    values: str, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sql", "render", "--values", values, "--only", "036", "--json"]) == 0

    scripts = {each["name"]: each["text"] for each in json.loads(capsys.readouterr().out)["scripts"]}
    assert list(scripts) == ["020_schema.sql", "036_secret_send_key.sql"]
    assert "SECRET_STRING = '***'" in scripts["036_secret_send_key.sql"]


def test_what_teardown_would_send_can_be_looked_at(
    values: str, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sql", "render", "--values", values, "--teardown", "--with-ledger"]) == 0

    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("-- ====")] == [
        "-- ==== sql/teardown.sql ====",
        "-- ==== sql/teardown_ledger.sql ====",
        "-- ==== sql/teardown_account.sql ====",
    ]


def test_a_connection_that_is_not_configured_is_told(environment: dict[str, str]) -> None:
    with pytest.raises(snow.ScriptFailed, match=r"sql/one\.sql, statement 1.*\n.*nowhere is not configured"):
        snow.run(
            [Rendered("one.sql", "SELECT 1;")],
            connection="nowhere",
            secrets={},
            say=lambda _: None,
            environ=environment,
        )


def test_a_missing_cli_is_told_with_its_own_exit_code(
    values: str,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(snow, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert main(["sql", "deploy", "--values", values]) == 3

    assert "run `make setup`" in capsys.readouterr().err
