"""The ledger's tables over time: what is deployed is never made again, only added to."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.adapters.snowflake import STATEMENTS
from tests.emulators.snowflake_service import SnowflakeService, rows, value
from tests.sql.ledger_scripts import MIGRATIONS, run, schema

#: Of every migration that has been released. A line is added with each release, and no line ever changes.
RELEASED = {
    "V001__ledger.sql": "83f0ee8a52988eed3683c3f9e6e5d6d2a579bd6b04bba21f7b5d57aa9b26b7ac",
    "V002__doors_and_outbox.sql": "fa589aba9fe5f98cbd3e53f78d7863b92937a0c0d62235f370e849e5d4bfca5a",
}
COLUMNS = """
    SELECT TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, DATA_TYPE, COLUMN_DEFAULT, IS_NULLABLE
    FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = CURRENT_SCHEMA() ORDER BY 1, 2
"""
TABLES = "SELECT TABLE_NAME, COMMENT FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = CURRENT_SCHEMA() ORDER BY 1"
#: A row of each table of the first version, by columns of that version only.
FIRST_ROWS = {
    "RUN_EVENTS": "(EVENT_ID, RUN_ID, IS_JOB_FACT, ATTEMPT, STATUS, RANK, OCCURRED_AT)"
    " SELECT 'e-1', 'r-1', FALSE, 1, 'ACCEPTED', 20, CAST('2026-11-20 10:00:00Z' AS TIMESTAMP_TZ)",
    "AML_EVENTS": "(ID, EVENT_TYPE, DATA) SELECT 'e-1', 't', PARSE_JSON('{\"a\": 1}')",
    "DEAD_LETTERS": "(DEAD_LETTER_ID, QUEUE, BODY) SELECT 'd-1', 'inbound-events', '{'",
    "RULE_ACTIONS": "(ACTION_ID, RULE) SELECT 'a-1', 'retrain'",
}


@pytest.fixture(scope="module")
def service() -> Iterator[SnowflakeService]:
    with SnowflakeService() as running:
        yield running


@pytest.fixture(scope="module")
def empty(service: SnowflakeService) -> Any:
    """Every migration, once, on nothing."""
    return schema(service, "FROM_EMPTY", MIGRATIONS)


@pytest.fixture(scope="module")
def upgraded(service: SnowflakeService) -> Any:
    """The first version with rows in it, and then every migration, twice."""
    connection = schema(service, "UPGRADED", MIGRATIONS[:1])
    for table, row in FIRST_ROWS.items():
        rows(connection, f"INSERT INTO {table} {row}")
    run(connection, MIGRATIONS)
    run(connection, MIGRATIONS)
    return connection


def shape(connection: Any) -> list[Any]:
    return [*rows(connection, TABLES), *rows(connection, COLUMNS)]


def test_a_released_migration_never_changes() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in MIGRATIONS}

    for name, digest in RELEASED.items():
        assert found.get(name) == digest, (
            f"sql/migrations/{name} has been deployed and may not change: tables that exist would never see the change."
            f" Undo it, and write the next migration instead, V{len(MIGRATIONS) + 1:03d}__what_it_adds.sql."
        )


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [path.name[:4] for path in MIGRATIONS] == [f"V{number:03d}" for number in range(1, len(MIGRATIONS) + 1)]


def test_an_upgraded_ledger_is_like_a_new_one(empty: Any, upgraded: Any) -> None:
    assert shape(upgraded) == shape(empty)


def test_an_upgrade_keeps_every_row(upgraded: Any) -> None:
    counts = {table: value(upgraded, f"SELECT COUNT(*) FROM {table}") for table in FIRST_ROWS}  # noqa: S608

    assert counts == dict.fromkeys(FIRST_ROWS, 1)
    assert rows(upgraded, "SELECT BODY, DOOR FROM DEAD_LETTERS") == [("{", None)]
    assert rows(upgraded, "SELECT RUN_ID, STATUS FROM RUN_EVENTS") == [("r-1", "ACCEPTED")]


def test_the_second_version_has_what_doors_need(empty: Any) -> None:
    found = {(row[0], row[2]): row[3:] for row in rows(empty, COLUMNS)}

    assert found["DEAD_LETTERS", "DOOR"] == ("TEXT", None, "YES")
    assert [name for table, name in found if table == "RUN_REQUESTS"] == [
        "REQUEST_KEY", "PIPELINE", "INPUTS", "REQUESTED_AT", "ANSWER", "ANSWERED_AT",
    ]  # fmt: skip
    assert [name for table, name in found if table == "HAND_OVERS"] == [
        "RUN_ID", "PIPELINE", "EXPORTED_AT", "LOADED_AT", "ROWS_LOADED", "TRIES",
    ]  # fmt: skip
    assert found["RUN_REQUESTS", "REQUESTED_AT"][1] is not None
    assert found["RUN_REQUESTS", "REQUEST_KEY"][2] == "NO"


def test_the_third_version_has_what_rules_need(empty: Any) -> None:
    found = {(row[0], row[2]): row[3:] for row in rows(empty, COLUMNS)}

    for name in ("DECISION_ID", "EVENT_TYPE", "STATUS", "CORRELATION_ID"):
        assert found["RULE_ACTIONS", name] == ("TEXT", None, "YES")
    assert found["AML_EVENTS", "CORRELATION_ID"] == ("TEXT", None, "YES")
    assert dict(rows(empty, TABLES))["RULE_ACTIONS"] == (
        "What each rule made of each event, and what came of it, row by row"
    )


def test_an_app_of_the_first_version_can_go_on_writing(service: SnowflakeService) -> None:
    """Migrations run before the app is deployed."""
    migrated = schema(service, "MIGRATED", MIGRATIONS)

    for table, row in FIRST_ROWS.items():
        rows(migrated, f"INSERT INTO {table} {row}")

    assert rows(migrated, "SELECT BODY, DOOR FROM DEAD_LETTERS") == [("{", None)]


def test_an_app_of_the_second_version_can_go_on_writing_events(empty: Any) -> None:
    rows(empty, "INSERT INTO AML_EVENTS (ID, EVENT_TYPE, SUBJECT, DOOR) SELECT 'e-9', 't', 's', 'custom'")

    assert rows(empty, "SELECT DOOR, CORRELATION_ID FROM AML_EVENTS WHERE ID = 'e-9'") == [("custom", None)]


def test_the_app_writes_the_door_of_a_dead_letter(empty: Any) -> None:
    letter = {"dead_letter_id": "d-3", "queue": "inbound-events", "door": "custom"}

    rows(empty, STATEMENTS["insert_dead_letters"], [json.dumps([letter])])

    assert rows(empty, "SELECT QUEUE, DOOR FROM DEAD_LETTERS WHERE DEAD_LETTER_ID = 'd-3'") == [
        ("inbound-events", "custom")
    ]
