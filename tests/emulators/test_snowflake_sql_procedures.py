"""Procedures in SQL from CREATE to the result of their CALL: real connector, emulator, Python procedures within."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from textwrap import dedent
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError

from tests.emulators.snowflake_procedures import create
from tests.emulators.snowflake_service import DATABASE, SCHEMA, SnowflakeService, refused, rows, value
from tests.eventually import eventually

START_RUN = """
    CREATE OR REPLACE PROCEDURE START_RUN(pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR DEFAULT NULL)
      RETURNS VARIANT
      LANGUAGE SQL
      COMMENT = 'starts; a run'
      EXECUTE AS OWNER
    AS $$
    DECLARE
      answer VARIANT;
    BEGIN
      CALL START_RUN_JSON(:pipeline, TO_JSON(:inputs), :idempotency_key) INTO :answer;
      RETURN answer;
    END;
    $$
"""
LONG = "123456789012345678901234567890"
LONG_FRACTION = "0.12345678901234567890123"


@pytest.fixture(scope="module")
def service() -> Iterator[SnowflakeService]:
    with SnowflakeService() as running:
        yield running


@pytest.fixture(scope="module")
def connection(service: SnowflakeService) -> Any:
    connection = service.connect()
    create(connection, "START_RUN_JSON(p VARCHAR, i VARCHAR, k VARCHAR)", "def run(session, *given): return given")
    create(connection, "ECHO_ONE(given VARIANT)", "def run(session, given): return given")
    rows(connection, START_RUN)
    return connection


def script(connection: Any, signature: str, body: str, *, returns: str = "VARIANT", options: str = "") -> None:
    rows(
        connection,
        f"CREATE OR REPLACE PROCEDURE {signature} RETURNS {returns} LANGUAGE SQL {options} AS $$\n{dedent(body)}\n$$",
    )


def failure_of(connection: Any, call: str) -> ProgrammingError:
    with connection.cursor() as cursor, pytest.raises(ProgrammingError) as error:
        cursor.execute(f"CALL {call}")
    return error.value


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("'p', {'a': 0.1}", ["p", '{"a":0.1}', None]),
        ("'p', {'a': 0.1}, 'k'", ["p", '{"a":0.1}', "k"]),
        ("'p', NULL", ["p", None, None]),
        (f"'p', {{'n': {LONG}}}", ["p", f'{{"n":{LONG}}}', None]),
        (f"""NULL, PARSE_JSON('{{"d": [{LONG_FRACTION}, 1.50]}}')""", [None, f'{{"d":[{LONG_FRACTION},1.50]}}', None]),
        (r"'it''s \\ \n :inputs $x -- é', NULL", ["it's \\ \n :inputs $x -- é", None, None]),
        (r"'p', {':p': ':pipeline ; \' \\ ü'}", ["p", r"""{":p":":pipeline ; ' \\ ü"}""", None]),
        ("inputs => {'a b': [TRUE, {}]}, pipeline => 'x'", ["x", '{"a b":[true,{}]}', None]),
    ],
)
def test_a_procedure_in_sql_hands_its_arguments_on(connection: Any, call: str, expected: object) -> None:
    assert json.loads(value(connection, f"CALL START_RUN({call})")) == expected


def test_arguments_may_be_bound(connection: Any) -> None:
    found = value(connection, "CALL START_RUN(?, PARSE_JSON(?), ?)", ["é'?", '{"a" : [ "?  \\" :x" ]}', None])

    assert json.loads(found) == ["é'?", '{"a":["?  \\" :x"]}', None]


def test_an_object_that_is_no_json_is_refused(connection: Any) -> None:
    with refused(100069):
        rows(connection, "CALL START_RUN('p', PARSE_JSON('{a'))")
    with refused(1044):
        rows(connection, "CALL START_RUN('p', 'no object')")


def test_the_result_has_the_name_and_the_type_of_the_procedure(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CALL START_RUN('p', {})")
        told = [(column.name, column.type_code) for column in cursor.description]
        described = [(column.name, column.type_code) for column in cursor.describe("CALL START_RUN('p', {})")]

    assert told == described == [("START_RUN", 5)]


def test_a_procedure_in_sql_is_described_and_listed(service: SnowflakeService, connection: Any) -> None:
    found = dict(rows(connection, "DESCRIBE PROCEDURE START_RUN(VARCHAR, OBJECT, VARCHAR)"))

    assert (found["language"], found["execute as"], found["comment"]) == ("SQL", "OWNER", "starts; a run")
    assert "CALL START_RUN_JSON" in found["body"]
    assert any(one["name"] == f"{DATABASE}.{SCHEMA}.START_RUN" for one in service.ask("/procedures"))
    assert not any("PROCEDURE START_RUN(" in one["sql"] for one in service.ask("/no-ops"))


@pytest.mark.parametrize(
    ("returns", "body", "expected"),
    [
        ("NUMBER", "BEGIN RETURN 1 + 1; END", 2),
        ("NUMBER", "BEGIN LET a := 2; LET b NUMBER := a * 3; a := b + :a; RETURN :a; END;", 8),
        ("NUMBER(10,2)", "DECLARE a NUMBER(10,2) DEFAULT 1.5; BEGIN RETURN a; END;", Decimal("1.50")),
        ("VARCHAR", "declare a varchar := 'x;'; -- no; end\nbegin /* ; */ return upper(a) || ':a'; end;", "X;:a"),
        ("VARCHAR", "BEGIN LET a := 'it''s'; LET b := a || '\\\\'; RETURN b; END;", "it's\\"),
        ("VARCHAR", 'BEGIN LET a := PARSE_JSON(\'{"a": {"a": "x"}}\'); RETURN a:a:a; END;', "x"),
        ("VARIANT", "BEGIN LET a := 'x'; RETURN OBJECT_CONSTRUCT('a', a, 'n', NULL); END;", '{"a":"x"}'),
        ("VARIANT", "BEGIN LET a := 'x'; RETURN {'a':a, 'b': :a}; END;", '{"a":"x","b":"x"}'),
        ("VARIANT", "BEGIN LET a VARIANT := 'x'; RETURN a; END;", '"x"'),
        ("VARIANT", "BEGIN LET a VARCHAR := 'x'; RETURN a; END;", '"x"'),
        ("ARRAY", f"BEGIN LET a ARRAY := PARSE_JSON('[{LONG_FRACTION}]'); RETURN a; END;", f"[{LONG_FRACTION}]"),
        ("VARCHAR", "BEGIN LET a VARIANT := 'x'; RETURN a::VARCHAR || :a::string; END;", "xx"),
        ("NUMBER", "BEGIN LET a := 2; RETURN (SELECT MAX(a) + :a FROM (SELECT 40 AS a)); END;", 42),
        ("VARIANT", "DECLARE a VARIANT; BEGIN RETURN TO_JSON(a); END;", None),
        ("NUMBER", "BEGIN RETURN; END;", None),
        ("NUMBER", "BEGIN LET a := 1; END;", None),
        ("FLOAT", "BEGIN LET a := 0.1::FLOAT; RETURN a; END;", 0.1),
        ("BOOLEAN", "BEGIN LET a := TRUE; RETURN NOT a; END;", False),
        ("DATE", "BEGIN LET a := '2026-11-20'::DATE; RETURN DATEADD(DAY, 1, a); END;", date(2026, 11, 21)),
        ("TIME", "BEGIN LET a TIME := '10:20:30'; RETURN a; END;", time(10, 20, 30)),
        (
            "TIMESTAMP_NTZ",
            "BEGIN LET a := '2026-11-20 10:00:00.5'::TIMESTAMP_NTZ; RETURN a::VARCHAR; END;",
            datetime(2026, 11, 20, 10, 0, 0, 500000),  # noqa: DTZ001  such a time has no zone
        ),
        (
            "TIMESTAMP_TZ",
            "BEGIN LET a := '2026-11-20T10:00:00Z'::TIMESTAMP_TZ; LET b := a; RETURN b; END;",
            datetime(2026, 11, 20, 10, tzinfo=UTC),
        ),
        ("BINARY", "BEGIN LET a := X'CAFE'; LET b := a::BINARY; RETURN b::BINARY; END;", b"\xca\xfe"),
    ],
)
def test_variables_keep_type_and_value(connection: Any, returns: str, body: str, expected: object) -> None:
    script(connection, "GIVES()", body, returns=returns)

    assert rows(connection, "CALL GIVES()") == [(expected,)]


def test_a_body_needs_no_quotes_or_single_ones(connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE PROCEDURE BARE() RETURNS VARCHAR AS BEGIN RETURN 'x'; END")
    assert value(connection, "CALL BARE()") == "x"
    rows(connection, "CREATE OR REPLACE PROCEDURE BARE() RETURNS VARCHAR LANGUAGE SQL AS 'BEGIN RETURN ''y''; END'")
    assert value(connection, "CALL BARE()") == "y"


def test_statements_read_and_write_with_variables(connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE TABLE WRITTEN (A VARCHAR, B NUMBER(10,2), C VARIANT, D DATE)")
    script(
        connection,
        "WRITES(a VARCHAR, b NUMBER(10,2), c OBJECT, d DATE)",
        """
        BEGIN
          INSERT INTO WRITTEN SELECT :a, :b, :c, :d;  -- :nothing
          INSERT INTO WRITTEN (A) VALUES (:A || ':a'), ('a');
          UPDATE WRITTEN SET B = :b + :c:n::NUMBER WHERE A = :a;
          DELETE FROM WRITTEN WHERE A = 'a';
          SELECT COUNT(*) FROM WRITTEN;
          LET n := (SELECT COUNT(*) FROM WRITTEN WHERE A LIKE :a || '%');
          RETURN n;
        END;
        """,
        returns="NUMBER",
    )

    assert value(connection, "CALL WRITES('it''s', -1.5, {'n': 2, 'x': 'é'''}, '2026-11-20'::DATE)") == 2
    assert rows(connection, "SELECT A, B, C:x::VARCHAR, D FROM WRITTEN ORDER BY B NULLS LAST") == [
        ("it's", Decimal("0.50"), "é'", date(2026, 11, 20)),
        ("it's:a", None, None, None),
    ]


def test_calls_go_to_procedures_of_either_language_and_to_system_functions(connection: Any) -> None:
    script(connection, "DOUBLED(n NUMBER)", "BEGIN RETURN :n * 2; END", returns="NUMBER")
    script(
        connection,
        "ALL_OF_THEM(n NUMBER)",
        """
        DECLARE
          doubled NUMBER;
          echoed VARIANT;
          text VARCHAR;
          waited VARCHAR;
        BEGIN
          CALL DOUBLED(:n);
          CALL DOUBLED(n => :n) INTO :doubled;
          CALL ECHO_ONE(:doubled) INTO :echoed;
          CALL ECHO_ONE('x') INTO :text;
          CALL SYSTEM$WAIT(0) INTO :waited;
          RETURN [doubled, echoed, text, waited];
        END;
        """,
    )

    assert json.loads(value(connection, "CALL ALL_OF_THEM(21)")) == [42, 42, "x", "waited 0 seconds"]


def test_a_handler_in_python_may_call_a_procedure_in_sql(connection: Any) -> None:
    create(connection, "OUTER_ONE()", "def run(session): return session.call('START_RUN', 'p', {'a': 1}, None)")

    assert json.loads(json.loads(value(connection, "CALL OUTER_ONE()"))) == ["p", '{"a":1}', None]


@pytest.mark.parametrize(("rights", "schema"), [("OWNER", SCHEMA), ("CALLER", "ELSEWHERE")])
def test_the_owners_rights_bring_the_schema_of_the_procedure(
    service: SnowflakeService, connection: Any, rights: str, schema: str
) -> None:
    script(
        connection,
        "WHERE_AM_I()",
        "BEGIN RETURN CURRENT_SCHEMA(); END",
        returns="VARCHAR",
        options=f"EXECUTE AS {rights} COMMENT = 'x'",
    )
    elsewhere = service.connect(schema="ELSEWHERE")

    assert value(elsewhere, f"CALL {DATABASE}.{SCHEMA}.WHERE_AM_I()") == schema
    assert value(elsewhere, "SELECT CURRENT_SCHEMA()") == "ELSEWHERE"


def test_null_arguments_of_a_strict_procedure_are_answered_with_null(connection: Any) -> None:
    script(connection, "CAREFUL(a VARCHAR)", "BEGIN RETURN 'ran'; END", returns="VARCHAR", options="STRICT")

    assert (value(connection, "CALL CAREFUL(NULL)"), value(connection, "CALL CAREFUL('x')")) == (None, "ran")


def test_a_procedure_works_in_the_transaction_of_its_caller(service: SnowflakeService) -> None:
    connection, other = service.connect(), service.connect()
    rows(connection, "CREATE OR REPLACE TABLE SHARED (A INT)")
    script(connection, "ADDS()", "BEGIN INSERT INTO SHARED SELECT 1; END")
    rows(connection, "BEGIN")
    rows(connection, "CALL ADDS()")

    assert value(other, "SELECT COUNT(*) FROM SHARED") == 0
    rows(connection, "ROLLBACK")
    assert value(other, "SELECT COUNT(*) FROM SHARED") == 0


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ("BEGIN\n\n  SELECT * FROM NOWHERE;\nEND", 2003, "type 'STATEMENT_ERROR' on line 4 of procedure FAILS : "),
        ("BEGIN\n  LET a NUMBER := 'x';\nEND", 100038, "type 'EXPRESSION_ERROR' on line 3 of procedure FAILS : "),
        ("BEGIN\n  CALL RAISES();\nEND", 100357, "line 3 of procedure FAILS : Python Interpreter Error:\n"),
        ("BEGIN\n  CALL NO_PROCEDURE();\nEND", 2141, "NO_PROCEDURE"),
        ("BEGIN\n  RETURN :nothing;\nEND", 2049, "Bind variable :nothing not set"),
        ("BEGIN\n  RETURN nothing;\nEND", 1001, "of procedure FAILS"),
        ("BEGIN\n  nothing := 1;\nEND", 904, "NOTHING"),
        ("BEGIN\n  CALL RAISES() INTO :nothing;\nEND", 904, "NOTHING"),
        ("BEGIN\n  LET a OBJECT := 'x';\nEND", 1044, "A must be OBJECT"),
        ("BEGIN\n  RETURN 1, 2;\nEND", 1003, "one expression"),
        ("BEGIN\n  CALL FAILS();\nEND", 2, "more than 8 procedures within one another, FAILS being the next"),
    ],
)
def test_a_failure_comes_through_with_its_code_and_its_place(connection: Any, body: str, code: int, told: str) -> None:
    create(connection, "RAISES()", "def run(session): raise ValueError('x')")
    script(connection, "FAILS()", body)

    error = failure_of(connection, "FAILS()")

    assert error.errno == code
    assert told in str(error)
    assert value(connection, "SELECT 1") == 1


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("BEGIN IF (TRUE) THEN RETURN 1; END IF; END", "IF"),
        ("BEGIN FOR i IN 1 TO 2 DO RETURN 1; END FOR; END", "FOR"),
        ("BEGIN RETURN 1; EXCEPTION WHEN OTHER THEN RETURN 2; END", "EXCEPTION"),
        ("DECLARE c CURSOR FOR SELECT 1; BEGIN RETURN 1; END", "CURSOR"),
        ("BEGIN LET r RESULTSET := (SELECT 1); RETURN TABLE(r); END", "RESULTSET"),
        ("BEGIN RETURN TABLE(r); END", "RETURN TABLE"),
        ("BEGIN BEGIN RETURN 1; END; END", "BEGIN"),
        ("BEGIN EXECUTE IMMEDIATE 'SELECT 1'; END", "EXECUTE IMMEDIATE"),
        ("DECLARE a NUMBER; BEGIN SELECT 1 INTO :a; END", "SELECT … INTO a variable"),
        ("BEGIN DROP TABLE A; END", "DROP"),
        ("SELECT 1", "SELECT outside of a block"),
    ],
)
def test_what_does_not_run_is_recorded_and_named_by_call(
    service: SnowflakeService, connection: Any, body: str, named: str
) -> None:
    script(connection, "BEYOND()", body)

    assert "PROCEDURE BEYOND()" in service.ask("/no-ops")[-1]["sql"]
    error = failure_of(connection, "BEYOND()")
    assert error.errno == 2
    assert f"Unsupported feature: {named} in Snowflake Scripting, in line 2 of procedure BEYOND" in str(error)


@pytest.mark.parametrize("body", ["BEGIN RETURN 1;", "DECLARE a; BEGIN RETURN 1; END", "BEGIN LET a NUMBER :=; END"])
def test_a_body_with_a_wrong_syntax_is_refused_when_it_is_created(connection: Any, body: str) -> None:
    with refused(1003):
        script(connection, "WRONG()", body)


def test_within_a_task_a_script_and_what_it_calls_know_the_task(service: SnowflakeService, connection: Any) -> None:
    create(
        connection,
        "NAME_OF_TASK()",
        "def run(session): return session.sql('SELECT SYSTEM$CURRENT_USER_TASK_NAME()').collect()[0][0]",
    )
    script(
        connection,
        "IN_TASK()",
        """
        DECLARE
          name VARIANT;
        BEGIN
          CALL NAME_OF_TASK() INTO :name;
          CALL SYSTEM$SET_RETURN_VALUE(:name::VARCHAR || '/' || SYSTEM$CURRENT_USER_TASK_NAME());
        END;
        """,
    )
    rows(connection, "CREATE OR REPLACE TASK T WAREHOUSE = W SCHEDULE = '1 MINUTE' AS CALL IN_TASK()")
    rows(connection, "EXECUTE TASK T")

    def run() -> Any:
        task = next(one for one in service.ask("/tasks") if one["name"].endswith(".T"))
        return task["runs"][0] if task["runs"] and task["runs"][0]["state"] != "EXECUTING" else None

    ended = eventually(run)

    assert (ended["state"], ended["error"], ended["return_value"]) == ("SUCCEEDED", None, "T/T")
