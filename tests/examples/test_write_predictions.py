"""The step that writes predictions, to where they are loaded into a table."""

from pathlib import Path
from typing import Any

import pytest

from tests.emulators.snowflake_service import DATABASE, SCHEMA, SnowflakeService, rows
from tests.examples.conftest import RunScript

RUN = "r-" + "a2" * 13
SCRIPT = "write_predictions.py"


@pytest.fixture
def predictions(snowflake: SnowflakeService, run_script: RunScript, tmp_path: Path) -> Path:
    """A folder as the step that reads leaves it."""
    folder = tmp_path / "predictions"
    home = ["--account", "laptop", "--database", DATABASE, "--schema", SCHEMA]
    laptop = {"READ_SNOWFLAKE_LAPTOP": f"http://127.0.0.1:{snowflake.port}"}
    query = "SELECT column1 AS ID, column2 AS SCORE FROM VALUES (1, 0.25), (2, 0.75)"
    done = run_script("--source", query, "--output", str(folder), *home, environment=laptop)
    assert done.returncode == 0, done.stderr
    return folder


def loaded(snowflake: SnowflakeService, folder: Path) -> list[Any]:
    """What a table of predictions has after the files were put into the stage and loaded."""
    connection = snowflake.connect()
    rows(connection, "CREATE OR REPLACE TABLE PREDICTIONS (RUN_ID VARCHAR NOT NULL, ID NUMBER(10,0), SCORE FLOAT)")
    rows(connection, "CREATE OR REPLACE STAGE EXCHANGE FILE_FORMAT = (TYPE = PARQUET)")
    for path in folder.rglob("*.parquet"):
        place = f"/stages/{DATABASE}/{SCHEMA}/EXCHANGE/out/{path.relative_to(folder)}"
        snowflake.control.put(place, content=path.read_bytes()).raise_for_status()
    rows(connection, f"COPY INTO PREDICTIONS FROM @EXCHANGE/out/{RUN}/ MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE")
    return rows(connection, "SELECT * FROM PREDICTIONS ORDER BY ID")


def test_predictions_are_loaded_with_the_run_that_made_them(
    snowflake: SnowflakeService, run_script: RunScript, predictions: Path, tmp_path: Path
) -> None:
    words = ("--predictions", str(predictions), "--output", str(tmp_path / "out"))
    done = run_script(*words, script=SCRIPT, environment={"AZUREML_ROOT_RUN_ID": RUN})

    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == [RUN]
    assert loaded(snowflake, tmp_path / "out") == [(RUN, 1, 0.25), (RUN, 2, 0.75)]


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ("", "not a run of the bridge"),
        ("../r-x", "not a run of the bridge"),
        (RUN, "is not a Parquet file"),
    ],
)
def test_what_could_not_be_loaded_is_refused(
    run_script: RunScript, predictions: Path, tmp_path: Path, run: str, told: str
) -> None:
    (predictions / "bad.parquet").write_bytes(b"no")

    words = ("--predictions", str(predictions), "--output", str(tmp_path / "out"), "--run-id", run)
    done = run_script(*words, script=SCRIPT)

    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_predictions_must_be_there(run_script: RunScript, tmp_path: Path) -> None:
    words = ("--predictions", str(tmp_path), "--output", str(tmp_path / "out"), "--run-id", RUN)
    done = run_script(*words, script=SCRIPT)

    assert done.returncode == 2
    assert "no .parquet file" in done.stderr


def test_a_column_for_the_run_is_not_overwritten(run_script: RunScript, predictions: Path, tmp_path: Path) -> None:
    first = ("--predictions", str(predictions), "--output", str(tmp_path / "out"), "--run-id", RUN)
    assert run_script(*first, script=SCRIPT).returncode == 0

    again = ("--predictions", str(tmp_path / "out"), "--output", str(tmp_path / "twice"), "--run-id", RUN)
    done = run_script(*again, script=SCRIPT)

    assert done.returncode == 2
    assert "a column RUN_ID already" in done.stderr
