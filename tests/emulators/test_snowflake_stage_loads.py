"""Parquet files of a stage loaded into a table by the real connector: by name, once for each file, all or nothing."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from snowflake.connector import errors

from tests.emulators.snowflake_service import DATABASE, SCHEMA, SnowflakeService, refused, rows, value

BY_NAME = "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
NOTHING = [("Copy executed with 0 files processed.",)]
STAGE = f"/stages/{DATABASE}/{SCHEMA}/EXCHANGE"


@pytest.fixture(scope="module")
def running() -> Iterator[SnowflakeService]:
    with SnowflakeService() as service:
        yield service


@pytest.fixture
def connection(running: SnowflakeService) -> Any:
    """An empty table of scores, and an empty stage."""
    connection = running.connect()
    create_table(connection)
    rows(connection, "CREATE OR REPLACE STAGE EXCHANGE FILE_FORMAT = (TYPE = PARQUET)")
    return connection


def create_table(
    connection: Any, columns: str = "ID NUMBER(10,0), SCORE NUMBER(10,3), NOTE VARCHAR DEFAULT 'x'"
) -> None:
    rows(connection, f"CREATE OR REPLACE TABLE SCORES ({columns})")


def write(connection: Any, path: str, select: str) -> None:
    """One file, as if an Azure ML job had written it."""
    rows(connection, f"COPY INTO @EXCHANGE/{path} FROM ({select}) HEADER = TRUE SINGLE = TRUE OVERWRITE = TRUE")


def load(connection: Any, more: str = BY_NAME, location: str = "@EXCHANGE/out/r-1/") -> list[Any]:
    return rows(connection, f"COPY INTO SCORES FROM {location} {more}")


def scores(connection: Any) -> list[Any]:
    return rows(connection, "SELECT * FROM SCORES ORDER BY 1")


def statuses(told: Iterable[Any]) -> list[tuple[str, str, int]]:
    """File name, status and rows loaded."""
    return [(row[0].rpartition("/")[2], row[1], row[3]) for row in told]


def test_columns_are_matched_by_name_and_missing_ones_are_null(connection: Any) -> None:
    write(connection, "out/r-1/a.parquet", "SELECT 0.5 AS score, 1 AS id, 'unused' AS other")

    told = load(connection)

    assert told == [("exchange/out/r-1/a.parquet", "LOADED", 1, 1, 1, 0, None, None, None, None)]
    assert [(row[0], str(row[1]), row[2]) for row in scores(connection)] == [(1, "0.500", None)]


def test_case_counts_where_it_is_asked_for(connection: Any) -> None:
    write(connection, "out/r-1/a.parquet", "SELECT 1 AS \"id\", 'a' AS NOTE")

    load(connection, "MATCH_BY_COLUMN_NAME = CASE_SENSITIVE")

    assert scores(connection) == [(None, None, "a")]


def test_a_file_is_loaded_once(connection: Any) -> None:
    write(connection, "out/r-1/a.parquet", "SELECT 1 AS ID")
    load(connection)
    assert load(connection) == NOTHING

    write(connection, "out/r-1/b.parquet", "SELECT 2 AS ID")

    assert statuses(load(connection)) == [("b.parquet", "LOADED", 1)]
    assert [row[0] for row in scores(connection)] == [1, 2]


def test_a_file_that_is_written_again_is_a_new_file(running: SnowflakeService, connection: Any) -> None:
    write(connection, "out/r-1/a.parquet", "SELECT 1 AS ID")
    load(connection)

    same = running.control.get(f"{STAGE}/out/r-1/a.parquet").content
    running.control.put(f"{STAGE}/out/r-1/a.parquet", content=same)

    assert statuses(load(connection)) == [("a.parquet", "LOADED", 1)]
    assert [row[0] for row in scores(connection)] == [1, 1]


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ("SELECT 1", []),
        ("ALTER TABLE SCORES ADD COLUMN MORE VARCHAR", []),
        ("DELETE FROM SCORES", []),
        ("TRUNCATE TABLE SCORES", [1]),
        ("CREATE OR REPLACE TABLE SCORES (ID NUMBER(10,0))", [1]),
    ],
)
def test_what_a_table_has_had_is_forgotten_with_its_rows_only(
    connection: Any, between: str, expected: list[int]
) -> None:
    write(connection, "out/r-1/a.parquet", "SELECT 1 AS ID")
    load(connection)

    rows(connection, between)

    assert [row[3] for row in load(connection) if len(row) > 1] == expected
    assert load(connection, f"{BY_NAME} FORCE = TRUE")[0][1] == "LOADED"


def test_another_table_has_its_own_record_of_files(connection: Any) -> None:
    write(connection, "out/r-1/a.parquet", "SELECT 1 AS ID")
    load(connection)
    rows(connection, "CREATE OR REPLACE TEMPORARY TABLE OTHERS (ID NUMBER(10,0))")

    copy = f"COPY INTO {SCHEMA}.OTHERS FROM @EXCHANGE/out/ {BY_NAME}"
    assert statuses(rows(connection, copy)) == [("a.parquet", "LOADED", 1)]
    assert rows(connection, copy) == NOTHING


def test_a_load_and_its_record_are_rolled_back_together(connection: Any) -> None:
    write(connection, "out/r-1/a.parquet", "SELECT 1 AS ID")
    rows(connection, "BEGIN")
    assert statuses(load(connection)) == [("a.parquet", "LOADED", 1)]
    assert load(connection) == NOTHING
    rows(connection, "ROLLBACK")
    assert scores(connection) == []

    rows(connection, "BEGIN")
    load(connection)
    rows(connection, "COMMIT")

    assert load(connection) == NOTHING
    assert len(scores(connection)) == 1


def test_without_autocommit_a_load_waits_for_its_commit(running: SnowflakeService, connection: Any) -> None:
    write(connection, "out/r-1/a.parquet", "SELECT 1 AS ID")
    careful = running.connect(autocommit=False)

    load(careful)
    assert scores(connection) == []
    careful.commit()

    assert len(scores(connection)) == 1


def test_two_loads_at_once_load_a_file_once(running: SnowflakeService, connection: Any) -> None:
    for number in range(10):
        write(connection, f"out/r-1/{number}.parquet", f"SELECT {number} AS ID")
    others = [running.connect() for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        told = [row for answer in pool.map(load, others) for row in answer if len(row) > 1]

    assert len(told) == 10
    assert [row[0] for row in scores(connection)] == list(range(10))


def test_a_value_that_does_not_fit_stops_everything(connection: Any) -> None:
    write(connection, "out/r-1/a.parquet", "SELECT 1 AS ID, '0.5' AS SCORE")
    write(connection, "out/r-1/b.parquet", "SELECT 2 AS ID, 'high' AS SCORE")

    with pytest.raises(errors.ProgrammingError) as error:
        load(connection)

    assert error.value.errno == 100071
    assert 'Failed to cast variant value "high" to FIXED' in str(error.value)
    assert "File 'out/r-1/b.parquet', line 1" in str(error.value)
    assert '"SCORES"["SCORE":2]' in str(error.value)
    assert scores(connection) == []
    write(connection, "out/r-1/b.parquet", "SELECT 2 AS ID, '0.6' AS SCORE")
    assert [row[2] for row in statuses(load(connection))] == [1, 1]


@pytest.mark.parametrize(
    ("on_error", "status", "loaded"),
    [
        ("CONTINUE", "PARTIALLY_LOADED", 3),
        ("SKIP_FILE", "LOAD_FAILED", 0),
        ("SKIP_FILE_2", "PARTIALLY_LOADED", 3),
        ("'SKIP_FILE_25%'", "LOAD_FAILED", 0),
        ("'SKIP_FILE_50%'", "PARTIALLY_LOADED", 3),
    ],
)
def test_rows_or_files_that_do_not_fit_may_be_left_out(
    connection: Any, on_error: str, status: str, loaded: int
) -> None:
    some = "SELECT column1 AS ID, column2 AS SCORE FROM VALUES (1, '0.5'), (2, 'high'), (3, NULL), (4, '7')"
    write(connection, "out/r-1/bad.parquet", some)
    write(connection, "out/r-1/good.parquet", "SELECT 5 AS ID, 1 AS SCORE")

    told = load(connection, f"{BY_NAME} ON_ERROR = {on_error}")

    assert statuses(told) == [("bad.parquet", status, loaded), ("good.parquet", "LOADED", 1)]
    assert told[0][5:8] == (1, 'Failed to cast variant value "high" to FIXED', 2)
    assert len(scores(connection)) == loaded + 1
    again = statuses(row for row in load(connection, f"{BY_NAME} ON_ERROR = {on_error}") if len(row) > 1)
    assert again == ([] if loaded else [("bad.parquet", status, 0)]), "only a file that failed is tried again"


@pytest.mark.parametrize(
    ("columns", "select", "code"),
    [
        ("ID NUMBER(10,0) NOT NULL", "SELECT NULL AS ID", 100072),
        ("ID NUMBER(10,0) NOT NULL", "SELECT 1 AS OTHER", 100072),
        ("ID DATE", "SELECT '2026-11-20 10:00:00'::TIMESTAMP_NTZ AS ID", 100071),
        ("ID BOOLEAN", "SELECT 1 AS ID", 100071),
        ("ID NUMBER(3,0)", "SELECT 12345 AS ID", 100071),
        ("ID TIMESTAMP_TZ", "SELECT 1 AS ID", 100071),
    ],
)
def test_types_are_as_strict_as_snowflakes(connection: Any, columns: str, select: str, code: int) -> None:
    create_table(connection, columns)
    write(connection, "out/r-1/a.parquet", select)

    with refused(code):
        load(connection)

    assert scores(connection) == []


def test_texts_become_what_the_column_is(connection: Any) -> None:
    create_table(connection, "ID DATE, T TIMESTAMP_TZ, B BOOLEAN, V VARIANT, S VARCHAR")
    write(
        connection,
        "out/r-1/a.parquet",
        "SELECT '2026-11-20' AS ID, '2026-11-20 10:00:00'::TIMESTAMP_NTZ AS T, 'true' AS B, '{\"a\":1}' AS V, 1.5 AS S",
    )

    load(connection)

    [(day, time, truth, variant, text)] = scores(connection)
    assert (str(day), str(time)[:19], truth, text) == ("2026-11-20", "2026-11-20 10:00:00", True, "1.5")
    assert variant == '"{\\"a\\":1}"', "a text stays a text, even if it is JSON"


def test_whole_rows_go_into_one_variant_column(connection: Any) -> None:
    write(connection, "out/r-1/a.parquet", "SELECT 1 AS ID, 'a' AS NOTE")
    with refused(2019):
        load(connection, more="")

    create_table(connection, "V VARIANT")
    load(connection, more="")

    assert value(connection, "SELECT V:ID::VARCHAR || V:NOTE::VARCHAR FROM SCORES") == "1a"


def test_where_a_row_came_from_may_go_into_columns(connection: Any) -> None:
    create_table(connection, "ID NUMBER(10,0), SOURCE VARCHAR, PLACE NUMBER(10,0), LOADED_AT TIMESTAMP_LTZ")
    write(connection, "out/r-1/a.parquet", "SELECT column1 AS ID FROM VALUES (7), (8)")

    load(
        connection,
        f"{BY_NAME} INCLUDE_METADATA = (SOURCE = METADATA$FILENAME, PLACE = METADATA$FILE_ROW_NUMBER, "
        "LOADED_AT = METADATA$START_SCAN_TIME)",
    )

    found = scores(connection)
    assert [row[:3] for row in found] == [(7, "out/r-1/a.parquet", 1), (8, "out/r-1/a.parquet", 2)]
    assert all(row[3] is not None for row in found)


@pytest.mark.parametrize(
    ("location", "more", "loaded"),
    [
        ("@EXCHANGE/out/r-1", "", ["a.parquet", "b.parquet", "a.parquet"]),
        ("@EXCHANGE/out/r-1/", "", ["a.parquet", "b.parquet"]),
        ("@EXCHANGE/out/r-1/b.parquet", "", ["b.parquet"]),
        ("@EXCHANGE/out/", "PATTERN = '.*/a[.]parquet'", ["a.parquet", "a.parquet"]),
        ("@EXCHANGE/out/r-1/", "FILES = ('b.parquet')", ["b.parquet"]),
        (f"'@{SCHEMA}.EXCHANGE/out/r-2/'", "", []),
    ],
)
def test_the_files_are_chosen_by_prefix_pattern_or_name(
    connection: Any, location: str, more: str, loaded: list[str]
) -> None:
    for path in ("r-1/a", "r-1/b", "r-10/a"):
        write(connection, f"out/{path}.parquet", "SELECT 1 AS ID")

    told = load(connection, f"{BY_NAME} {more}", location)

    assert told == NOTHING if not loaded else [name for name, *_ in statuses(told)] == loaded


def test_what_was_loaded_may_be_purged(connection: Any) -> None:
    write(connection, "out/r-1/a.parquet", "SELECT 1 AS ID")

    load(connection, f"{BY_NAME} PURGE = TRUE")

    assert rows(connection, "LIST @EXCHANGE") == []


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("MATCH_BY_COLUMN_NAME = BY_LUCK", 1008),
        (f"{BY_NAME} ON_ERROR = PRAY", 1003),
        (f"{BY_NAME} FILES = ('no-such.parquet')", 91016),
        (f"{BY_NAME} PATTERN = '('", 100048),
        (f"{BY_NAME} NO_SUCH_OPTION = TRUE", 2),
        (f"{BY_NAME} INCLUDE_METADATA = (NO_SUCH_COLUMN = METADATA$FILENAME)", 904),
        (f"{BY_NAME} FILE_FORMAT = (TYPE = CSV)", 2),
        (f"{BY_NAME} FILE_FORMAT = (FORMAT_NAME = NO_SUCH_FORMAT)", 2003),
    ],
)
def test_a_load_that_cannot_be_is_refused(connection: Any, more: str, code: int) -> None:
    write(connection, "out/r-1/a.parquet", "SELECT 1 AS ID")

    with refused(code):
        load(connection, more)

    assert scores(connection) == []


def test_a_file_that_is_no_parquet_is_told_of(running: SnowflakeService, connection: Any) -> None:
    running.control.put(f"{STAGE}/out/r-1/_SUCCESS", content=b"").raise_for_status()
    write(connection, "out/r-1/a.parquet", "SELECT 1 AS ID")

    with pytest.raises(errors.DatabaseError, match=r"(?s)Error parsing the parquet file.*out/r-1/_SUCCESS"):
        load(connection)

    told = load(connection, f"{BY_NAME} ON_ERROR = SKIP_FILE")
    assert statuses(told) == [("_SUCCESS", "LOAD_FAILED", 0), ("a.parquet", "LOADED", 1)]


def test_the_table_and_the_stage_must_be_there(connection: Any) -> None:
    with refused(2003):
        rows(connection, f"COPY INTO NO_SUCH_TABLE FROM @EXCHANGE {BY_NAME}")
    with refused(2003):
        load(connection, location="@NO_SUCH_STAGE")


def test_after_a_reset_the_same_file_may_be_loaded(running: SnowflakeService, connection: Any) -> None:
    write(connection, "out/r-1/a.parquet", "SELECT 1 AS ID")
    content = running.control.get(f"{STAGE}/out/r-1/a.parquet").content
    load(connection)

    running.tell("/reset")
    assert load(connection) == NOTHING
    running.control.put(f"{STAGE}/out/r-1/a.parquet", content=content)

    assert statuses(load(connection)) == [("a.parquet", "LOADED", 1)]
    assert [row[0] for row in scores(connection)] == [1]
