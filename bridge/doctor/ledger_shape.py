"""What the ledger has to look like, read from the migrations that make it: there is no second list."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from bridge.domain.records import TABLES
from bridge.settings.reader import APP_ROOT

MIGRATIONS = APP_ROOT / "sql" / "migrations"
#: That the app writes, each with one statement.
WRITTEN = tuple(name.upper() for name in TABLES)
#: That the app reads.
VIEWS = ("RUNS", "RUNS_ALL")
_TABLE = re.compile(r"^CREATE TABLE IF NOT EXISTS (\w+) \($(.*?)^\)", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r"^  (\w+) ([A-Z_]+)(?:\((\d+), (\d+)\))?", re.MULTILINE)
_ADDED = re.compile(r"^ALTER TABLE (\w+) ADD COLUMN IF NOT EXISTS (\w+) ([A-Z_]+)(?:\((\d+), (\d+)\))?", re.MULTILINE)
#: As INFORMATION_SCHEMA calls them.
_TYPES = {"VARCHAR": "TEXT"}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column, and which migration brings it."""

    name: str
    #: As INFORMATION_SCHEMA has it: TEXT, NUMBER(10,0), TIMESTAMP_TZ, VARIANT, BOOLEAN.
    type: str
    script: str


@cache
def tables() -> dict[str, tuple[Column, ...]]:
    """Every table that the app writes."""
    found: dict[str, list[Column]] = {}
    for file in sorted(MIGRATIONS.glob("V*.sql")):
        text, script = file.read_text(encoding="utf-8"), f"migrations/{file.name}"
        for table, body in _TABLE.findall(text):
            found[table] = [_column(each, script) for each in _COLUMN.findall(body)]
        for table, *each in _ADDED.findall(text):
            found[table].append(_column(each, script))
    return {table: tuple(found[table]) for table in WRITTEN}


def type_of(name: str, precision: object, scale: object) -> str:
    """One text for a type, as a migration or INFORMATION_SCHEMA has it."""
    kind = _TYPES.get(name, name)
    return f"{kind}({precision},{scale})" if kind == "NUMBER" else kind


def _column(parts: Sequence[str], script: str) -> Column:
    name, kind, precision, scale = parts
    return Column(name=name, type=type_of(kind, precision, scale), script=script)
