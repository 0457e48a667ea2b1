"""What a user and an operator of the bridge do, in a few words each."""

import json
import uuid
from types import TracebackType
from typing import Any, Self

import httpx
import snowflake.connector

from bridge.domain.identity import run_id as derived_run_id
from bridge.local.endpoints import QUEUES
from bridge.local.stack import Stack
from tests.eventually import eventually

#: Longer than anything waits in the stack: lock, back-off, batch wait.
PATIENCE = 60.0


class Driver:
    """Sends requests, reads the ledger, and looks behind the scenes."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        functions = stack.endpoints["functions"]
        self.http = httpx.Client(
            base_url=f"{functions['base_url']}/api/v1",
            headers={"x-functions-key": functions["key"]},
            timeout=60,
            trust_env=False,
        )
        self._connection = snowflake.connector.connect(**stack.endpoints["snowflake"], paramstyle="qmark")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        self._connection.close()

    def sql(self, statement: str, *binds: Any) -> list[Any]:
        with self._connection.cursor() as cursor:
            return list(cursor.execute(statement, binds).fetchall())

    def create(self, pipeline: str = "churn-training", key: str | None = None, **inputs: Any) -> str:
        """Start a run by HTTP and return its id; a good one, unless told otherwise."""
        body = {"pipeline": pipeline, "inputs": inputs or {"as_of": "2026-11-01"}, "idempotency_key": key or new_key()}
        answer = self.http.post("/runs", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])

    def batch(self, rows: list[list[Any]], batch_id: str) -> list[Any]:
        """Send a batch as Snowflake's external functions do."""
        answer = self.http.post(
            "/snowflake/submit_run",
            json={"data": [[number, *row] for number, row in enumerate(rows)]},
            headers={
                "sf-external-function-query-batch-id": batch_id,
                "sf-external-function-current-query-id": str(uuid.uuid4()),
            },
        )
        assert answer.status_code == 200, answer.text
        return [row[1] for row in answer.json()["data"]]

    def post_to_queue(self, queue: str, body: Any, message_id: str) -> None:
        """Put a message into a queue, as whoever may send to it could."""
        text = body if isinstance(body, str) else json.dumps(body)
        from azure.servicebus import ServiceBusClient, ServiceBusMessage

        connection = self.stack.endpoints["service_bus"]["connection_string"]
        with ServiceBusClient.from_connection_string(connection) as client, client.get_queue_sender(queue) as sender:
            sender.send_messages(ServiceBusMessage(text, message_id=message_id))

    def run(self, run_id: str) -> dict[str, Any] | None:
        rows = self.sql(
            "SELECT status, error_code, error_message, attempt, conflicts FROM runs WHERE run_id = ?", run_id
        )
        assert len(rows) <= 1, "one row a run"
        names = ("status", "error_code", "error_message", "attempt", "conflicts")
        return dict(zip(names, rows[0], strict=True)) if rows else None

    def history(self, run_id: str) -> list[str]:
        rows = self.sql("SELECT DISTINCT event_id, status FROM run_events WHERE run_id = ?", run_id)
        return [row[1] for row in rows]

    def wait_for(self, run_id: str, status: str, within: float = PATIENCE) -> dict[str, Any]:
        """The run's row once it shows this status."""

        def shows() -> dict[str, Any] | None:
            row = self.run(run_id)
            return row if row and row["status"] == status else None

        return eventually(shows, within, what=lambda: f"{run_id} is {self.run(run_id)}, not {status}")

    def jobs(self) -> dict[str, dict[str, Any]]:
        """The jobs that AML has, by name."""
        return {job["name"]: job for job in self.stack.call("azure_ml", "GET", "/jobs")}

    def scheduled(self, queue: str) -> int:
        return int(self.stack.call("service_bus", "GET", "/queues")[queue]["scheduled"])

    def make_due(self, queue: str) -> None:
        """Once something waits in this queue, move the clock until it is due."""
        eventually(lambda: self.scheduled(queue), PATIENCE)
        self.stack.advance(15 * 60)

    def wait_until_quiet(self, within: float = PATIENCE) -> None:
        """Until no earlier test's message is being handled: a fault would strike it instead."""

        def quiet() -> bool:
            queues = self.stack.call("service_bus", "GET", "/queues")
            return all(queues[name]["active"] == queues[name]["locked"] == 0 for name in QUEUES.values())

        eventually(quiet, within)

    def struck(self, service: str, fault_id: str) -> int:
        return int(self.stack.fault(service, fault_id)["struck"])


def new_key() -> str:
    return uuid.uuid4().hex


def run_id_of(pipeline: str, key: str) -> str:
    """The id that the laptop's bridge gives to this key."""
    return derived_run_id("laptop", pipeline, key)
