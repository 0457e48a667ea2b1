"""External functions from SQL to HTTP and back: real connector, emulator, a far end that the test plays."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError
from starlette.responses import JSONResponse, Response

from tests.emulators.far_end import BATCH_ID, QUERY_ID, Call, FarEnd, echo
from tests.emulators.snowflake_service import SnowflakeService, refused, rows, value

PUBLIC = "https://laptop.azure-api.net/aml"
SUBMIT_RUN = "pipeline VARCHAR, inputs OBJECT, idempotency_key VARCHAR"


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[SnowflakeService, FarEnd]]:
    with FarEnd() as far_end:
        mapping = f"{PUBLIC}=>http://127.0.0.1:{far_end.port}/api"
        options = ("--url-map", mapping, "--header", "x-functions-key=secret", "--external-function-timeout", "3")
        with SnowflakeService(*options) as service:
            yield service, far_end


@pytest.fixture
def service(running: tuple[SnowflakeService, FarEnd]) -> SnowflakeService:
    return running[0]


@pytest.fixture
def far_end(running: tuple[SnowflakeService, FarEnd]) -> FarEnd:
    running[1].begin()
    return running[1]


@pytest.fixture(scope="module")
def connection(running: tuple[SnowflakeService, FarEnd]) -> Any:
    return running[0].connect(role="analyst")


def create(connection: Any, name: str, arguments: str, returns: str = "VARIANT", options: str = "") -> None:
    rows(
        connection,
        f"CREATE OR REPLACE SECURE EXTERNAL FUNCTION {name}({arguments}) RETURNS {returns} VOLATILE "
        f"API_INTEGRATION = ML_BRIDGE_API {options} AS '{PUBLIC}/v1/snowflake/{name}'",
    )


def first_arguments(far_end: FarEnd) -> Any:
    return far_end.calls[0].data[0][1:]


@pytest.mark.parametrize(
    ("inputs", "sent"),
    [
        ("OBJECT_CONSTRUCT_KEEP_NULL('a', 1, 'b', NULL)", {"a": 1, "b": None}),
        ("{'a': 1, 'b': NULL, 'C': {'d': [1, {'e': 'f'}]}}", {"a": 1, "C": {"d": [1, {"e": "f"}]}}),
        ('PARSE_JSON(\'{"n": 12345678901234567890, "t": "it\'\'s (é"}\')', {"n": 12345678901234567890, "t": "it's (é"}),
        ("OBJECT_CONSTRUCT('x', UPPER(CONCAT('a', ')')), 'y', ARRAY_CONSTRUCT(1, NULL))", {"x": "A)", "y": [1, None]}),
        ("NULL", None),
    ],
)
def test_objects_arrive_as_nested_json(connection: Any, far_end: FarEnd, inputs: str, sent: Any) -> None:
    create(connection, "submit_run", SUBMIT_RUN)

    answer = value(connection, f"SELECT submit_run('p', {inputs}, NULL)")

    assert first_arguments(far_end) == ["p", sent, None]
    assert json.loads(answer) == {"run_id": "r0", "args": ["p", sent, None]}


@pytest.mark.parametrize(
    "call",
    [
        "submit_run('p', {}, 'k')",
        "Ml_Bridge.Submit_Run('p', {}, 'k')",
        "LAPTOP.ML_BRIDGE.\"SUBMIT_RUN\"('p', {}, 'k')",
        "submit_run(idempotency_key => 'k', inputs => {}, pipeline => 'p')",
    ],
)
def test_a_function_is_found_by_any_of_its_names(connection: Any, far_end: FarEnd, call: str) -> None:
    create(connection, "submit_run", SUBMIT_RUN)

    assert value(connection, f"SELECT {call}:run_id::VARCHAR") == "r0"
    assert first_arguments(far_end) == ["p", {}, "k"]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("submit_run('p', {})", 1044),
        ("submit_run('p', '{}', NULL)", 1044),
        ("OTHER_SCHEMA.submit_run('p', {}, NULL)", 2140),
        ("submit_runs('p', {}, NULL)", 2140),
    ],
)
def test_a_call_that_fits_no_function_is_refused(connection: Any, far_end: FarEnd, call: str, code: int) -> None:
    create(connection, "submit_run", SUBMIT_RUN)

    with refused(code):
        rows(connection, f"SELECT {call}")

    assert not far_end.calls


def test_the_headers_are_snowflakes(connection: Any, far_end: FarEnd) -> None:
    create(
        connection,
        "submit_run",
        SUBMIT_RUN,
        "VARIANT NOT NULL",
        "HEADERS = ('bridge-api' = '1') CONTEXT_HEADERS = (CURRENT_ACCOUNT, CURRENT_ROLE, CURRENT_USER)",
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT submit_run('p', {}, NULL)")
        query_id = cursor.sfqid

    headers = far_end.calls[0].headers
    assert headers[QUERY_ID] == query_id
    assert headers[BATCH_ID].startswith(query_id)
    assert headers["sf-external-function-format"] == "json"
    assert headers["sf-external-function-format-version"] == "1.0"
    assert headers["sf-external-function-name"] == "SUBMIT_RUN"
    assert headers["sf-external-function-signature"] == "(PIPELINE VARCHAR, INPUTS OBJECT, IDEMPOTENCY_KEY VARCHAR)"
    assert headers["sf-external-function-return-type"] == "VARIANT"
    assert headers["sf-custom-bridge-api"] == "1"
    assert (headers["sf-context-current-role"], headers["sf-context-current-user"]) == ("ANALYST", "LAPTOP")
    assert headers["x-functions-key"] == "secret"
    assert headers["content-type"] == "application/json"


def test_every_type_goes_out_without_loss(connection: Any, far_end: FarEnd) -> None:
    create(
        connection, "kinds", "n NUMBER(38,0), d NUMBER(10,2), f FLOAT, b BOOLEAN, a ARRAY, v VARIANT, t TIMESTAMP_TZ"
    )

    rows(
        connection,
        "SELECT kinds(12345678901234567890123456789012345678, 1.5, 2.5, TRUE, ARRAY_CONSTRUCT(1, 'x'), 'text', "
        "'2026-11-20T01:02:03.456+01:00')",
    )

    expected = '[0,12345678901234567890123456789012345678,1.50,2.5,true,[1,"x"],"text","2026-11-20 00:02:03.456 +0000"]'
    assert far_end.calls[0].text == '{"data":[' + expected + "]}"


@pytest.mark.parametrize(
    ("returns", "answered", "expected"),
    [
        ("VARCHAR", "text é", "text é"),
        ("NUMBER(10,0)", 42, 42),
        ("BOOLEAN", False, False),
        ("VARIANT", None, None),
        ("VARIANT", [1], "[1]"),
    ],
)
def test_every_type_comes_back(
    connection: Any, far_end: FarEnd, returns: str, answered: object, expected: object
) -> None:
    create(connection, "answers", "", returns)
    far_end.handle = lambda call: JSONResponse({"data": [[row[0], answered] for row in call.data]})

    assert value(connection, "SELECT answers()") == expected


def test_rows_of_a_table_go_out_in_batches_of_their_own(connection: Any, far_end: FarEnd) -> None:
    create(connection, "submit_run", SUBMIT_RUN, options="MAX_BATCH_ROWS = 2")
    rows(connection, "CREATE OR REPLACE TABLE WANTED AS SELECT column1 AS P, column2 AS N FROM VALUES "
                     "('a', 1), ('b', NULL), ('c', 3)")  # fmt: skip

    found = rows(connection, "SELECT P, submit_run(P, {'n': N}, P || '-1'):args[1] FROM WANTED ORDER BY P")

    assert [(name, json.loads(inputs)) for name, inputs in found] == [("a", {"n": 1}), ("b", {}), ("c", {"n": 3})]
    assert [len(call.data) for call in far_end.calls] == [2, 1]
    assert len({call.headers[BATCH_ID] for call in far_end.calls}) == 2
    assert len({call.headers[QUERY_ID] for call in far_end.calls}) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE OR REPLACE TABLE KEPT_ANSWERS AS SELECT submit_run('p', {}, NULL) AS R",
        "INSERT INTO KEPT_ANSWERS SELECT submit_run('p', {}, NULL)",
        "CREATE OR REPLACE TABLE KEPT_ANSWERS AS WITH x AS (SELECT submit_run('p', {}, NULL) AS R) SELECT R FROM x",
    ],
)
def test_answers_can_be_kept_in_a_table(connection: Any, far_end: FarEnd, statement: str) -> None:
    create(connection, "submit_run", SUBMIT_RUN)
    rows(connection, "CREATE OR REPLACE TABLE KEPT_ANSWERS (R VARIANT)")

    rows(connection, statement)

    assert len(far_end.calls) == 1
    assert value(connection, "SELECT R:run_id::VARCHAR FROM KEPT_ANSWERS") == "r0"


def test_binds_are_arguments_too(connection: Any, far_end: FarEnd) -> None:
    create(connection, "submit_run", SUBMIT_RUN)

    rows(connection, "SELECT submit_run(?, PARSE_JSON(?), ?)", ["p", '{"a": [1]}', None])

    assert first_arguments(far_end) == ["p", {"a": [1]}, None]


@pytest.mark.parametrize("compression", ["GZIP", "DEFLATE"])
def test_a_body_is_compressed_when_asked(connection: Any, far_end: FarEnd, compression: str) -> None:
    create(connection, "packed", "v VARIANT", options=f"COMPRESSION = {compression}")

    rows(connection, "SELECT packed({'a': 1})")

    assert far_end.calls[0].headers["content-encoding"] == compression.lower()
    assert first_arguments(far_end) == [{"a": 1}]


def test_a_202_is_polled_at_the_same_address_with_the_same_batch_id(connection: Any, far_end: FarEnd) -> None:
    def working_twice(call: Call) -> Response:
        return echo(far_end.calls[0]) if len(far_end.calls) > 2 else Response(status_code=202)

    create(connection, "run_and_wait", "v VARIANT")
    far_end.handle = working_twice

    assert json.loads(value(connection, "SELECT run_and_wait({'a': 1})")) == {"run_id": "r0", "args": [{"a": 1}]}
    assert [call.method for call in far_end.calls] == ["POST", "GET", "GET"]
    assert len({(call.path, call.headers[BATCH_ID]) for call in far_end.calls}) == 1
    assert far_end.calls[1].text == ""
    assert "content-type" not in far_end.calls[1].headers


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_trouble_is_retried_with_the_same_batch_id(connection: Any, far_end: FarEnd, status: int) -> None:
    create(connection, "flaky", "v VARIANT")
    far_end.handle = lambda call: echo(call) if len(far_end.calls) > 1 else Response(status_code=status)

    rows(connection, "SELECT flaky(1)")

    assert [call.method for call in far_end.calls] == ["POST", "POST"]
    assert len({call.headers[BATCH_ID] for call in far_end.calls}) == 1


def test_a_refusal_fails_the_query_at_once_with_its_words(connection: Any, far_end: FarEnd) -> None:
    create(connection, "refusing", "v VARIANT")
    far_end.handle = lambda _: Response("no such pipeline", status_code=400)
    words = "external function REFUSING with remote service error: 400 'no such pipeline'; requests batch-id: "

    with pytest.raises(ProgrammingError, match=words) as error:
        rows(connection, "SELECT refusing(1)")

    assert (error.value.errno, error.value.sqlstate) == (100351, "P0000")
    assert len(far_end.calls) == 1


def test_lasting_trouble_fails_the_query_in_the_end(connection: Any, far_end: FarEnd) -> None:
    create(connection, "broken", "v VARIANT")
    far_end.handle = lambda _: Response("down", status_code=503)

    with refused(100351):
        rows(connection, "SELECT broken(1)")

    assert len(far_end.calls) > 2


def test_row_numbers_out_of_order_fail_the_query(connection: Any, far_end: FarEnd) -> None:
    create(connection, "disorderly", "v VARIANT")
    far_end.handle = lambda _: JSONResponse({"data": [[1, "b"], [0, "a"]]})

    with refused(100350):
        rows(connection, "SELECT disorderly(column1) FROM VALUES (1), (2)")


def test_an_address_without_a_mapping_is_not_called(connection: Any, service: SnowflakeService) -> None:
    sql = "CREATE OR REPLACE EXTERNAL FUNCTION {0}(v VARIANT) RETURNS VARIANT API_INTEGRATION = a AS '{1}'"
    rows(connection, sql.format("away", "https://elsewhere.azure-api.net/f"))

    with refused(100350):
        rows(connection, "SELECT away(1)")


def test_a_mapping_can_be_added_while_it_runs(connection: Any, service: SnowflakeService, far_end: FarEnd) -> None:
    sql = "CREATE OR REPLACE EXTERNAL FUNCTION late(v VARIANT) RETURNS VARIANT API_INTEGRATION = a AS '{}'"
    rows(connection, sql.format("https://late.azure-api.net/f/g"))
    target = f"http://127.0.0.1:{far_end.port}/api/late"
    service.tell("/url-map", {"from": "https://late.azure-api.net/f", "to": target, "headers": {"x-key": "k"}})

    rows(connection, "SELECT late(1)")

    assert (far_end.calls[0].path, far_end.calls[0].headers["x-key"]) == ("/api/late/g", "k")
    assert {"from": "https://late.azure-api.net/f", "to": target, "headers": ["x-key"]} in service.ask("/url-map")


def test_a_view_calls_the_function_as_it_is_now(connection: Any, far_end: FarEnd) -> None:
    create(connection, "seen", "v VARIANT", options="HEADERS = ('version' = '1')")
    rows(connection, "CREATE OR REPLACE VIEW CALLING AS SELECT seen(1):run_id::VARCHAR AS R")
    create(connection, "seen", "v VARIANT", options="HEADERS = ('version' = '2')")
    with connection.cursor() as cursor:
        cursor.execute("SELECT R FROM CALLING")
        query_id = cursor.sfqid

    headers = far_end.calls[0].headers
    assert (headers["sf-custom-version"], headers[QUERY_ID]) == ("2", query_id)


def test_strict_functions_are_not_asked_about_nulls(connection: Any, far_end: FarEnd) -> None:
    create(connection, "strict_one", "v VARCHAR", "VARIANT RETURNS NULL ON NULL INPUT")

    found = rows(connection, "SELECT strict_one(column1):args[0]::VARCHAR FROM VALUES ('a'), (NULL), ('c')")

    assert found == [("a",), (None,), ("c",)]
    assert far_end.calls[0].data == [[0, "a"], [1, "c"]]


def test_a_function_exists_once_and_can_be_dropped(connection: Any, service: SnowflakeService) -> None:
    sql = f"CREATE EXTERNAL FUNCTION once() RETURNS VARIANT API_INTEGRATION = a AS '{PUBLIC}/once'"
    rows(connection, sql)

    with refused(2002):
        rows(connection, sql)
    assert "LAPTOP.ML_BRIDGE.ONCE" in [function["name"] for function in service.ask("/external-functions")]
    rows(connection, "DROP FUNCTION once()")
    with refused(2140):
        rows(connection, "SELECT once()")


def test_the_far_end_may_write_to_the_same_database_while_the_query_waits(
    connection: Any, service: SnowflakeService, far_end: FarEnd
) -> None:
    rows(connection, "CREATE OR REPLACE TABLE WRITTEN (WHO VARCHAR)")
    create(connection, "submit_run", SUBMIT_RUN, options="MAX_BATCH_ROWS = 1")
    writer = service.connect()

    def writing(call: Call) -> Response:
        for row in call.data:
            rows(writer, "INSERT INTO WRITTEN SELECT ?", [f"far end of {row[1]}"])
        return echo(call)

    far_end.handle = writing
    rows(
        connection, "INSERT INTO WRITTEN SELECT submit_run(column1, {}, NULL):args[0]::VARCHAR FROM VALUES ('a'), ('b')"
    )

    found = rows(connection, "SELECT WHO FROM WRITTEN ORDER BY WHO")
    assert found == [("a",), ("b",), ("far end of a",), ("far end of b",)]


def test_sessions_call_side_by_side_with_their_own_query_ids(service: SnowflakeService, far_end: FarEnd) -> None:
    connections = [service.connect(role=f"role{number}") for number in range(4)]
    create(connections[0], "who", "v VARIANT", options="CONTEXT_HEADERS = (CURRENT_ROLE)")

    def ask(number: int) -> str:
        with connections[number].cursor() as cursor:
            cursor.execute("SELECT who(?)", [number])
            return str(cursor.sfqid)

    with ThreadPoolExecutor(4) as threads:
        query_ids = list(threads.map(ask, range(4)))

    called = {call.data[0][1]: call.headers for call in far_end.calls}
    for number, query_id in enumerate(query_ids):
        headers = called[number]
        assert (headers[QUERY_ID], headers["sf-context-current-role"]) == (query_id, f"ROLE{number}")
