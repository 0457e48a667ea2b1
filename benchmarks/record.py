"""How fast rows get into the ledger: the app's function over the real connector, beside one bare statement."""

import json
import os
import statistics
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import snowflake.connector
from azure.functions.servicebus import ServiceBusMessage

from benchmarks import calls
from benchmarks.hosts import Host
from benchmarks.measure import Measure, at_most, least_of_limit
from bridge.adapters.snowflake import STATEMENTS
from bridge.assembly import build
from bridge.domain import events
from bridge.domain.events import RunEvent
from bridge.domain.records import Records
from bridge.handlers import queues
from bridge.local import endpoints
from bridge.local.stack import Stack
from bridge.payloads import bodies
from bridge.payloads.records import row

ROWS = 1000


def measure_record(stack: Stack, *, rounds: int) -> Iterator[Measure]:
    """A full batch of messages with a row each, beside the same rows as one bind of one statement."""
    bridge = build({**os.environ, **stack.settings})
    seconds: dict[str, list[float]] = {"bridge": [], "limit": []}
    statements = 0
    with snowflake.connector.connect(**endpoints.snowflake_arguments(stack.ports), paramstyle="qmark") as connection:
        for number in range(rounds + 1):
            messages = [_message(fact) for fact in _facts()]
            rows = [row(fact) for fact in _facts()]
            before = calls.inserts(stack)
            begin = time.perf_counter()
            queues.record(messages, bridge)
            took = time.perf_counter() - begin
            statements = calls.inserts(stack) - before
            begin = time.perf_counter()
            with connection.cursor() as cursor:
                cursor.execute(STATEMENTS["insert_run_events"], (json.dumps(rows),))
            if number:  # the first ones log in
                seconds["bridge"].append(took)
                seconds["limit"].append(time.perf_counter() - begin)
    yield Measure(
        measure="record: rows a second",
        unit="rows/s",
        bridge=ROWS / statistics.median(seconds["bridge"]),
        limit=ROWS / statistics.median(seconds["limit"]),
        goal=least_of_limit(0.8),
    )
    yield Measure(
        measure="record: statements a table for 1,000 events, full batches",
        unit="statements",
        bridge=statements,
        limit=1,
        goal=at_most(1),
    )


def measure_freshness(stack: Stack, hosts: Mapping[str, Host], *, rounds: int, window: int = 1) -> Iterator[Measure]:
    """From an event of Azure ML at Event Grid to its row, the window of the hosts included."""
    seconds = []
    arguments = endpoints.snowflake_arguments(stack.ports)
    with (
        calls.Caller(hosts["http"].base_url) as caller,
        snowflake.connector.connect(**arguments, paramstyle="qmark") as connection,
        connection.cursor() as cursor,
    ):
        calls.settle(stack, 0)
        for _ in range(rounds):
            names = calls.ask_bridge(caller, 1)
            calls.created(stack, names)
            begin = _forced(stack, names[0])
            calls.wait_for(partial(_has_failed, cursor, names[0]), "the event's row")
            seconds.append(time.time() - begin)
            calls.settle(stack, 0)
    yield Measure(measure=f"event to row, window {window} s", unit="s", bridge=statistics.median(seconds))


def _forced(stack: Stack, run_id: str) -> float:
    """The job fails now, which is an event."""
    begin = time.time()
    stack.call("azure_ml", "POST", f"/jobs/{run_id}/status", {"status": "Failed"})
    return begin


def _has_failed(cursor: Any, run_id: str) -> bool:
    cursor.execute("SELECT COUNT(*) FROM RUN_EVENTS WHERE RUN_ID = ? AND STATUS = 'FAILED'", (run_id,))
    return bool(cursor.fetchone()[0])


def _facts() -> list[RunEvent]:
    """Rows as Azure ML's events make them."""
    now = datetime.now(UTC)
    place = "workspace=/subscriptions/0000/resourceGroups/rg/workspaces/laptop-ws"
    return [
        events.job_fact(
            f"r-{uuid.uuid4().hex[:26]}",
            "RUNNING",
            now,
            source="event:workspace",
            workspace="laptop-ws",
            studio_url=f"https://ml.azure.com/runs/x?{place}",
            started_at=now,
        )
        for _ in range(ROWS)
    ]


def _message(fact: RunEvent) -> ServiceBusMessage:
    body = bodies.write(Records(run_events=(fact,))).encode()
    return ServiceBusMessage(
        body=body, message_id=fact.event_id, lock_token="", user_properties={}, application_properties={}
    )
