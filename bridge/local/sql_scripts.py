"""Applies the project's SQL scripts to the laptop's Snowflake, as the Snowflake CLI does to a real one."""

from pathlib import Path
from typing import Any

from bridge.local.endpoints import API_URL, DATABASE, SCHEMA
from bridge.local.processes import ROOT

SCRIPTS = ("V001__ledger.sql", "R__views.sql", "R__external_functions.sql")
#: Values of the templates `<% name %>` in the scripts.
TEMPLATES = {
    "tenant_id": "00000000-0000-0000-0000-000000000000",
    "app_id": "00000000-0000-0000-0000-000000000001",
    "api_url": API_URL,
}


def apply_ledger(arguments: dict[str, Any]) -> None:
    """Make database and schema, and run every script in them."""
    import snowflake.connector

    connection = snowflake.connector.connect(**arguments)
    try:
        connection.cursor().execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        connection.cursor().execute(f"USE DATABASE {DATABASE}")
        connection.cursor().execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        connection.cursor().execute(f"USE SCHEMA {SCHEMA}")
        for script in SCRIPTS:
            for statement in statements(ROOT / "sql" / script):
                connection.cursor().execute(statement)
    finally:
        connection.close()


def statements(script: Path) -> list[str]:
    """The statements of one script, with its templates filled in."""
    text = "\n".join(line for line in script.read_text(encoding="utf-8").splitlines() if not line.startswith("--"))
    for name, value in TEMPLATES.items():
        text = text.replace(f"<% {name} %>", value)
    return [part.strip() for part in text.split(";\n") if part.strip().rstrip(";")]
