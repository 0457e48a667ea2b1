"""SQL functions on the laptop's Snowflake: made by CREATE FUNCTION, called wherever an expression may stand."""

import json
import zlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.emulators.snowflake_service import SnowflakeService, refused, rows, value


@pytest.fixture(scope="module")
def service() -> Iterator[SnowflakeService]:
    with SnowflakeService() as running:
        yield running


@pytest.fixture(scope="module")
def connection(service: SnowflakeService) -> Any:
    opened = service.connect()
    rows(opened, "CREATE TABLE RUNS (RUN_ID VARCHAR, STATUS VARCHAR, ROWS_READ NUMBER, DETAILS VARIANT)")
    rows(opened, "INSERT INTO RUNS SELECT 'r1', 'COMPLETED', 10, PARSE_JSON('{\"a\": {\"b\": 1}}')")
    rows(opened, "INSERT INTO RUNS SELECT 'r2', 'FAILED', 20, NULL")
    rows(opened, "CREATE VIEW LATEST AS SELECT * FROM RUNS")
    return opened


@pytest.mark.parametrize(
    ("definition", "call", "answer"),
    [
        ("(a NUMBER, b NUMBER) RETURNS NUMBER AS 'a * b'", "F(2 + 1, 4)", 12),
        ("(a NUMBER, b NUMBER) RETURNS NUMBER AS $$ a - b $$", "F(b => 1, a => 10)", 9),
        ("(a NUMBER, b NUMBER DEFAULT 5) RETURNS NUMBER LANGUAGE SQL AS 'a - b'", "F(7)", 2),
        ("() RETURNS VARCHAR AS $$ 'it''s' $$", "F()", "it's"),
        ("(t VARCHAR) RETURNS VARCHAR COMMENT = 'AS' IMMUTABLE AS '''<'' || t || ''>'''", "F('x')", "<x>"),
        ("(a NUMBER) RETURNS NUMBER(10,2) AS 'a / 4'", "F(1)", Decimal("0.25")),
        ("(a VARCHAR) RETURNS BOOLEAN STRICT AS 'a IS NULL'", "F(NULL)", None),
        ("(a VARCHAR) RETURNS BOOLEAN AS 'a IS NULL'", "F(NULL)", True),
        ("(v VARIANT) RETURNS VARCHAR AS 'v:a.b::VARCHAR'", "F(PARSE_JSON('{\"a\": {\"b\": 7}}'))", "7"),
        ("(id VARCHAR) RETURNS VARCHAR AS $$ SELECT MAX(STATUS) FROM RUNS WHERE RUN_ID = id $$", "F('r2')", "FAILED"),
        ("(i VARCHAR) RETURNS VARCHAR AS $$ WITH x AS (SELECT * FROM RUNS) SELECT STATUS FROM x WHERE RUN_ID = i $$",
         "F('r' || 1)", "COMPLETED"),
        ("(a ARRAY) RETURNS NUMBER AS 'SELECT SUM(f.value::NUMBER) FROM TABLE(FLATTEN(input => a)) f'",
         "F(ARRAY_CONSTRUCT(1, 2, 3))", 6),
    ],
)  # fmt: skip
def test_a_function_has_the_value_of_its_body(connection: Any, definition: str, call: str, answer: Any) -> None:
    schema = f"ONE_{zlib.crc32(definition.encode())}"  # functions of one name and other parameters are others
    rows(connection, f"CREATE SCHEMA {schema}")
    rows(connection, "CREATE VIEW RUNS AS SELECT * FROM ML_BRIDGE.RUNS")
    rows(connection, f"CREATE FUNCTION F{definition}")
    rows(connection, "USE SCHEMA ML_BRIDGE")

    assert value(connection, f"SELECT {schema}.{call}") == answer


def test_a_function_is_called_in_every_place_of_a_statement(connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE SECURE FUNCTION TWICE(n NUMBER) RETURNS NUMBER AS 'n * 2'")
    sql = "SELECT TWICE(ROWS_READ) FROM RUNS WHERE TWICE(ROWS_READ) >= 20 GROUP BY ALL ORDER BY TWICE(ROWS_READ) DESC"

    assert rows(connection, sql) == [(40,), (20,)]
    assert value(connection, "SELECT TWICE(SUM(TWICE(ROWS_READ))) FROM RUNS") == 120
    rows(connection, "CREATE OR REPLACE VIEW TWICES AS SELECT RUN_ID, TWICE(ROWS_READ) AS N FROM RUNS")
    assert rows(connection, "SELECT N FROM TWICES ORDER BY N") == [(20,), (40,)]
    rows(connection, "CREATE OR REPLACE TABLE KEPT AS SELECT TWICE(3) AS N")
    rows(connection, "UPDATE KEPT SET N = TWICE(N) WHERE N = TWICE(3)")
    assert value(connection, "SELECT N FROM KEPT") == 12


@pytest.mark.parametrize("name", ["ml_bridge.Named", "LAPTOP.ML_BRIDGE.NAMED", '"ML_BRIDGE"."NAMED"'])
def test_a_function_is_found_by_any_of_its_names_from_anywhere(
    service: SnowflakeService, connection: Any, name: str
) -> None:
    rows(
        connection,
        "CREATE OR REPLACE FUNCTION INNER_(id VARCHAR) RETURNS VARCHAR AS 'SELECT STATUS FROM RUNS WHERE RUN_ID = id'",
    )
    rows(connection, "CREATE OR REPLACE FUNCTION NAMED(id VARCHAR) RETURNS VARCHAR AS 'LOWER(INNER_(id))'")
    elsewhere = service.connect(schema="ELSEWHERE")

    assert value(elsewhere, f"SELECT {name}('r1')") == "completed"
    with refused(2140):
        rows(elsewhere, "SELECT NAMED('r1')")


def test_binds_and_calls_in_arguments_are_evaluated_once_and_in_order(connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE FUNCTION JOINED(a VARCHAR, b VARCHAR) RETURNS VARCHAR AS 'b || a || b'")
    rows(connection, "CREATE OR REPLACE FUNCTION SAME(x VARCHAR) RETURNS BOOLEAN AS 'x = x'")

    assert rows(connection, "SELECT ?, JOINED(?, ?), ?", ["1", "2", "3", "4"]) == [("1", "323", "4")]
    assert value(connection, "SELECT SAME(UUID_STRING())") is True
    found = rows(connection, "SELECT JOINED(?, STATUS || ?) FROM RUNS ORDER BY 1", ["-", "!"])
    assert found == [("COMPLETED!-COMPLETED!",), ("FAILED!-FAILED!",)]


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("FROM LATEST", "FAILED"),
        ("FROM (SELECT * FROM RUNS) r", "FAILED"),
        ("FROM (SELECT RUN_ID FROM RUNS)", "given"),
        ("FROM TABLE(FLATTEN(input => ARRAY_CONSTRUCT(1))) f JOIN RUNS r ON TRUE", "FAILED"),
        ("FROM TABLE(FLATTEN(input => ARRAY_CONSTRUCT(1))) f", "given"),
        ("FROM NAMES", "given"),
        ("FROM NAMES WHERE EXISTS (SELECT 1 FROM RUNS WHERE STATUS = 'FAILED')", "given"),
    ],
)
def test_a_column_of_the_body_wins_over_an_argument_of_its_name(connection: Any, source: str, answer: str) -> None:
    body = f"WITH NAMES AS (SELECT RUN_ID FROM RUNS) SELECT MAX(status) {source}"  # noqa: S608  texts of this test
    rows(connection, f"CREATE OR REPLACE FUNCTION HIGHEST(status VARCHAR) RETURNS VARCHAR AS $${body}$$")

    assert value(connection, "SELECT HIGHEST('given')") == answer


def test_a_function_may_build_an_object_of_a_row(connection: Any) -> None:
    rows(
        connection,
        "CREATE OR REPLACE FUNCTION RUN_STATUS(id VARCHAR) RETURNS VARIANT AS $$ SELECT OBJECT_CONSTRUCT('run_id', "
        "RUN_ID, 'status', STATUS, 'details', DETAILS) FROM LATEST WHERE RUN_ID = id $$",
    )

    found = json.loads(value(connection, "SELECT RUN_STATUS('r1')"))
    assert found == {"run_id": "r1", "status": "COMPLETED", "details": {"a": {"b": 1}}}
    assert value(connection, "SELECT RUN_STATUS('r1'):details.a.b::NUMBER") == 1
    assert value(connection, "SELECT RUN_STATUS('none')") is None


def test_functions_of_one_name_differ_by_their_number_of_arguments(connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE FUNCTION MANY() RETURNS NUMBER AS '0'")
    rows(connection, "CREATE OR REPLACE FUNCTION MANY(a NUMBER) RETURNS NUMBER AS '1'")
    assert rows(connection, "SELECT MANY(), MANY(5)") == [(0, 1)]

    rows(connection, "DROP FUNCTION MANY(NUMBER)")
    assert value(connection, "SELECT MANY()") == 0
    with refused(1044):
        rows(connection, "SELECT MANY(5)")


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("CREATE FUNCTION TAKEN() RETURNS NUMBER AS '2'", 2002),
        ("CREATE FUNCTION BROKEN() RETURNS NUMBER AS '(1'", 1003),
        ("CREATE FUNCTION BROKEN() RETURNS NUMBER AS 'SELECT 1, 2'", 2040),
        ("CREATE FUNCTION BROKEN() RETURNS NOTHING AS '1'", 2040),
        ("SELECT TAKEN(1)", 1044),
        ("SELECT ROUND_AND_ROUND(1)", 2),
    ],
)
def test_what_is_wrong_with_a_function_is_refused(connection: Any, sql: str, code: int) -> None:
    rows(connection, "CREATE OR REPLACE FUNCTION TAKEN() RETURNS NUMBER AS '1'")
    rows(connection, "CREATE OR REPLACE FUNCTION ROUND_AND_ROUND(n NUMBER) RETURNS NUMBER AS 'ROUND_AND_ROUND(n)'")

    with refused(code):
        rows(connection, sql)


def test_other_kinds_of_functions_stay_recorded_no_ops(service: SnowflakeService, connection: Any) -> None:
    before = len(service.ask("/no-ops"))
    for sql in (
        "CREATE FUNCTION PY() RETURNS NUMBER LANGUAGE PYTHON HANDLER = 'f' AS $$ LANGUAGE SQL $$",
        "CREATE FUNCTION T() RETURNS TABLE (A NUMBER) AS 'SELECT 1'",
        "CREATE FUNCTION S(a NUMBER) RETURNS NUMBER SERVICE = BRIDGE ENDPOINT = api AS '/ef/submit'",
        "DROP FUNCTION S(NUMBER)",
    ):
        assert "not executed" in value(connection, sql)

    recorded = [entry["kind"] for entry in service.ask("/no-ops")[before:]]
    assert recorded == ["CREATE FUNCTION"] * 3 + ["DROP FUNCTION"]
