"""One trace from whoever asks for a run to Azure ML, the ledger and the log, and the spans that make it up."""

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bridge.local.stack import HOST
from tests.e2e.driver import Driver, new_key
from tests.eventually import eventually
from tests.otlp_receiver import Receiver, plain, receiver

CALLER, CALLERS_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = {"as_of": "2026-11-01"}
#: What a run's trace has at least, whatever else looks at it.
STEPS = {
    "POST /api/v1/runs", "send run-commands", "send run-events", "process run-commands", "PUT jobs/{name}",
    "send run-control", "process run-control", "GET jobs/{name}", "GET runs/{name}/details", "process inbound-events",
}  # fmt: skip


def by_http(driver: Driver) -> tuple[dict[str, Any], str]:
    """The answer, and the trace that it has to be in: the caller's."""
    body = {"pipeline": "churn-training", "inputs": GOOD, "idempotency_key": new_key()}
    answer = driver.http.post("/runs", json=body, headers={"traceparent": f"00-{CALLER}-{CALLERS_SPAN}-01"})
    assert answer.headers["x-trace-id"] == CALLER
    return answer.json(), CALLER


def by_sql(driver: Driver) -> tuple[dict[str, Any], str]:
    """... the query's, which SQL itself can work out."""
    answer = json.loads(driver.sql("SELECT submit_run('churn-training', {'as_of': '2026-11-01'}, NULL)")[0][0])
    query_id = eventually(lambda: query_of(driver, answer["run_id"]), 60)
    (row,) = driver.sql("SELECT LEFT(SHA2(?, 256), 32)", query_id)
    assert row[0] == hashlib.sha256(query_id.encode()).hexdigest()[:32]
    return answer, row[0]


def query_of(driver: Driver, run_id: str) -> str | None:
    rows = driver.sql("SELECT query_id FROM run_events WHERE run_id = ? AND status = 'ACCEPTED'", run_id)
    return str(rows[0][0]) if rows else None


def waiting_command(driver: Driver, run_id: str) -> dict[str, Any] | None:
    """The run's next try, as it stands in the queue; nobody takes it from there by looking."""
    connection = driver.stack.endpoints["service_bus"]["connection_string"]
    with ServiceBusClient.from_connection_string(connection) as client, client.get_queue_receiver("run-commands") as it:
        found = [json.loads(str(message)) for message in it.peek_messages(max_message_count=50)]
    return next((body for body in found if body.get("run_id") == run_id and body["try"]), None)


def logged(driver: Driver, run_id: str, host: str = HOST) -> list[str]:
    lines = driver.stack.log_file(host).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if f"run_id {run_id}" in line]


def test_one_trace_id_is_found_everywhere(driver: Driver) -> None:
    driver.wait_until_quiet()
    # The commands wait in the queue after the first try, and the log says so.
    refused = {"status": 503, "retry_after": 300}
    fault = driver.stack.plan_fault("azure_ml", "status", times=2, match={"operation": "put_job"}, params=refused)
    asked = [ask(driver) for ask in (by_http, by_sql)]

    for answer, trace_id in asked:
        assert answer["trace_id"] == trace_id
        command = eventually(partial(waiting_command, driver, answer["run_id"]), 30)
        assert command["try"] == 1
        assert command["traceparent"].split("-")[1] == trace_id
    assert driver.struck("azure_ml", fault) == 2
    driver.stack.advance(15 * 60)
    for answer, trace_id in asked:
        find_trace(driver, answer["run_id"], trace_id)


def find_trace(driver: Driver, run_id: str, trace_id: str) -> None:
    """In Azure ML, in the ledger, in the log."""
    driver.wait_for(run_id, "COMPLETED")
    assert driver.jobs()[run_id]["tags"]["bridge_trace_id"] == trace_id
    rows = driver.sql("SELECT DISTINCT status, trace_id FROM run_events WHERE run_id = ?", run_id)
    assert {row[1] for row in rows} == {trace_id}
    assert {row[0] for row in rows} >= {"ACCEPTED", "SUBMITTING", "RETRY_SCHEDULED", "SUBMITTED", "COMPLETED"}
    assert driver.sql("SELECT trace_id FROM runs WHERE run_id = ?", run_id) == [(trace_id,)]
    lines = logged(driver, run_id)
    assert any("is tried again" in line for line in lines)
    assert all(f"trace_id {trace_id}" in line for line in lines)


@pytest.fixture
def collector(driver: Driver) -> Iterator[Receiver]:
    """Of a host that tells it of everything, at once."""
    stack = driver.stack
    with receiver() as running:
        told = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": running.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "300",
        }
        kept = dict(stack.settings)
        stack.settings = {**kept, **told}
        stack.start_host()
        yield running
        stack.settings = kept
        stack.start_host()


def test_a_run_is_followed_from_its_request_to_its_rows(driver: Driver, collector: Receiver) -> None:
    answer, _ = by_http(driver)
    driver.wait_for(answer["run_id"], "COMPLETED")

    def told() -> list[Span] | None:
        found = [span for span in collector.spans() if span.trace_id.hex() == CALLER]
        return found if {span.name for span in found} >= STEPS else None

    spans = eventually(told, 30, what=lambda: f"missing: {STEPS - {span.name for span in collector.spans()}}")
    ids = {span.span_id.hex() for span in spans}
    by_name = {span.name: span for span in spans}
    # Azure ML's events bring the trace's id by the job's tag, and no span's: what they lead to begins anew in it.
    tops = [span.name for span in spans if span.parent_span_id.hex() not in ids]
    assert sorted(set(tops)) == ["POST /api/v1/runs", "process inbound-events"]
    assert tops.count("POST /api/v1/runs") == 1
    assert by_name["POST /api/v1/runs"].parent_span_id.hex() == CALLERS_SPAN
    assert by_name["process run-commands"].parent_span_id == by_name["POST /api/v1/runs"].span_id
    assert plain(by_name["process run-commands"].attributes)["bridge.run_id"] == answer["run_id"]

    def recorded() -> list[Span] | None:
        return [
            span
            for span in collector.spans()
            if span.name == "process run-events" and CALLER in {link.trace_id.hex() for link in span.links}
        ] or None

    record = eventually(recorded, 30)[0]
    inserts = [span for span in collector.spans() if span.parent_span_id == record.span_id]
    assert "insert_run_events" in {span.name for span in inserts}
    eventually(lambda: counted(collector), 30, what=lambda: f"{collector.sums()}")
    assert collector.histograms() >= {"bridge.queue.lag", "bridge.record.lag", "bridge.aml.duration"}
    texts = [text for text, attributes, _ in collector.logs() if attributes.get("bridge.run_id") == answer["run_id"]]
    assert any("is submitted" in text for text in texts)


def counted(collector: Receiver) -> bool:
    sums = collector.sums()
    return all(
        sums.get(f"bridge.runs.{name}", {}).get("churn-training") == 1
        for name in ("accepted", "submitted", "completed")
    )
