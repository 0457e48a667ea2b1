"""docs/telemetry.md names what there is: metrics, spans, attributes and settings, in tables and queries alike."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from bridge.adapters.snowflake import STATEMENTS
from bridge.domain import signals, tags
from bridge.domain.queues import Queue
from bridge.handlers.openapi import examples
from bridge.handlers.tracing import PROPERTIES, TRACE_HEADER
from bridge.telemetry import providers, start

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "telemetry.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```kql\n(.*?)```", PAGE, re.DOTALL)
METRICS = {each.name for each in (*signals.COUNTERS, *signals.HISTOGRAMS)}
ATTRIBUTES = {
    signals.RUN_ID, signals.PIPELINE, signals.CORRELATION_ID, signals.TRACE_ID, signals.QUEUE, signals.OPERATION,
    signals.REASON, signals.OUTCOME, signals.CHANNEL, signals.QUEUE_LAG.name,
}  # fmt: skip
SOURCES = "".join(
    path.read_text(encoding="utf-8")
    for part in ("adapters", "domain", "handlers", "services", "telemetry")
    for path in (ROOT / "bridge" / part).rglob("*.py")
)


def test_every_metric_is_on_the_page_and_none_besides() -> None:
    tables = set(re.findall(r"`(bridge\.(?:runs|record|queue|aml|retries|dead_letters)[a-z_.]*)`", PAGE))

    assert tables - {signals.QUEUE} == METRICS


def test_every_name_of_the_bridges_own_is_one() -> None:
    assert (
        set(re.findall(r"bridge\.[a-z_]+(?:\.[a-z_]+)*", PAGE)) - {"bridge.adapters.snowflake"} <= METRICS | ATTRIBUTES
    )


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.splitlines()[0])
def test_a_query_asks_for_names_that_exist(query: str) -> None:
    spans = {"PUT jobs/{name}"}
    asked = set(re.findall(r'name == "([^"]+)"', query))
    for several in re.findall(r"name in \(([^)]*)\)", query):
        asked |= set(re.findall(r'"([^"]+)"', several))
    dimensions = set(re.findall(r'customDimensions\["([^"]+)"\]', query))

    assert asked <= METRICS | spans
    assert dimensions <= ATTRIBUTES | {"messaging.destination.name"}
    assert query.count('"') % 2 == query.count("(") - query.count(")") == 0


def test_queries_are_there_for_what_people_ask() -> None:
    text = "".join(QUERIES)

    assert all(name in text for name in METRICS - {signals.RUNS_REJECTED.name, signals.BATCH_SIZE.name})
    assert "operation_Id == trace" in text
    assert "percentile(lag, 95)" in text


def test_attributes_of_the_conventions_are_those_that_are_told() -> None:
    named = set(re.findall(r"`((?:http|url|server|messaging|db|error|snowflake)\.[a-z_.]+)`", PAGE))

    assert named == set(re.findall(r'"((?:http|url|server|messaging|db|error|snowflake)\.[a-z_.]+)"', SOURCES)) - {
        "snowflake.sql", "snowflake.connector",
    }  # fmt: skip


def test_spans_of_the_queues_and_statements_are_named_as_they_are() -> None:
    for queue in Queue:
        assert f"`send {queue}`" in PAGE
        assert f"`process {queue}`" in PAGE
    assert {"insert_run_events", "one_run"} <= STATEMENTS.keys()
    for name in ("process workspace event", "send events", "sweep"):
        assert f'"{name}"' in SOURCES
        assert f"`{name}`" in PAGE


def test_ids_and_settings_are_named_as_they_are() -> None:
    example = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]
    for name in (start.AZURE_MONITOR, start.BY_THE_WORKER, start.OTLP, "LOG_FORMAT"):
        assert name in example
        assert f"`{name}" in PAGE
    for name in (tags.TRACE_ID, TRACE_HEADER, *PROPERTIES):
        assert f"`{name}`" in PAGE
    disabled = re.findall(r"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=([a-z0-9_,]+)", PAGE)[0].split(",")
    assert set(disabled) == set(providers.INSTRUMENTATIONS)
    host = json.loads((ROOT / "host.json").read_text())
    assert f'"telemetryMode": "{host["telemetryMode"]}"' in PAGE


def test_the_example_of_a_trace_is_that_of_the_example_of_a_query() -> None:
    query_id = examples.ROW_PING["query_id"]
    trace_id = hashlib.sha256(str(query_id).encode()).hexdigest()[:32]

    assert examples.ROW_ACCEPTED["trace_id"] == trace_id
    assert trace_id in PAGE
