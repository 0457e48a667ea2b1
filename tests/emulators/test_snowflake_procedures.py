"""Procedures in Python from SQL to their handler and back: real connector, emulator, real Snowpark."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError

from tests.emulators.snowflake_procedures import create
from tests.emulators.snowflake_service import DATABASE, SCHEMA, SnowflakeService, refused, rows, value
from tests.eventually import eventually

ECHO = """
    def run(session, *given):
        return [[type(one).__name__, one] for one in given]
"""


@pytest.fixture(scope="module")
def service() -> Iterator[SnowflakeService]:
    with SnowflakeService() as running:
        yield running


@pytest.fixture(scope="module")
def connection(service: SnowflakeService) -> Any:
    return service.connect(role="analyst", warehouse="wh")


def called(connection: Any, call: str, binds: list[Any] | None = None) -> Any:
    """The JSON that a CALL answers."""
    return json.loads(value(connection, f"CALL {call}", binds))


def failure_of(connection: Any, call: str) -> str:
    """What a CALL whose handler raises is refused with."""
    with connection.cursor() as cursor, pytest.raises(ProgrammingError) as error:
        cursor.execute(f"CALL {call}")
    assert (error.value.errno, error.value.sqlstate) == (100357, "P0000")
    return str(error.value)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("P('x', {'a': 1, 'B': {'c': [1, NULL]}}, 'k')", ["x", {"a": 1, "B": {"c": [1, None]}}, "k"]),
        ("P('x', OBJECT_CONSTRUCT('a', 0.5, 'n', NULL))", ["x", {"a": "0.5"}, None]),
        ("P('x', PARSE_JSON('{\"n\": 12345678901234567890}'), NULL)", ["x", {"n": 12345678901234567890}, None]),
        ("P(UPPER('it''s é'), NULL)", ["IT'S É", None, None]),
        ("P(idempotency_key => 'k', inputs => {}, pipeline => 'x')", ["x", {}, "k"]),
        ("P(INPUTS => {'a)': '}'}, pipeline => (SELECT 'y'))", ["y", {"a)": "}"}, None]),
        ("ml_bridge.p('x', {});", ["x", {}, None]),
        ('LAPTOP.ML_BRIDGE."P"(7, {})', ["7", {}, None]),
    ],
)
def test_arguments_are_given_by_place_or_name_or_left_out(connection: Any, call: str, expected: object) -> None:
    create(connection, "P(pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR DEFAULT NULL)", ECHO)

    assert [one for _, one in called(connection, call)] == expected


def test_arguments_are_bound_in_their_order(connection: Any) -> None:
    create(connection, "P(pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR DEFAULT NULL)", ECHO)

    by_place = called(connection, "P(?, PARSE_JSON(?), ?)", ["é'?", '{"a": ["?"]}', None])
    by_name = called(connection, "P(inputs => PARSE_JSON(?), pipeline => ?)", ['{"a": 1}', "x"])

    assert [one for _, one in by_place] == ["é'?", {"a": ["?"]}, None]
    assert [one for _, one in by_name] == ["x", {"a": 1}, None]


def test_the_connectors_own_style_of_binds_works_as_well(service: SnowflakeService) -> None:
    connection = service.connect(paramstyle="pyformat")
    create(connection, "BOUND(a VARCHAR, b NUMBER)", ECHO)
    with connection.cursor() as cursor:
        cursor.execute("CALL BOUND(%(a)s, %(b)s)", {"a": "x%", "b": 2})

        assert json.loads(cursor.fetchone()[0]) == [["str", "x%"], ["int", 2]]


@pytest.mark.parametrize(
    ("kind", "argument", "expected"),
    [
        ("NUMBER", "42", ["int", 42]),
        ("NUMBER(38,0)", "99999999999999999999999999999999999999", ["int", 99999999999999999999999999999999999999]),
        ("NUMBER(10,2)", "1.5", ["Decimal", "1.50"]),
        ("FLOAT", "0.25", ["float", 0.25]),
        ("BOOLEAN", "TRUE", ["bool", True]),
        ("DATE", "'2026-11-20'::DATE", ["date", "2026-11-20"]),
        ("TIME", "'10:20:30'::TIME", ["time", "10:20:30"]),
        ("TIMESTAMP_NTZ", "'2026-11-20 10:00:00'::TIMESTAMP_NTZ", ["datetime", "2026-11-20T10:00:00"]),
        ("TIMESTAMP_TZ", "'2026-11-20T10:00:00Z'::TIMESTAMP_TZ", ["datetime", "2026-11-20T10:00:00+00:00"]),
        ("BINARY", "X'CAFE'", ["bytes", "CAFE"]),
        ("ARRAY", "[1, 'x', NULL]", ["list", [1, "x", None]]),
        ("VARIANT", "'text'", ["str", "text"]),
        ("VARIANT", "1", ["int", 1]),
        ("VARIANT", "0.5", ["str", "0.5"]),
        ("VARIANT", "-1.0", ["int", -1]),
        ("VARIANT", "PARSE_JSON('0.12345678901234567890123')", ["str", "0.12345678901234567890123"]),
        ("VARIANT", "PARSE_JSON('5e-1')", ["float", 0.5]),
        ("ARRAY", "[1.0, -0.5, {'a': 1.5}]", ["list", [1, "-0.5", {"a": "1.5"}]]),
        ("VARIANT", "PARSE_JSON('null')", ["NoneType", None]),
        ("VARIANT", "TRUE", ["bool", True]),
        ("VARCHAR", "PARSE_JSON('\"text\"')", ["str", "text"]),
    ],
)
def test_a_handler_gets_the_python_type_of_each_sql_type(
    connection: Any, kind: str, argument: str, expected: list[Any]
) -> None:
    name = f"TAKES_{kind.partition('(')[0]}_{len(kind)}"
    create(connection, f"{name}(given {kind})", ECHO)

    assert called(connection, f"{name}({argument})") == [expected]


@pytest.mark.parametrize(
    ("returns", "code", "expected"),
    [
        ("VARCHAR", "'é\\n'", "é\n"),
        ("VARCHAR NOT NULL", "12", "12"),
        ("NUMBER", "7", 7),
        ("NUMBER(10,2)", "decimal.Decimal('1.25')", Decimal("1.25")),
        ("FLOAT", "0.5", 0.5),
        ("BOOLEAN", "False", False),
        ("DATE", "datetime.date(2026, 11, 20)", date(2026, 11, 20)),
        ("TIME", "datetime.time(10, 20)", time(10, 20)),
        (
            "TIMESTAMP_TZ",
            "datetime.datetime(2026, 11, 20, tzinfo=datetime.timezone.utc)",
            datetime(2026, 11, 20, tzinfo=UTC),
        ),
        ("BINARY", "b'\\xca\\xfe'", b"\xca\xfe"),
        ("OBJECT", "{'a': decimal.Decimal('1.5'), 'é': None}", '{"a":"1.5","é":null}'),
        ("ARRAY", "(1, [2])", "[1,[2]]"),
        ("VARIANT", "'text'", '"text"'),
        ("VARIANT", "None", None),
        ("OBJECT", "None", None),
        ("NUMBER", "None", None),
    ],
)
def test_a_result_has_the_declared_type(connection: Any, returns: str, code: str, expected: object) -> None:
    create(connection, "GIVES()", f"import datetime, decimal\ndef run(session):\n    return {code}", returns=returns)
    with connection.cursor() as cursor:
        cursor.execute("CALL GIVES()")

        assert [column.name for column in cursor.description] == ["GIVES"]
        assert cursor.fetchall() == [(expected,)]


def test_a_semi_structured_result_is_told_as_what_it_is(connection: Any) -> None:
    kinds = {}
    for kind in ("VARIANT", "OBJECT", "ARRAY"):
        create(connection, "GIVES()", "def run(session): return None", returns=kind)
        with connection.cursor() as cursor:
            cursor.execute("CALL GIVES()")
            kinds[kind] = cursor.description[0].type_code

    assert kinds == {"VARIANT": 5, "OBJECT": 9, "ARRAY": 10}


def test_a_call_can_be_described_without_a_run(service: SnowflakeService, connection: Any) -> None:
    create(connection, "NEVER(a VARCHAR)", "def run(session, a): raise RuntimeError", returns="NUMBER(10,2)")
    with connection.cursor() as cursor:
        columns = cursor.describe("CALL NEVER(?)")

    assert [(column.name, column.scale) for column in columns] == [("NEVER", 2)]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("P()", 1044),
        ("P('x', {}, 'k', 1)", 1044),
        ("P('x', 'no object')", 1044),
        ("P(pipeline => 'x', other => {})", 1044),
        ("P('x', inputs => {})", 1003),
        ("P('x', {}) INTO :answer", 1003),
        ("P('x', {'a': })", 1003),
        ("P(NO_FUNCTION(), {})", 2140),
        ("OTHER.P('x', {})", 2141),
    ],
)
def test_a_call_that_fits_no_procedure_is_refused(connection: Any, call: str, code: int) -> None:
    create(connection, "P(pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR DEFAULT NULL)", ECHO)

    with refused(code):
        rows(connection, f"CALL {call}")


def test_overloads_are_told_apart_by_the_number_of_arguments(connection: Any) -> None:
    create(connection, "MANY(a VARCHAR)", "def run(session, a): return 'one'")
    create(connection, "MANY(a VARCHAR, b VARCHAR)", "def run(session, a, b): return 'two'")

    assert (called(connection, "MANY('x')"), called(connection, "MANY('x', 'y')")) == ("one", "two")

    create(connection, "MANY(a NUMBER)", "def run(session, a): return 'number'")
    with refused(2):
        rows(connection, "CALL MANY('x')")
    rows(connection, "DROP PROCEDURE MANY(INTEGER)")
    rows(connection, "DROP PROCEDURE MANY(VARCHAR)")
    with refused(1044):
        rows(connection, "CALL MANY('x')")
    assert called(connection, "MANY('x', 'y')") == "two"


def test_a_procedure_is_created_once_replaced_and_dropped(service: SnowflakeService, connection: Any) -> None:
    create(connection, "LIVES()", "def run(session): return 1")
    again = """CREATE PROCEDURE {}LIVES() RETURNS VARIANT LANGUAGE PYTHON RUNTIME_VERSION = 3.12 HANDLER = 'run'
        PACKAGES = ('snowflake-snowpark-python==1.53.0') COMMENT = 'it''s' AS 'def run(session):\n  return "two"'"""
    with refused(2002):
        rows(connection, again.format(""))
    rows(connection, again.format("IF NOT EXISTS "))
    assert called(connection, "LIVES()") == 1
    rows(connection, again.format("").replace("CREATE", "CREATE OR REPLACE"))
    assert called(connection, "LIVES()") == "two"
    listed = next(one for one in service.ask("/procedures") if one["name"] == f"{DATABASE}.{SCHEMA}.LIVES")
    assert (listed["signature"], listed["returns"], listed["handler"]) == ("()", "VARIANT", "run")

    rows(connection, "DROP PROCEDURE LIVES()")
    rows(connection, "DROP PROCEDURE IF EXISTS LIVES()")
    with refused(2003):
        rows(connection, "DROP PROCEDURE LIVES()")
    with refused(2141):
        rows(connection, "CALL LIVES()")


@pytest.mark.parametrize(
    ("clauses", "code"),
    [
        ("LANGUAGE PYTHON RUNTIME_VERSION = '3.12' HANDLER = 'run'", 1003),
        ("LANGUAGE PYTHON RUNTIME_VERSION = '3.12' PACKAGES = ('snowflake-snowpark-python')", 1003),
        ("LANGUAGE PYTHON RUNTIME_VERSION = '3.12' PACKAGES = ('requests') HANDLER = 'run'", 391516),
        ("LANGUAGE PYTHON RUNTIME_VERSION = '3.12' IMPORTS = ('@s/x.py')", 2),
        ("LANGUAGE COBOL", 1003),
        ("LANGUAGE PYTHON HANDLER 'run'", 1003),
    ],
)
def test_a_definition_that_snowflake_would_not_take_is_refused(connection: Any, clauses: str, code: int) -> None:
    with refused(code):
        rows(connection, f"CREATE PROCEDURE WRONG() RETURNS VARIANT {clauses} AS $$def run(session): pass$$")


def test_a_procedure_in_another_language_is_recorded_and_not_run(service: SnowflakeService, connection: Any) -> None:
    sql = "CREATE OR REPLACE PROCEDURE SCRIPT(a INT) RETURNS VARCHAR LANGUAGE JAVASCRIPT AS 'return 1'"
    rows(connection, sql)

    assert service.ask("/no-ops")[-1]["sql"] == sql
    with refused(2):
        rows(connection, "CALL SCRIPT(1)")


def test_an_exception_is_told_with_its_traceback(service: SnowflakeService, connection: Any) -> None:
    create(
        connection,
        "RAISES(what VARCHAR)",
        """
        def run(session, what):
            check(what)

        def check(what):
            raise ValueError(f"not {what}")
        """,
    )

    text = failure_of(connection, "RAISES('é')")

    assert "Python Interpreter Error:\nTraceback (most recent call last):\n" in text
    assert 'File "_udf_code.py", line 7, in check\nValueError: not é\n in function RAISES with handler run' in text
    assert "worker" not in text
    assert service.ask("/statements")["statements"][-1]["error"] in text


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("def other(session): pass", "The body has no function 'run'."),
        ("def run(session) return 1", "SyntaxError"),
        ("def run(): return 1", "TypeError: run() takes 0 positional arguments but 1 was given"),
        ("def run(session): return {1, 2}", "set cannot be converted to VARIANT"),
        ("import sys\ndef run(session): sys.exit(3)", "SystemExit: 3"),
        ("class Own(Exception): pass\ndef run(session): raise Own('x')", "\n_udf_code.Own: x\n in function WRONG"),
        ("import httpx\ndef run(session): pass", "ModuleNotFoundError: No module named 'httpx'"),
        ("def run(session): import bridge.local", "ModuleNotFoundError: No module named 'bridge'"),
        ("def run(session): session.sql('SELECT * FROM NOWHERE').collect()", "Object 'NOWHERE' does not exist"),
    ],
)
def test_a_wrong_body_fails_when_it_is_called(connection: Any, body: str, told: str) -> None:
    create(connection, "WRONG()", body)

    assert told in failure_of(connection, "WRONG()")


def test_declared_packages_and_what_they_need_can_be_imported(connection: Any) -> None:
    body = """
        import dataclasses, requests, urllib3, yaml
        from snowflake.snowpark import functions

        @dataclasses.dataclass
        class Answer:
            names: "list[str]"

        def run(session):
            return dataclasses.asdict(Answer([requests.__name__, urllib3.__name__, yaml.__name__]))
    """
    create(connection, "IMPORTS()", body)

    assert called(connection, "IMPORTS()") == {"names": ["requests", "urllib3", "yaml"]}


def test_nothing_lasts_from_one_call_to_the_next(connection: Any) -> None:
    create(connection, "COUNTS()", "seen = []\ndef run(session):\n    seen.append(1)\n    return len(seen)")

    assert [called(connection, "COUNTS()") for _ in range(2)] == [1, 1]


def test_the_session_is_the_callers(service: SnowflakeService) -> None:
    connection = service.connect(role="someone", warehouse="small", user="anne")
    body = """
        def run(session, table):
            context = "SELECT CURRENT_USER(), CURRENT_ROLE(), CURRENT_WAREHOUSE(), CURRENT_SCHEMA()"
            found = session.sql(context).collect()
            rows = session.sql("INSERT INTO IDENTIFIER(?) SELECT ?", params=[table, "it's"]).collect()
            return [*found[0], rows[0][0], session.get_current_schema(), session.table(table).count()]
    """
    create(connection, "WORKS(name VARCHAR)", body)
    rows(connection, "CREATE OR REPLACE TABLE WRITTEN (A VARCHAR)")

    found = called(connection, "WORKS('WRITTEN')")

    assert found == ["ANNE", "SOMEONE", "SMALL", SCHEMA, 1, f'"{SCHEMA}"', 1]
    assert value(connection, "SELECT A FROM WRITTEN") == "it's"


@pytest.mark.parametrize(("rights", "schema"), [("OWNER", SCHEMA), ("CALLER", "ELSEWHERE")])
def test_the_owners_rights_bring_the_schema_of_the_procedure(
    service: SnowflakeService, connection: Any, rights: str, schema: str
) -> None:
    body = "def run(session): return session.sql('SELECT CURRENT_SCHEMA()').collect()[0][0]"
    create(connection, "WHERE_AM_I()", body, options=f"EXECUTE AS {rights}")
    elsewhere = service.connect(schema="ELSEWHERE")

    assert called(elsewhere, f"{DATABASE}.{SCHEMA}.WHERE_AM_I()") == schema
    assert value(elsewhere, "SELECT CURRENT_SCHEMA()") == "ELSEWHERE"


@pytest.mark.parametrize(("end", "count"), [("COMMIT", 2), ("ROLLBACK", 0)])
def test_a_procedure_works_in_the_transaction_of_its_caller(service: SnowflakeService, end: str, count: int) -> None:
    connection, other = service.connect(), service.connect()
    create(connection, "ADDS()", "def run(session): return session.sql('INSERT INTO SHARED SELECT 2').collect()[0][0]")
    rows(connection, "CREATE OR REPLACE TABLE SHARED (A INT)")
    rows(connection, "BEGIN")
    rows(connection, "INSERT INTO SHARED SELECT 1")

    assert called(connection, "ADDS()") == 1

    assert value(connection, "SELECT COUNT(*) FROM SHARED") == 2
    assert value(other, "SELECT COUNT(*) FROM SHARED") == 0
    rows(connection, end)
    assert value(other, "SELECT COUNT(*) FROM SHARED") == count


def test_a_failure_in_a_transaction_leaves_the_session_usable(service: SnowflakeService) -> None:
    connection = service.connect(schema="ELSEWHERE")
    create(connection, f"{SCHEMA}.FAILS()", "def run(session): session.sql('SELECT 1 FROM NOWHERE').collect()")
    rows(connection, "BEGIN")
    failure_of(connection, f"{SCHEMA}.FAILS()")
    rows(connection, "ROLLBACK")

    assert value(connection, "SELECT CURRENT_SCHEMA()") == "ELSEWHERE"


def test_a_procedure_may_call_procedures(connection: Any) -> None:
    create(connection, "INNER_ONE(a VARCHAR, o OBJECT, n VARCHAR DEFAULT NULL)", ECHO)
    body = """
        import json
        def run(session, depth):
            if depth:
                return json.loads(session.call("NESTED", depth - 1))
            bound = session.sql("CALL INNER_ONE(?, PARSE_JSON(?))", params=["x", '{"b": 2}']).collect()
            return [json.loads(one) for one in (session.call("INNER_ONE", "é'", {"a": [1, None]}, None), bound[0][0])]
    """
    create(connection, "NESTED(depth NUMBER)", body)

    assert called(connection, "NESTED(3)") == [
        [["str", "é'"], ["dict", {"a": [1, None]}], ["NoneType", None]],
        [["str", "x"], ["dict", {"b": 2}], ["NoneType", None]],
    ]


def test_many_calls_run_at_the_same_time(service: SnowflakeService, connection: Any) -> None:
    create(connection, "LEAF(a NUMBER)", "def run(session, a): return a")
    body = """
        import json
        def run(session, a):
            return json.loads(session.call("LEAF", a)) + session.sql("SELECT 100").collect()[0][0]
    """
    create(connection, "BUSY(a NUMBER)", body)
    connections = [service.connect() for _ in range(12)]

    with ThreadPoolExecutor(len(connections)) as threads:
        found = list(threads.map(lambda n: called(connections[n], f"BUSY({n})"), range(len(connections))))

    assert found == [100 + n for n in range(12)]


def test_null_arguments_of_a_strict_procedure_are_answered_with_null(connection: Any) -> None:
    create(connection, "CAREFUL(a VARCHAR)", "def run(session, a): return 'ran'", options="STRICT")

    assert value(connection, "CALL CAREFUL(NULL)") is None
    assert called(connection, "CAREFUL('x')") == "ran"


def test_a_procedure_is_described(connection: Any) -> None:
    create(connection, "TOLD(a VARCHAR, n NUMBER(10,2) DEFAULT 1.5)", ECHO, options="COMMENT = 'says'")

    found = dict(rows(connection, "DESCRIBE PROCEDURE TOLD(STRING, INT)"))

    assert found["signature"] == "(A VARCHAR, N NUMBER)"
    assert (found["returns"], found["language"], found["handler"]) == ("VARIANT", "PYTHON", "run")
    assert found["comment"] == "says"
    with refused(2003):
        rows(connection, "DESCRIBE PROCEDURE TOLD(STRING)")


def test_faults_are_made_of_calls_as_well(service: SnowflakeService, connection: Any) -> None:
    create(connection, "DISTURBED()", "def run(session): return 1")
    late = service.plan("delay", match={"verb": "CALL"}, seconds=0.05)
    fault = service.plan("error", match={"sql": "DISTURBED()", "verb": "CALL"}, code=604)

    with refused(604):
        rows(connection, "CALL DISTURBED()")

    assert (service.struck(late), service.struck(fault)) == (1, 1)
    assert called(connection, "DISTURBED()") == 1


def test_calls_are_counted_by_their_names(service: SnowflakeService, connection: Any) -> None:
    create(connection, "COUNTED()", "def run(session): return 1")
    called(connection, "COUNTED()")

    assert service.ask("/statements")["counts"]["CALL COUNTED"] == 1


def test_a_handler_that_ends_its_process_fails_and_the_next_one_runs(connection: Any) -> None:
    create(connection, "ENDS()", "import os\ndef run(session): os._exit(1)")
    create(connection, "LIVES_ON()", "def run(session): return 1")

    assert "The process that runs procedures ended" in failure_of(connection, "ENDS()")
    assert called(connection, "LIVES_ON()") == 1


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_process_of_the_handlers_ends_with_the_emulator(how: str) -> None:
    with SnowflakeService() as service:
        connection = service.connect()
        create(connection, "PID()", "import os\ndef run(session): return os.getpid()")
        process = called(connection, "PID()")
        os.kill(process, 0)
        connection.close()
        getattr(service._process, how)()

    def is_gone() -> bool:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        return False

    assert eventually(is_gone)
