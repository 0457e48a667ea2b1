"""An emulated Snowflake with the ledger in it, and procedures whose bodies are the project's files."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector import errors

from bridge.deploy.rendering import Renderer
from bridge.deploy.statements import statements
from bridge.local.sql_scripts import laptop_values
from tests.emulators.snowflake_service import SnowflakeService, rows, value

ROOT = Path(__file__).parents[2]
SCRIPTS = ("migrations/V001__ledger.sql", "migrations/V002__doors_and_outbox.sql", "030_views.sql")
NO_OPTIONS = "PACKAGES = ('snowflake-snowpark-python')"
#: A START_RUN_JSON without an app behind it: it notes its calls, and the pipeline's name says what comes of them.
START_RUN_JSON = """
import base64, hashlib, json

def run(session, pipeline, inputs_json, idempotency_key):
    session.sql("INSERT INTO CALLS SELECT ?, ?, ?", [pipeline, inputs_json, idempotency_key]).collect()
    if pipeline == "away":
        raise RuntimeError("the app is away")
    digest = hashlib.sha256()
    for raw in (b"laptop", pipeline.encode(), idempotency_key.encode()):
        digest.update(len(raw).to_bytes(8, "big") + raw)
    answer = {"run_id": "r-" + base64.b32encode(digest.digest()).decode().lower()[:26], "pipeline": pipeline}
    if pipeline == "bad":
        error = {"code": "UNKNOWN_INPUT", "message": "no such input", "field": "rws"}
        return {"status": "REJECTED", **answer, "fingerprint": None, "error": error, "errors": [error, error]}
    return {"status": "ACCEPTED", **answer, "fingerprint": "f", "idempotency_key": idempotency_key}
"""


class Ledger:
    """Statements in the ledger's schema."""

    def __init__(self, service: SnowflakeService) -> None:
        self.service = service
        self.connection = service.connect()
        renderer = Renderer(laptop_values())
        for script in SCRIPTS:
            for statement in statements(renderer.render(script).text):
                self.run(statement)
        self.run("CREATE TABLE CALLS (PIPELINE VARCHAR, INPUTS VARCHAR, IDEMPOTENCY_KEY VARCHAR)")

    def run(self, sql: str, *binds: object) -> list[Any]:
        return rows(self.connection, sql, binds or None)

    def value(self, sql: str, *binds: object) -> Any:
        return value(self.connection, sql, binds or None)

    def create(
        self,
        signature: str,
        *lines: str,
        file: str | None = None,
        handler: str = "run",
        options: str = NO_OPTIONS,
        rights: str = "OWNER",
    ) -> None:
        """A procedure whose body is a file of bridge/procedures, as it stands, and some lines after it."""
        body = "" if file is None else (ROOT / "bridge" / "procedures" / file).read_text(encoding="utf-8")
        self.run(
            f"CREATE OR REPLACE PROCEDURE {signature} RETURNS VARIANT LANGUAGE PYTHON RUNTIME_VERSION = '3.12' "
            f"HANDLER = '{handler}' {options} EXECUTE AS {rights}\n"
            "AS $$\n" + "\n".join([body, *lines]) + "\n$$"
        )

    def procedures_of(self, script: str) -> None:
        """The procedures of a script of the project, as a deployment makes them."""
        for statement in statements(Renderer(laptop_values()).render(script).text):
            if statement.startswith("CREATE OR REPLACE PROCEDURE "):
                self.run(statement)

    def call(self, sql: str, *binds: object) -> Any:
        """What a procedure answers."""
        return json.loads(self.value(f"CALL {sql}", *binds))

    def refused(self, sql: str, *binds: object) -> str:
        """The error of a procedure that must fail."""
        with pytest.raises(errors.DatabaseError) as error:
            self.call(sql, *binds)
        return str(error.value)

    def fact(self, run_id: str, status: str, rank: int, **columns: object) -> None:
        """One row of RUN_EVENTS; facts of Azure ML have ranks from 10 on."""
        is_job = rank >= 10
        given = {
            "EVENT_ID": f"{run_id}-{status}-{columns.get('ATTEMPT', 1)}",
            "RUN_ID": run_id,
            "IS_JOB_FACT": is_job,
            "ATTEMPT": 0 if is_job else 1,
            "STATUS": status,
            "RANK": rank,
            "OCCURRED_AT": "2026-11-20T10:00:00Z",
            **columns,
        }
        names, binds = ", ".join(given), ", ".join("?" for _ in given)
        self.run(f"INSERT INTO RUN_EVENTS ({names}) VALUES ({binds})", *given.values())  # noqa: S608 - names from above

    def count(self, table: str) -> int:
        return int(self.value("SELECT COUNT(*) FROM IDENTIFIER(?)", table))

    def calls(self) -> list[tuple[str, Any, str]]:
        """What START_RUN_JSON was called with."""
        found = self.run("SELECT PIPELINE, INPUTS, IDEMPOTENCY_KEY FROM CALLS")
        return [(pipeline, json.loads(inputs, parse_float=Decimal), key) for pipeline, inputs, key in found]


@contextmanager
def ledger_running() -> Iterator[Ledger]:
    with SnowflakeService() as service:
        ledger = Ledger(service)
        signature = "START_RUN_JSON(pipeline VARCHAR, inputs_json VARCHAR, idempotency_key VARCHAR DEFAULT NULL)"
        ledger.create(signature, START_RUN_JSON)
        yield ledger
