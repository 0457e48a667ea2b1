"""Append-only streams on the laptop's Snowflake: read by anybody, consumed by DML, all or nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.emulators.snowflake_service import SnowflakeService, refused, rows, value
from tests.eventually import eventually

CONSUME = "INSERT INTO TAKEN (A) SELECT A FROM CHANGES"


@pytest.fixture(scope="module")
def service() -> Iterator[SnowflakeService]:
    with SnowflakeService() as running:
        yield running


@pytest.fixture(scope="module")
def opened(service: SnowflakeService) -> Any:
    return service.connect()


@pytest.fixture
def connection(opened: Any) -> Any:
    """A stream CHANGES on the table SOURCE, which has one row from before, and an empty table TAKEN."""
    rows(opened, "CREATE OR REPLACE TABLE SOURCE (A INT, B VARCHAR)")
    rows(opened, "CREATE OR REPLACE TABLE TAKEN (A INT, B VARCHAR)")
    rows(opened, "INSERT INTO SOURCE VALUES (0, 'old')")
    rows(opened, "CREATE OR REPLACE STREAM CHANGES ON TABLE SOURCE APPEND_ONLY = TRUE COMMENT = 'x'")
    return opened


def insert(connection: Any, *numbers: int) -> None:
    for number in numbers:
        rows(connection, "INSERT INTO SOURCE SELECT ?, 'new'", [number])


def pending(connection: Any) -> list[int]:
    return [number for (number,) in rows(connection, "SELECT A FROM CHANGES ORDER BY A")]


def taken(connection: Any) -> list[int]:
    return [number for (number,) in rows(connection, "SELECT A FROM TAKEN ORDER BY A")]


def has_data(connection: Any) -> Any:
    return value(connection, "SELECT SYSTEM$STREAM_HAS_DATA('ml_bridge.changes')")


def test_reading_a_stream_shows_what_was_inserted_and_moves_nothing(connection: Any) -> None:
    assert (pending(connection), has_data(connection)) == ([], False)
    insert(connection, 1, 2)

    assert has_data(connection) is True
    assert pending(connection) == pending(connection) == [1, 2]
    found = rows(
        connection, 'SELECT c.A, "METADATA$ACTION", METADATA$ISUPDATE FROM LAPTOP.ML_BRIDGE.CHANGES c ORDER BY 1'
    )
    assert found == [(1, "INSERT", False), (2, "INSERT", False)]
    assert value(connection, "SELECT COUNT(DISTINCT METADATA$ROW_ID) FROM CHANGES") == 2
    assert value(connection, "SELECT COUNT(*) FROM CHANGES JOIN SOURCE ON CHANGES.A = SOURCE.A") == 2
    assert value(connection, "WITH CHANGES AS (SELECT 7 AS A) SELECT A FROM CHANGES") == 7


@pytest.mark.parametrize(
    "dml",
    [
        "INSERT INTO TAKEN SELECT A, B FROM CHANGES",
        "INSERT INTO TAKEN WITH c AS (SELECT * FROM CHANGES) SELECT A, B FROM c",
        "CREATE OR REPLACE TABLE TAKEN AS SELECT A, B FROM CHANGES",
        "MERGE INTO TAKEN t USING CHANGES c ON t.A = c.A WHEN NOT MATCHED THEN INSERT (A, B) VALUES (c.A, c.B)",
    ],
)
def test_dml_that_reads_a_stream_moves_its_offset(connection: Any, dml: str) -> None:
    insert(connection, 1, 2)

    rows(connection, dml)

    assert (taken(connection), pending(connection), has_data(connection)) == ([1, 2], [], False)
    insert(connection, 3)
    assert pending(connection) == [3]


def test_updates_and_deletes_that_read_a_stream_consume_it_as_well(connection: Any) -> None:
    rows(connection, "INSERT INTO TAKEN VALUES (1, 'x'), (2, 'y')")
    insert(connection, 1)
    rows(connection, "UPDATE TAKEN SET B = CHANGES.B FROM CHANGES WHERE TAKEN.A = CHANGES.A")
    assert rows(connection, "SELECT B FROM TAKEN ORDER BY A") == [("new",), ("y",)]
    assert pending(connection) == []

    insert(connection, 2)
    rows(connection, "DELETE FROM TAKEN WHERE A IN (SELECT A FROM CHANGES)")
    assert (taken(connection), pending(connection)) == ([1], [])


def test_a_filter_does_not_keep_rows_for_later(connection: Any) -> None:
    insert(connection, 1, 2)
    rows(connection, f"{CONSUME} WHERE A = 1")

    assert (taken(connection), pending(connection)) == ([1], [])


def test_dml_that_fails_leaves_the_offset(connection: Any) -> None:
    insert(connection, 1)
    with refused(100038):
        rows(connection, "INSERT INTO TAKEN (A) SELECT B::INT FROM CHANGES")

    assert (taken(connection), pending(connection)) == ([], [1])


@pytest.mark.parametrize(("end", "left"), [("COMMIT", []), ("ROLLBACK", [1])])
def test_the_offset_moves_with_the_transaction(connection: Any, end: str, left: list[int]) -> None:
    insert(connection, 1)
    rows(connection, "BEGIN")
    rows(connection, CONSUME)
    rows(connection, end)

    assert pending(connection) == left
    assert taken(connection) == ([1] if end == "COMMIT" else [])


def test_without_autocommit_the_offset_waits_for_the_commit(service: SnowflakeService, connection: Any) -> None:
    insert(connection, 1)
    manual = service.connect(autocommit=False)
    rows(manual, CONSUME)
    manual.rollback()
    assert pending(connection) == [1]

    rows(manual, CONSUME)
    manual.commit()
    assert (taken(connection), pending(connection)) == ([1], [])


def test_rows_of_an_open_transaction_come_after_its_commit(service: SnowflakeService, connection: Any) -> None:
    other = service.connect()
    rows(other, "BEGIN")
    insert(other, 1)
    insert(connection, 2)
    assert (pending(other), pending(connection)) == ([], [2])
    rows(connection, CONSUME)
    rows(other, "COMMIT")

    assert (taken(connection), pending(connection)) == ([2], [1])


def test_two_consumers_at_one_time_take_each_row_once(service: SnowflakeService, connection: Any) -> None:
    others = [service.connect() for _ in range(4)]

    def work(place: int) -> None:
        for number in range(5):
            rows(others[place], "INSERT INTO SOURCE SELECT ?, 'new'", [place * 10 + number + 1])
            rows(others[place], CONSUME)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))

    rows(connection, CONSUME)
    assert taken(connection) == sorted(place * 10 + number + 1 for place in range(4) for number in range(5))


def test_initial_rows_are_shown_on_demand_and_each_stream_has_its_own_offset(connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE STREAM ALL_ROWS ON TABLE SOURCE APPEND_ONLY = TRUE SHOW_INITIAL_ROWS = TRUE")
    insert(connection, 1)
    rows(connection, CONSUME)

    assert rows(connection, "SELECT A FROM ALL_ROWS ORDER BY A") == [(0,), (1,)]
    assert pending(connection) == []


def test_a_reset_leaves_nothing_to_read(service: SnowflakeService, connection: Any) -> None:
    insert(connection, 1)
    service.tell("/reset")

    assert pending(connection) == []
    insert(connection, 2)
    assert pending(connection) == [2]


def test_a_task_consumes_a_stream_only_when_it_has_data(service: SnowflakeService, connection: Any) -> None:
    rows(connection, f"CREATE OR REPLACE TASK TAKE WHEN SYSTEM$STREAM_HAS_DATA('CHANGES') AS {CONSUME}")

    def states() -> list[str]:
        return [run["graph_state"] for task in service.ask("/tasks") for run in task["runs"]]

    rows(connection, "EXECUTE TASK TAKE")
    eventually(lambda: states() == ["SKIPPED"])
    insert(connection, 1)
    rows(connection, "EXECUTE TASK TAKE")
    eventually(lambda: states() == ["SKIPPED", "SUCCEEDED"])
    assert (taken(connection), pending(connection)) == ([1], [])


@pytest.mark.parametrize(
    "clause", ["ON TABLE SOURCE", "ON VIEW SEEN APPEND_ONLY = TRUE", "ON TABLE SOURCE AT (OFFSET => -60)"]
)
def test_a_stream_of_another_kind_is_recorded_and_cannot_be_read(
    service: SnowflakeService, connection: Any, clause: str
) -> None:
    rows(connection, "CREATE OR REPLACE VIEW SEEN AS SELECT * FROM SOURCE")
    rows(connection, f"CREATE OR REPLACE STREAM OTHER {clause}")

    assert service.ask("/no-ops")[-1]["kind"] == "CREATE STREAM"
    for sql in (
        "SELECT * FROM OTHER",
        "INSERT INTO TAKEN SELECT A, B FROM OTHER",
        "SELECT SYSTEM$STREAM_HAS_DATA('OTHER')",
    ):
        with refused(2):
            rows(connection, sql)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("CREATE STREAM CHANGES ON TABLE SOURCE APPEND_ONLY = TRUE", 2002),
        ("CREATE STREAM S ON TABLE NOWHERE APPEND_ONLY = TRUE", 2003),
        ("DROP STREAM NO_STREAM", 2003),
        ("SELECT SYSTEM$STREAM_HAS_DATA('NO_STREAM')", 2003),
        ("CREATE VIEW V AS SELECT * FROM CHANGES", 2),
    ],
)
def test_what_snowflake_refuses_of_streams_is_refused(connection: Any, sql: str, code: int) -> None:
    with refused(code):
        rows(connection, sql)


def test_a_dropped_stream_or_table_cannot_be_read_any_more(connection: Any) -> None:
    rows(connection, "CREATE OR REPLACE TABLE SOURCE (A INT, B VARCHAR)")
    with refused(2003):
        rows(connection, "SELECT * FROM CHANGES")

    rows(connection, "DROP STREAM CHANGES")
    rows(connection, "DROP STREAM IF EXISTS CHANGES")
    with refused(2003):
        rows(connection, "SELECT * FROM CHANGES")
