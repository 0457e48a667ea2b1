"""SQL through the real connector: what runs, what is accepted only, and how a statement is refused."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import snowflake.connector

from tests.emulators.snowflake_service import DATABASE, SCHEMA, SnowflakeService, refused, rows, value

FLATTENED = "FROM TABLE(FLATTEN(input => PARSE_JSON(?))) f"


@pytest.fixture(scope="module")
def service() -> Iterator[SnowflakeService]:
    with SnowflakeService() as running:
        yield running


@pytest.fixture(scope="module")
def connection(service: SnowflakeService) -> Any:
    return service.connect(role="analyst", warehouse="wh")


def test_a_login_tells_its_session(connection: Any) -> None:
    found = rows(
        connection,
        "SELECT CURRENT_USER(), CURRENT_ROLE(), CURRENT_WAREHOUSE(), CURRENT_DATABASE(), CURRENT_SCHEMA()",
    )

    assert found == [("LAPTOP", "ANALYST", "WH", DATABASE, SCHEMA)]
    assert (connection.role, connection.database, connection.schema) == ("ANALYST", DATABASE, SCHEMA)


def test_use_role_is_kept_by_the_session_alone(service: SnowflakeService) -> None:
    one, other = service.connect(role="a"), service.connect(role="b")
    rows(one, "USE ROLE c")

    assert value(one, "SELECT CURRENT_ROLE()") == "C"
    assert value(other, "SELECT CURRENT_ROLE()") == "B"


def test_a_token_or_key_is_accepted_instead_of_a_password(service: SnowflakeService) -> None:
    connection = service.connect(authenticator="PROGRAMMATIC_ACCESS_TOKEN", token="any", password=None)

    assert value(connection, "SELECT 1") == 1


def test_the_query_id_of_a_statement_is_the_one_that_is_logged(service: SnowflakeService, connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'to be found in the log'")
        query_id = cursor.sfqid

    logged = next(entry for entry in service.ask("/statements")["statements"] if entry["query_id"] == query_id)
    assert logged["sql"] == "SELECT 'to be found in the log'"
    assert logged["error"] is None
    assert value(connection, "SELECT LAST_QUERY_ID()") == query_id


def test_statements_are_counted_by_verb_and_table(service: SnowflakeService, connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE TABLE COUNTED (A INT)")
    for number in range(3):
        rows(connection, "INSERT INTO COUNTED SELECT ?", [number])

    counts = service.ask("/statements")["counts"]
    assert (counts["CREATE COUNTED"], counts["INSERT COUNTED"]) == (1, 3)


def test_objects_and_arrays_keep_their_keys_and_kinds(connection: Any) -> None:
    found = value(connection, "SELECT {'a': 1, 'B': {'c': [1, 'x', NULL]}, 'gone': NULL}")

    assert json.loads(found) == {"a": 1, "B": {"c": [1, "x", None]}}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT OBJECT_CONSTRUCT('n', NULL, 'o', OBJECT_CONSTRUCT('x', column1)) FROM VALUES (NULL)", {"o": {}}),
        (
            "SELECT OBJECT_CONSTRUCT_KEEP_NULL('n', NULL, 'o', {'x': [column1, 1]}) FROM VALUES (NULL)",
            {"n": None, "o": {"x": [None, 1]}},
        ),
    ],
)
def test_nulls_in_objects_are_kept_only_when_asked(connection: Any, sql: str, expected: object) -> None:
    assert json.loads(value(connection, sql)) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "STRIP_NULL_VALUE(f.value:x)",
        "IFF(IS_NULL_VALUE(f.value:x), NULL, f.value:x)",
        "NULLIF(f.value:x, PARSE_JSON('null'))",
        "f.value:x::VARCHAR",
        "f.value:x::NUMBER(10,0)",
        "f.value:x::BOOLEAN",
        "TO_TIMESTAMP_TZ(f.value:x::VARCHAR)",
        "f.value:missing",
    ],
)
def test_a_json_null_becomes_null(connection: Any, expression: str) -> None:
    assert value(connection, f"SELECT {expression} {FLATTENED}", ['[{"x": null}]']) is None


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("TO_CHAR(column1, 'YYYY-MM-DD')", "2026-11-20"),
        ('TO_VARCHAR(column1, \'YYYY-MM-DD"T"HH24:MI:SS.FF3"Z"\')', "2026-11-20T10:02:03.456Z"),
        ("TO_CHAR('2026-11-20'::DATE, 'YYYYMMDD')", "20261120"),
        ("TO_CHAR(7)", "7"),
    ],
)
def test_times_become_text_by_their_format(connection: Any, expression: str, text: str) -> None:
    sql = f"SELECT {expression} FROM (SELECT ?::TIMESTAMP_TZ AS column1)"  # noqa: S608  texts of this test

    assert value(connection, sql, ["2026-11-20T10:02:03.456Z"]) == text


def test_values_come_back_as_the_types_they_have(connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE TABLE KINDS (T TIMESTAMP_TZ, N NUMBER(10,2), B BOOLEAN, V VARIANT, D DATE)")
    insert = f"""INSERT INTO KINDS SELECT TO_TIMESTAMP_TZ(f.value:t::VARCHAR), f.value:n::NUMBER(10,2),
        f.value:b::BOOLEAN, f.value:v, f.value:d::DATE {FLATTENED}"""
    given = [{"t": "2026-11-20T10:00:00.123456+02:00", "n": 1.5, "b": True, "v": {"x": None}, "d": "2026-11-20"}, {}]
    with connection.cursor() as cursor:
        cursor.execute(insert, (json.dumps(given),))
        assert cursor.rowcount == 2

    first, second = rows(connection, "SELECT * FROM KINDS ORDER BY T NULLS LAST")
    assert first[0] == datetime(2026, 11, 20, 8, 0, 0, 123456, tzinfo=UTC)
    assert (first[1], first[2], first[4].isoformat()) == (Decimal("1.50"), True, "2026-11-20")
    assert json.loads(first[3]) == {"x": None}
    assert second == (None, None, None, None, None)


def test_every_kind_of_bind_arrives(connection: Any) -> None:
    given = [Decimal("1.5"), 7, "it's é", None, "2026-11-20T00:00:00Z"]

    found = rows(connection, "SELECT ?, ?, ?, ?, ?::TIMESTAMP_TZ", given)

    assert found == [(*given[:4], datetime(2026, 11, 20, tzinfo=UTC))]


def test_a_batch_of_binds_is_one_statement_with_all_its_rows(service: SnowflakeService, connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE TABLE MANY (A INT, B VARCHAR)")
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO MANY VALUES (?, ?)", [(n, str(n)) for n in range(5)])
        assert cursor.rowcount == 5

        with refused(100038):
            cursor.executemany("INSERT INTO MANY VALUES (?, ?)", [("6", "six"), ("seven", "7")])

    assert value(connection, "SELECT COUNT(*) FROM MANY") == 5
    assert service.ask("/statements")["counts"]["INSERT MANY"] == 2


def test_an_array_of_binds_belongs_to_the_transaction_that_is_open(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE UNDONE (N NUMBER)")
        cursor.execute("BEGIN")
        cursor.executemany("INSERT INTO UNDONE VALUES (?)", [(1,), (2,)])
        inside = value(connection, "SELECT COUNT(*) FROM UNDONE")
        cursor.execute("ROLLBACK")

    assert (inside, value(connection, "SELECT COUNT(*) FROM UNDONE")) == (2, 0)


def test_a_script_is_run_statement_by_statement(service: SnowflakeService, connection: Any) -> None:
    script = """
        -- a table; and a procedure
        CREATE OR REPLACE TABLE SCRIPTED (A VARCHAR) COMMENT = 'a;b';
        CREATE OR REPLACE PROCEDURE P() RETURNS VARCHAR LANGUAGE JAVASCRIPT AS $$ return 'x'; $$;
        INSERT INTO SCRIPTED SELECT 'c;d';
        SELECT A FROM SCRIPTED;
    """
    cursors = list(connection.execute_string(script))

    assert [cursor.fetchall() for cursor in cursors][-1] == [("c;d",)]
    assert service.ask("/no-ops")[-1]["kind"] == "CREATE PROCEDURE"


def test_a_no_op_is_answered_plainly_and_recorded(service: SnowflakeService, connection: Any) -> None:
    sql = "CREATE OR REPLACE TASK NIGHTLY WAREHOUSE = WH SCHEDULE = '5 MINUTE' AS SELECT 1"

    assert value(connection, sql) == "Statement accepted, not executed by the laptop's Snowflake."
    recorded = service.ask("/no-ops")[-1]
    assert (recorded["kind"], recorded["sql"]) == ("CREATE TASK", sql)


def test_positional_columns_of_values_work(connection: Any) -> None:
    assert rows(connection, "SELECT $2, $1 FROM VALUES (1, 'a'), (2, 'b') ORDER BY 2") == [("a", 1), ("b", 2)]


def test_keys_are_not_enforced_but_not_null_is(connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE TABLE KEYED (ID VARCHAR PRIMARY KEY, U INT UNIQUE)")
    rows(connection, "INSERT INTO KEYED SELECT 'a', 1 UNION ALL SELECT 'a', 1")

    assert value(connection, "SELECT COUNT(*) FROM KEYED") == 2
    with refused(100072):
        rows(connection, "INSERT INTO KEYED (U) SELECT 2")


@pytest.mark.parametrize(
    ("sql", "code", "sql_state"),
    [
        ("SELECT TO_TIMESTAMP_TZ('nonsense')", 100035, "22007"),
        ("SELECT 'x'::NUMBER(10,0)", 100038, "22018"),
        ("SELECT 'maybe'::BOOLEAN", 100037, "22018"),
        ("SELECT 99999999999::NUMBER(10,0)", 100039, "22003"),
        ("SELECT PARSE_JSON('{')", 100069, "22P02"),
        ("SELECT * FROM NOWHERE", 2003, "42S02"),
        ("SELECT NO_COLUMN FROM VALUES (1)", 904, "42000"),
        ("SELECT NO_FUNCTION(1)", 2140, "42601"),
        ("SELEC 1", 1003, "42000"),
        ("SELECT 1; SELECT 2", 8, "0A000"),
        ("CALL NO_PROCEDURE()", 2141, "42601"),
        ("CREATE OR ALTER TABLE T (A INT)", 2, "0A000"),
        ("INSERT INTO T VALUES (PARSE_JSON('{}'))", 2014, "22000"),
    ],
)
def test_a_wrong_statement_is_refused_as_snowflake_does(connection: Any, sql: str, code: int, sql_state: str) -> None:
    with connection.cursor() as cursor, pytest.raises(snowflake.connector.errors.ProgrammingError) as error:
        cursor.execute(sql)

    assert (error.value.errno, error.value.sqlstate) == (code, sql_state)
    assert error.value.sfqid


def test_refused_data_leaves_no_row_behind(connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE TABLE WHOLE (T TIMESTAMP_TZ NOT NULL)")
    events = json.dumps([{"t": "2026-11-20T10:00:00Z"}, {"t": "nonsense"}])

    with refused(100035):
        rows(connection, f"INSERT INTO WHOLE SELECT TO_TIMESTAMP_TZ(f.value:t::VARCHAR) {FLATTENED}", [events])

    assert value(connection, "SELECT COUNT(*) FROM WHOLE") == 0


def test_a_dollar_sign_in_a_string_is_no_variable(connection: Any) -> None:
    rows(connection, "SET v = 7")

    assert rows(connection, "SELECT $v, '$v', '$unset'") == [(7, "$v", "$unset")]


def test_many_threads_may_share_one_connection(connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE TABLE SHARED (A INT)")

    def insert(number: int) -> None:
        rows(connection, "INSERT INTO SHARED SELECT ?", [number])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(insert, range(24)))

    assert value(connection, "SELECT COUNT(DISTINCT A) FROM SHARED") == 24


def test_an_asynchronous_query_is_polled_and_its_result_fetched(service: SnowflakeService, connection: Any) -> None:
    service.plan("delay", match={"sql": "SLOW"}, seconds=0.3)
    with connection.cursor() as cursor:
        cursor.execute_async("SELECT 42 AS SLOW")
        assert connection.is_still_running(connection.get_query_status(cursor.sfqid))
        cursor.get_results_from_sfqid(cursor.sfqid)

        assert cursor.fetchall() == [(42,)]


def test_columns_can_be_described_without_a_run(connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE TABLE TOLD (A INT, V VARIANT)")
    with connection.cursor() as cursor:
        columns = cursor.describe("SELECT V, A FROM TOLD WHERE A = ?")

    assert [column.name for column in columns] == ["V", "A"]


def test_a_reset_empties_tables_and_keeps_them(service: SnowflakeService, connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE TABLE KEPT AS SELECT 1 AS A")
    rows(connection, "CREATE OR REPLACE VIEW SEEN AS SELECT A FROM KEPT")
    service.tell("/reset")

    assert service.ask("/no-ops") == []
    assert service.ask("/statements")["total"] == 0
    assert value(connection, "SELECT COUNT(*) FROM SEEN") == 0
