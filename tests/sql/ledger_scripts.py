"""The ledger on the emulated Snowflake for tests: its migrations and views, in a schema of each test's own."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bridge.deploy.statements import statements
from tests.emulators.snowflake_service import SnowflakeService

SQL = Path(__file__).parents[2] / "sql"
MIGRATIONS = tuple(sorted((SQL / "migrations").glob("V*.sql")))
VIEWS = (SQL / "030_views.sql", SQL / "032_rules.sql")


def ledger_statements(scripts: Iterable[Path] = (*MIGRATIONS, *VIEWS)) -> list[str]:
    """The statements of scripts that need no values, only the parts they include."""
    parts = {f"<% {part.stem}_sql %>": part.read_text(encoding="utf-8") for part in (SQL / "parts").glob("*.sql")}
    found: list[str] = []
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        for name, part in parts.items():
            text = text.replace(name, part)
        found += statements(text)
    return found


def schema(service: SnowflakeService, name: str, scripts: Iterable[Path] = (*MIGRATIONS, *VIEWS)) -> Any:
    """A connection into a schema of this name, in which the scripts have been run."""
    connection = service.connect(schema=name)
    run(connection, scripts)
    return connection


def run(connection: Any, scripts: Iterable[Path]) -> None:
    with connection.cursor() as cursor:
        for statement in ledger_statements(scripts):
            cursor.execute(statement)
