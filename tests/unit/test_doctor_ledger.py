"""What the doctor makes of a ledger that is not as the scripts make it."""

import re
from typing import Any

import pytest

from bridge.doctor.findings import Finding, Status
from bridge.doctor.ledger_checks import check_grants, check_tables, check_views
from bridge.doctor.ledger_shape import VIEWS, tables
from bridge.doctor.setting_checks import examples
from bridge.doctor.snowflake_checks import _context
from bridge.settings.app_settings import Settings
from bridge.settings.snowflake import SnowflakeSettings

NUMBER = re.compile(r"NUMBER\((\d+),(\d+)\)")


@pytest.fixture(scope="module")
def settings() -> SnowflakeSettings:
    return Settings.with_problems(examples())[0].snowflake


def columns() -> list[dict[str, Any]]:
    """As INFORMATION_SCHEMA has them, when all is well."""
    rows = []
    for table, wanted in tables().items():
        for column in wanted:
            number = NUMBER.fullmatch(column.type)
            rows.append(
                {
                    "table_name": table,
                    "column_name": column.name,
                    "data_type": "NUMBER" if number else column.type,
                    "numeric_precision": int(number[1]) if number else None,
                    "numeric_scale": int(number[2]) if number else None,
                }
            )
    return rows


def grants(*more: tuple[str, str, str]) -> list[dict[str, Any]]:
    """As SHOW GRANTS tells them, when all is well."""
    held = [
        ("USAGE", "WAREHOUSE", "ML_BRIDGE_WH"),
        ("USAGE", "DATABASE", "ML"),
        ("USAGE", "SCHEMA", "ML.ML_BRIDGE"),
        *((privilege, "TABLE", f"ML.ML_BRIDGE.{table}") for table in tables() for privilege in ("INSERT", "SELECT")),
        *(("SELECT", "VIEW", f"ML.ML_BRIDGE.{view}") for view in VIEWS),
        *more,
    ]
    return [{"privilege": each[0], "granted_on": each[1], "name": each[2]} for each in held]


def faults(findings: list[Finding]) -> list[Finding]:
    return [each for each in findings if each.status is not Status.OK]


def test_the_ledger_as_the_scripts_make_it_is_well(settings: SnowflakeSettings) -> None:
    views = [{"table_name": name} for name in VIEWS]

    assert not faults(list(check_tables(settings, columns())))
    assert not faults(list(check_views(settings, views)))
    assert not faults(list(check_grants(settings, grants(), {*tables(), *VIEWS})))


def test_a_table_that_is_not_there_is_told_and_its_grants_are_not_told_again(settings: SnowflakeSettings) -> None:
    rest = [row for row in columns() if row["table_name"] != "RULE_ACTIONS"]
    held = [row for row in grants() if not row["name"].endswith("RULE_ACTIONS")]

    (found,) = faults(list(check_tables(settings, rest)))

    assert found.what == "there is no table RULE_ACTIONS in ML.ML_BRIDGE for ML_BRIDGE_WRITER"
    assert found.mend.endswith("--only migrations/V001__ledger.sql --only 099_grants.sql")
    assert not faults(list(check_grants(settings, held, {*tables(), *VIEWS} - {"RULE_ACTIONS"})))


def test_columns_of_several_migrations_name_each(settings: SnowflakeSettings) -> None:
    rest = [row for row in columns() if row["column_name"] not in {"PAYLOAD", "DECISION_ID"}]

    found = faults(list(check_tables(settings, rest)))

    assert [each.what for each in found] == ["RUN_EVENTS lacks PAYLOAD", "RULE_ACTIONS lacks PAYLOAD, DECISION_ID"]
    assert found[1].mend.endswith("--only migrations/V001__ledger.sql --only migrations/V003__rules.sql")


def test_a_column_of_another_type_is_told(settings: SnowflakeSettings) -> None:
    rows = columns()
    row = next(each for each in rows if each["column_name"] == "ROW_NUMBER")
    row["numeric_precision"] = 5

    (found,) = faults(list(check_tables(settings, rows)))

    assert found.what == "RUN_EVENTS.ROW_NUMBER is NUMBER(5,0), not NUMBER(10,0)"
    assert "RENAME COLUMN ROW_NUMBER TO ROW_NUMBER_OLD" in found.mend


def test_a_view_that_is_not_there_is_told(settings: SnowflakeSettings) -> None:
    (found,) = check_views(settings, [{"table_name": "RUNS"}])

    assert found.what == "there is no view RUNS_ALL for ML_BRIDGE_WRITER"


def test_who_owns_a_table_needs_no_grant_on_it_and_has_too_much(settings: SnowflakeSettings) -> None:
    held = [row for row in grants() if not row["name"].endswith("RUN_EVENTS")]
    held += [{"privilege": "OWNERSHIP", "granted_on": "TABLE", "name": "ML.ML_BRIDGE.RUN_EVENTS"}]

    (found,) = faults(list(check_grants(settings, held, {*tables(), *VIEWS})))

    assert (found.check, found.status) == ("snowflake.excess", Status.WARN)
    assert "GRANT OWNERSHIP ON TABLE ML.ML_BRIDGE.RUN_EVENTS TO ROLE <owner role>" in found.mend


def test_many_grants_too_many_are_told_in_one_finding(settings: SnowflakeSettings) -> None:
    more = [("SELECT", "TABLE", f"OTHER.PUBLIC.T{number}") for number in range(7)]

    (found,) = faults(list(check_grants(settings, grants(*more), {*tables(), *VIEWS})))

    assert found.what.endswith(" and 2 more")
    assert len(found.mend.splitlines()) == 5


@pytest.mark.parametrize(
    ("missing", "check", "what"),
    [
        ("warehouse", "snowflake.warehouse", "there is no warehouse ML_BRIDGE_WH for ML_BRIDGE_WRITER"),
        ("database", "snowflake.schema", "there is no database ML for ML_BRIDGE_WRITER"),
        ("schema", "snowflake.schema", "there is no schema ML_BRIDGE for ML_BRIDGE_WRITER"),
        ("role", "snowflake.role", "the session has the role none, not ML_BRIDGE_WRITER"),
    ],
)
def test_what_a_session_lacks_is_told(settings: SnowflakeSettings, missing: str, check: str, what: str) -> None:
    context = {"role": "ML_BRIDGE_WRITER", "warehouse": "ML_BRIDGE_WH", "database": "ML", "schema": "ML_BRIDGE"}

    (found,) = _context(settings, {**context, missing: None})

    assert (found.check, found.what) == (check, what)
