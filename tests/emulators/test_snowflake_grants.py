"""Grants: said by SHOW GRANTS, and asked for when a user who was made here logs in."""

from collections.abc import Iterator
from typing import Any

import pytest
from snowflake.connector import errors

from tests.emulators.snowflake_service import SnowflakeService


@pytest.fixture(scope="module")
def cursor() -> Iterator[Any]:
    with SnowflakeService() as service:
        cursor = service.connect(role="SHOWN").cursor()
        cursor.service = service
        yield cursor


def held(cursor: Any, role: str) -> set[tuple[str, str, str]]:
    return {(row[1], row[2], row[3]) for row in cursor.execute(f"SHOW GRANTS TO ROLE {role}").fetchall()}


def test_what_is_granted_is_shown_with_full_names_until_it_is_taken_away(cursor: Any) -> None:
    cursor.execute("GRANT SELECT, INSERT ON TABLE T TO ROLE R1")
    cursor.execute("GRANT USAGE ON SCHEMA ML_BRIDGE TO ROLE R1")
    cursor.execute("GRANT USAGE ON WAREHOUSE wh TO ROLE R1")
    cursor.execute("GRANT ROLE R2 TO ROLE R1")
    assert held(cursor, "R1") == {
        ("SELECT", "TABLE", "LAPTOP.ML_BRIDGE.T"),
        ("INSERT", "TABLE", "LAPTOP.ML_BRIDGE.T"),
        ("USAGE", "SCHEMA", "LAPTOP.ML_BRIDGE"),
        ("USAGE", "WAREHOUSE", "WH"),
        ("USAGE", "ROLE", "R2"),
    }

    cursor.execute("REVOKE INSERT ON TABLE LAPTOP.ML_BRIDGE.T FROM ROLE r1")
    cursor.execute("REVOKE ROLE R2 FROM ROLE R1")

    assert {privilege for privilege, _, _ in held(cursor, "R1")} == {"SELECT", "USAGE"}
    assert len(held(cursor, "R1")) == 3


def test_the_sessions_own_role_is_shown_by_a_variable(cursor: Any) -> None:
    cursor.execute("GRANT SELECT ON VIEW V TO ROLE SHOWN")
    cursor.execute("SET MINE = CURRENT_ROLE()")

    rows = cursor.execute("SHOW GRANTS TO ROLE IDENTIFIER($MINE)").fetchall()

    assert [(row[1], row[2], row[3], row[5]) for row in rows] == [
        ("SELECT", "VIEW", "LAPTOP.ML_BRIDGE.V", "SHOWN"),
    ]


def test_grants_are_recorded_as_statements_too(cursor: Any) -> None:
    cursor.execute("GRANT MONITOR ON WAREHOUSE WH TO ROLE R3")

    assert any("MONITOR" in entry["sql"] for entry in cursor.service.ask("/no-ops"))


def test_a_user_who_was_made_logs_in_with_granted_roles_only(cursor: Any) -> None:
    cursor.execute("CREATE USER IF NOT EXISTS ROBOT TYPE = SERVICE")
    cursor.execute("GRANT ROLE WORKER TO USER ROBOT")

    cursor.service.connect(user="ROBOT", role="WORKER")
    with pytest.raises(errors.Error) as refused:
        cursor.service.connect(user="ROBOT", role="BOSS")

    assert refused.value.errno == 390189
    assert [row[1] for row in cursor.execute("SHOW GRANTS TO USER ROBOT").fetchall()] == ["WORKER"]
    cursor.service.connect(user="SOMEBODY", role="BOSS")


def test_other_forms_of_show_grants_are_refused(cursor: Any) -> None:
    with pytest.raises(errors.ProgrammingError, match="TO ROLE and TO USER only"):
        cursor.execute("SHOW GRANTS ON TABLE T")
