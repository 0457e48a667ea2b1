"""Stages as folders, and queries unloaded to them as Parquet, by the real connector and by the real Snowpark."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.local.processes import EMULATOR_PYTHON, minimal_environment
from tests.emulators.snowflake_service import DATABASE, SCHEMA, SnowflakeService, refused, rows, value

PARQUET = "FILE_FORMAT = (TYPE = PARQUET)"
#: The data frame writer as the body of a procedure uses it.
SNOWPARK = """
import json, sys
from snowflake.snowpark import Session
session = Session.builder.configs(json.loads(sys.argv[1])).create()
query = session.sql("SELECT * FROM ORDERS WHERE ID > ?", params=[1])
told = []
for frame in (query, session.table("ORDERS")):
    told += frame.write.copy_into_location("@EXCHANGE/in/r-1/", file_format_type="parquet", header=True, overwrite=True)
print(json.dumps([row.as_dict() for row in told]))
"""


@pytest.fixture(scope="module")
def running() -> Iterator[SnowflakeService]:
    with SnowflakeService() as service:
        yield service


@pytest.fixture
def connection(running: SnowflakeService) -> Any:
    """A table of three orders, and an empty stage."""
    connection = running.connect()
    for sql in (
        "CREATE OR REPLACE TABLE ORDERS (ID NUMBER(10,0), CUSTOMER VARCHAR, PAID NUMBER(10,2), DUE TIMESTAMP_NTZ)",
        "INSERT INTO ORDERS VALUES (1, 'a', 1.5, '2026-11-20 10:00:00'), (2, 'b', NULL, NULL), (3, 'c', 3, NULL)",
        "CREATE OR REPLACE STAGE EXCHANGE FILE_FORMAT = (TYPE = PARQUET) COMMENT = 'no; end (of it'",
    ):
        rows(connection, sql)
    return connection


def names(connection: Any, location: str) -> list[str]:
    return [row[0] for row in rows(connection, f"LIST {location}")]


def unload(connection: Any, location: str, source: str = "ORDERS", more: str = "HEADER = TRUE") -> list[Any]:
    return rows(connection, f"COPY INTO {location} FROM {source} {PARQUET} {more}")


def columns(connection: Any, location: str, table: str) -> list[Any]:
    """The rows of the files there, in a new table of these columns."""
    rows(connection, f"CREATE OR REPLACE TABLE READ_BACK ({table})")
    rows(connection, f"COPY INTO READ_BACK FROM {location} {PARQUET} MATCH_BY_COLUMN_NAME = CASE_SENSITIVE")
    return rows(connection, "SELECT * FROM READ_BACK ORDER BY 1")


def test_the_rows_of_a_query_are_unloaded_with_their_types(connection: Any) -> None:
    [(count, before, after)] = unload(
        connection, "@EXCHANGE/in/r-1/", "(SELECT ID, PAID, DUE FROM ORDERS WHERE ID < 3)"
    )

    assert count == 2
    assert before > 0
    assert after > 0
    read = columns(connection, "@EXCHANGE/in/r-1/", "ID NUMBER(10,0), PAID NUMBER(10,2), DUE TIMESTAMP_NTZ")
    assert [(row[0], str(row[1]), str(row[2])) for row in read] == [
        (1, "1.50", "2026-11-20 10:00:00"),
        (2, "None", "None"),
    ]


def test_binds_belong_to_the_query_that_is_unloaded(connection: Any) -> None:
    sql = "COPY INTO @EXCHANGE/in/r-1/ FROM (SELECT ID FROM ORDERS WHERE ID > ?) HEADER = TRUE"

    assert rows(connection, sql, (2,))[0][0] == 1
    assert columns(connection, "@EXCHANGE/in/r-1/", "ID NUMBER(10,0)") == [(3,)]


def test_without_a_header_the_columns_have_numbers(connection: Any) -> None:
    unload(connection, "@EXCHANGE/in/r-1/", "(SELECT ID, CUSTOMER FROM ORDERS WHERE ID = 1)", more="")

    assert columns(connection, "@EXCHANGE/in/r-1/", '"_COL_0" NUMBER(10,0), "_COL_1" VARCHAR') == [(1, "a")]


def test_the_files_of_an_unload_are_cut_by_size_and_told_one_by_one(connection: Any) -> None:
    told = unload(connection, "@EXCHANGE/in/r-1/", more="HEADER = TRUE MAX_FILE_SIZE = 80 DETAILED_OUTPUT = TRUE")

    assert [row[0] for row in told] == ["data_0_0_0.snappy.parquet", "data_0_1_0.snappy.parquet"]
    assert sum(row[2] for row in told) == 3
    sizes = [(row[0].rpartition("/")[2], row[1]) for row in rows(connection, "LIST @EXCHANGE")]
    assert sizes == [(row[0], row[1]) for row in told]


@pytest.mark.parametrize(
    ("location", "more", "name"),
    [
        ("@EXCHANGE/in/r-1/", "", "in/r-1/data_0_0_0.snappy.parquet"),
        ("@EXCHANGE/in/part", "", "in/part_0_0_0.snappy.parquet"),
        ("@EXCHANGE/in/part_", "", "in/part_0_0_0.snappy.parquet"),
        ("@EXCHANGE", "", "data_0_0_0.snappy.parquet"),
        ("@EXCHANGE/in/one.parquet", "SINGLE = TRUE", "in/one.parquet"),
        ("@EXCHANGE/in/", "SINGLE = TRUE", "in/data"),
        (f"'@{DATABASE}.{SCHEMA}.EXCHANGE/a b/'", "", "a b/data_0_0_0.snappy.parquet"),
    ],
)
def test_unloaded_files_are_named_after_their_path(connection: Any, location: str, more: str, name: str) -> None:
    unload(connection, location, more=more)

    assert names(connection, "@EXCHANGE") == [f"exchange/{name}"]


def test_a_query_id_may_be_part_of_the_name(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"COPY INTO @EXCHANGE FROM ORDERS {PARQUET} INCLUDE_QUERY_ID = TRUE")
        query_id = cursor.sfqid

    assert names(connection, "@EXCHANGE") == [f"exchange/data_{query_id}_0_0_0.snappy.parquet"]
    with refused(1005):
        unload(connection, "@EXCHANGE", more="INCLUDE_QUERY_ID = TRUE OVERWRITE = TRUE")


def test_files_that_exist_are_refused_unless_they_may_be_overwritten(connection: Any) -> None:
    unload(connection, "@EXCHANGE/in/r-1/", more="HEADER = TRUE MAX_FILE_SIZE = 80")

    with refused(1030):
        unload(connection, "@EXCHANGE/in/r-1/")
    unload(connection, "@EXCHANGE/in/r-1/", "(SELECT 9 AS ID)", more="HEADER = TRUE OVERWRITE = TRUE")

    left_behind = columns(connection, "@EXCHANGE/in/r-1/", "ID NUMBER(10,0)")
    assert left_behind == [(2,), (3,), (9,)], "the second file of the first unload is still there"


def test_a_query_without_rows_unloads_no_file(connection: Any) -> None:
    assert unload(connection, "@EXCHANGE/in/r-1/", "(SELECT * FROM ORDERS WHERE FALSE)") == [(0, 0, 0)]
    assert names(connection, "@EXCHANGE") == []


@pytest.mark.parametrize(
    ("source", "more", "code"),
    [
        ("(SELECT CURRENT_TIMESTAMP() AS DUE)", "", 100171),
        ("NO_SUCH_TABLE", "", 2003),
        ("(DROP TABLE ORDERS)", "", 1003),
        ("ORDERS", "SINGLE = TRUE MAX_FILE_SIZE = 10", 100080),
        ("ORDERS", "MAX_FILE_SIZE = 9000000000", 1003),
        ("ORDERS", "OVERWRITE = YES", 1003),
        ("ORDERS", "PARTITION BY (ID)", 1003),
        ("ORDERS", "NO_SUCH_OPTION = TRUE", 2),
        ("ORDERS", "FILE_FORMAT = (TYPE = CSV)", 2),
    ],
)
def test_what_cannot_be_unloaded_is_refused_and_leaves_no_file(
    connection: Any, source: str, more: str, code: int
) -> None:
    with refused(code):
        unload(connection, "@EXCHANGE/in/", source, more)

    assert names(connection, "@EXCHANGE") == []
    assert value(connection, "SELECT COUNT(*) FROM ORDERS") == 3


def test_a_path_is_a_prefix_of_names(connection: Any) -> None:
    for run in ("r-1", "r-10"):
        unload(connection, f"@EXCHANGE/in/{run}/")

    assert len(names(connection, "@EXCHANGE/in/r-1")) == 2
    assert len(names(connection, "@EXCHANGE/in/r-1/")) == 1
    assert len(names(connection, "@EXCHANGE PATTERN = '.*r-10.*'")) == 1
    removed = rows(connection, "REMOVE @EXCHANGE/in/r-1/")
    assert removed == [("exchange/in/r-1/data_0_0_0.snappy.parquet", "removed")]
    assert names(connection, "@EXCHANGE") == ["exchange/in/r-10/data_0_0_0.snappy.parquet"]


def test_describing_a_copy_does_not_carry_it_out(connection: Any) -> None:
    with connection.cursor() as cursor:
        described = cursor.describe(f"COPY INTO @EXCHANGE FROM ORDERS {PARQUET}")

    assert [column.name for column in described] == ["rows_unloaded", "input_bytes", "output_bytes"]
    assert names(connection, "@EXCHANGE") == []


def test_a_format_may_have_a_name_of_its_own(connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE FILE FORMAT PQ TYPE = PARQUET COMPRESSION = NONE")
    rows(connection, "COPY INTO @EXCHANGE/a/ FROM ORDERS FILE_FORMAT = (FORMAT_NAME = 'PQ')")
    rows(connection, "COPY INTO @EXCHANGE/b/ FROM ORDERS")

    assert names(connection, "@EXCHANGE") == ["exchange/a/data_0_0_0.parquet", "exchange/b/data_0_0_0.snappy.parquet"]
    rows(connection, "DROP FILE FORMAT PQ")
    with refused(2003):
        rows(connection, "COPY INTO @EXCHANGE/c/ FROM ORDERS FILE_FORMAT = (FORMAT_NAME = PQ)")


def test_an_external_stage_points_to_files_that_outlive_it(connection: Any) -> None:
    url = "azure://account.blob.core.windows.net/data/aml"
    store = "STORAGE_INTEGRATION = AML_STORE FILE_FORMAT = (TYPE = PARQUET)"
    rows(connection, f"CREATE STAGE WHOLE URL = '{url}/' {store}")
    rows(connection, f"CREATE STAGE IF NOT EXISTS ONLY_IN URL = '{url}/in' {store}")
    unload(connection, "@WHOLE/in/r-1/")

    name = f"{url}/in/r-1/data_0_0_0.snappy.parquet"
    assert names(connection, "@ONLY_IN/r-1/") == [name]
    rows(connection, "DROP STAGE WHOLE")
    with refused(2003):
        names(connection, "@WHOLE")
    rows(connection, f"CREATE OR REPLACE STAGE WHOLE URL = '{url}' {store}")
    assert names(connection, "@WHOLE") == [name]


def test_an_internal_stage_that_is_replaced_is_empty(connection: Any) -> None:
    unload(connection, "@EXCHANGE/in/r-1/")
    rows(connection, "CREATE STAGE IF NOT EXISTS EXCHANGE")
    assert len(names(connection, "@EXCHANGE")) == 1

    rows(connection, "CREATE OR REPLACE STAGE EXCHANGE")

    assert names(connection, "@EXCHANGE") == []


def test_stages_are_shown_and_their_names_may_be_quoted(connection: Any) -> None:
    rows(connection, 'CREATE OR REPLACE TEMPORARY STAGE "My stage"')
    unload(connection, "'@\"My stage\"/in/'")

    with connection.cursor() as cursor:
        shown = cursor.execute("SHOW STAGES").fetchall()
        place = [column.name for column in cursor.description].index("name")
    assert {"EXCHANGE", "My stage"} <= {row[place] for row in shown}
    assert len(names(connection, '@"My stage"')) == 1


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("CREATE STAGE EXCHANGE", 2002),
        ("CREATE STAGE NO_SUCH_SCHEMA.S", 2003),
        ("CREATE STAGE S URL = 'https://account.blob.core.windows.net/data/'", 1011),
        ("CREATE STAGE S URL = 'azure://account/../../etc'", 1011),
        ("CREATE STAGE S NO_SUCH_PROPERTY = 1", 1420),
        ("CREATE STAGE S FILE_FORMAT = (TYPE = PARQUET", 1003),
        ("DROP STAGE NO_SUCH_STAGE", 2003),
        ("DROP FILE FORMAT NO_SUCH_FORMAT", 2003),
        ("LIST @NO_SUCH_STAGE/in/", 2003),
        ("LIST @EXCHANGE/../in/", 1011),
        (f"COPY INTO @~/in/ FROM ORDERS {PARQUET}", 2),
        (f"COPY INTO 'azure://account.blob.core.windows.net/data/' FROM ORDERS {PARQUET}", 2),
    ],
)
def test_a_stage_that_cannot_be_is_refused(connection: Any, sql: str, code: int) -> None:
    with refused(code):
        rows(connection, sql)
    assert value(connection, "DROP STAGE IF EXISTS S") == "Drop statement executed successfully (S already dropped)."


def test_files_go_in_and_out_past_snowflake(running: SnowflakeService, connection: Any) -> None:
    unload(connection, "@EXCHANGE/in/r-1/")
    stage = f"/stages/{DATABASE.lower()}/{SCHEMA}/exchange"

    content = running.control.get(f"{stage}/in/r-1/data_0_0_0.snappy.parquet").content
    put = running.control.put(f"{stage}/out/r-1/scores 1.parquet", content=content)

    assert put.status_code == 201
    assert put.json()["size"] == len(content)
    assert len(columns(connection, "@EXCHANGE/out/r-1/", "ID NUMBER(10,0)")) == 3
    [told] = [found for found in running.ask("/stages") if found["stage"] == "EXCHANGE"]
    assert [file["path"] for file in told["files"]] == [
        "in/r-1/data_0_0_0.snappy.parquet",
        "out/r-1/scores 1.parquet",
    ]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "EXCHANGE/%2e%2e/x", 400),
        ("PUT", "EXCHANGE/in/", 400),
        ("PUT", "NO_SUCH_STAGE/x", 404),
        ("GET", "NO_SUCH_STAGE/x", 404),
        ("GET", "EXCHANGE/no-such-file", 404),
        ("GET", "EXCHANGE/%2e%2e/x", 404),
    ],
)
def test_nothing_outside_a_stage_is_reached(
    running: SnowflakeService, connection: Any, method: str, path: str, status: int
) -> None:
    answer = running.control.request(method, f"/stages/{DATABASE}/{SCHEMA}/{path}", content=b"x")

    assert answer.status_code == status


def test_snowparks_writer_unloads_queries_and_tables(running: SnowflakeService, connection: Any) -> None:
    options = {"user": "u", "password": "p", "account": "a", "host": "127.0.0.1", "port": running.port}
    options |= {"protocol": "http", "database": DATABASE, "schema": SCHEMA}

    done = subprocess.run(
        [str(EMULATOR_PYTHON), "-c", SNOWPARK, json.dumps(options)],
        env=minimal_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert [row["rows_unloaded"] for row in json.loads(done.stdout)] == [2, 3]
    assert columns(connection, "@EXCHANGE/in/r-1/", "ID NUMBER(10,0)") == [(1,), (2,), (3,)]


def test_reset_empties_the_stages_and_keeps_them(running: SnowflakeService, connection: Any) -> None:
    unload(connection, "@EXCHANGE/in/r-1/")

    running.tell("/reset")

    assert names(connection, "@EXCHANGE") == []


def test_the_folders_end_with_the_emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with SnowflakeService() as service:
        rows(service.connect(), "CREATE STAGE S")
        assert len(list(tmp_path.glob("snowflake_stages_*/*"))) == 1

    assert list(tmp_path.glob("snowflake_stages_*")) == []
