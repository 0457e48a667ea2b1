"""Every INSERT names columns that the ledger has, all that are compulsory, and gives each a value."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import pytest

from bridge.deploy.rendering import PROCEDURES, ROOT
from bridge.deploy.statements import statements
from bridge.domain.events import RunEvent
from bridge.domain.records import AmlEvent, DeadLetter, RuleAction
from tests.sql.every_script import every_statement, rendered
from tests.sql.test_syntax import parsed_segments

_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (?P<name>\w+) \((?P<columns>.*)\)\s*COMMENT = ''$", re.DOTALL)
_ADDED = re.compile(r"ALTER TABLE (?P<name>\w+) ADD COLUMN IF NOT EXISTS (?P<column>\w+) ")
_COLUMN = re.compile(r"^\s*(?P<name>[A-Z_0-9]+) [A-Z_]+(?:\([\d, ]+\))?(?P<rest>[^\n]*)", re.MULTILINE)
_INSERT = re.compile(r"\bINSERT\s+INTO\s+(?P<table>[A-Z_]+)\s*(?P<columns>\([A-Z_0-9,\s]*\))?")
#: Given by Snowflake, not by the app.
_BY_DEFAULT = {"RECORDED_AT"}


@dataclass(frozen=True)
class Table:
    """The columns of one table, as all migrations together make it."""

    columns: frozenset[str]
    compulsory: frozenset[str]


@dataclass(frozen=True)
class Insert:
    """One INSERT, wherever it stands."""

    place: str
    table: str
    columns: tuple[str, ...]
    text: str


def _tables() -> dict[str, Table]:
    found: dict[str, Table] = {}
    for item in every_statement():
        table, added = _TABLE.match(item.bare), _ADDED.match(" ".join(item.bare.split()))
        if table:
            columns = {match["name"]: match["rest"] for match in _COLUMN.finditer(table["columns"])}
            needed = {name for name, rest in columns.items() if "NOT NULL" in rest and "DEFAULT" not in rest}
            found[table["name"]] = Table(frozenset(columns), frozenset(needed))
        elif added:
            old = found[added["name"]]
            found[added["name"]] = Table(old.columns | {added["column"]}, old.compulsory)
    return found


def _texts() -> Iterator[tuple[str, str]]:
    yield from ((item.place, item.text) for item in every_statement() if "$$" not in item.text)
    file = ROOT / "bridge" / "adapters" / "snowflake.sql"
    yield from ((file.name, statement) for statement in statements(file.read_text(encoding="utf-8")))
    for source in sorted(PROCEDURES.glob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield source.name, node.value
            elif isinstance(node, ast.JoinedStr):
                # A variable that holds a table is named after it.
                parts = (
                    ast.unparse(part.value).upper() if isinstance(part, ast.FormattedValue) else ""
                    for part in node.values
                )
                texts = (str(part.value) if isinstance(part, ast.Constant) else "" for part in node.values)
                yield source.name, "".join(part + text for part, text in zip(parts, texts, strict=True))


def _inserts() -> list[Insert]:
    found = []
    for place, text in _texts():
        match = _INSERT.search(text)
        if match:
            columns = tuple(name.strip() for name in (match["columns"] or "()")[1:-1].split(","))
            found.append(Insert(place, match["table"], columns, text))
    return found


def test_the_tables_are_read_from_the_migrations() -> None:
    tables = _tables()

    assert {"RUN_EVENTS", "AML_EVENTS", "DEAD_LETTERS", "RULE_ACTIONS", "RUN_REQUESTS", "HAND_OVERS"} <= set(tables)
    assert "DOOR" in tables["DEAD_LETTERS"].columns
    assert {"DECISION_ID", "EVENT_TYPE", "STATUS", "CORRELATION_ID"} <= tables["RULE_ACTIONS"].columns
    assert len(tables["RUN_EVENTS"].columns) == 30
    assert "RECORDED_AT" not in tables["RUN_EVENTS"].compulsory


def test_inserts_name_columns_that_exist_and_all_that_are_compulsory() -> None:
    tables = _tables()

    for insert in _inserts():
        table = tables[insert.table]
        assert table.compulsory <= set(insert.columns) <= table.columns, insert.place
        assert len(set(insert.columns)) == len(insert.columns), insert.place

    assert {insert.place for insert in _inserts()} >= {
        "hand_over.py",
        "snowflake.sql",
        "sql/085_tasks.sql, statement 10",
    }


def test_the_app_gives_every_column_of_the_tables_that_it_writes() -> None:
    written = [insert for insert in _inserts() if insert.place == "snowflake.sql"]

    assert {insert.table for insert in written} == {"RUN_EVENTS", "AML_EVENTS", "DEAD_LETTERS", "RULE_ACTIONS"}
    for insert in written:
        assert set(insert.columns) == _tables()[insert.table].columns - _BY_DEFAULT, insert.table


@pytest.mark.parametrize(
    ("table", "record"),
    [("RUN_EVENTS", RunEvent), ("AML_EVENTS", AmlEvent), ("DEAD_LETTERS", DeadLetter), ("RULE_ACTIONS", RuleAction)],
)
def test_a_record_has_the_columns_of_its_table(table: str, record: Any) -> None:
    assert {field.name.upper() for field in fields(record)} == _tables()[table].columns - _BY_DEFAULT


def test_each_column_gets_a_value() -> None:
    for insert in _inserts():
        if re.search(r"\bVALUES\b", insert.text):
            values = insert.text.rpartition("VALUES")[2].strip().removesuffix(";")[1:-1].split(",")
            assert len(values) == len(insert.columns), insert.place
            continue
        select = parsed_segments(insert.text, "select_clause")[0]
        assert len(list(select.get_children("select_clause_element"))) == len(insert.columns), insert.place


def test_the_views_are_rendered_from_the_ledgers_columns() -> None:
    assert "CREATE OR REPLACE VIEW RUNS_ALL" in " ".join(rendered()["030_views.sql"].split())
    assert "CREATE OR REPLACE VIEW TIMELINE" in " ".join(rendered()["032_rules.sql"].split())
