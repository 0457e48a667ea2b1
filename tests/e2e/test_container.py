"""The app as a container: the entry point as a real process on the stack's emulators, without the Functions host."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bridge.local.endpoints import FUNCTION_KEY
from bridge.local.processes import ROOT
from bridge.local.stack import HOST, Stack
from bridge.payloads.limits import BODY_BYTES
from tests.container_process import RunningContainer, running_container
from tests.e2e.driver import PATIENCE, Driver, new_key
from tests.eventually import eventually
from tests.otlp_receiver import Receiver, receiver

KEYS = {"BRIDGE_FUNCTION_KEYS": f"another-key-of-16, {FUNCTION_KEY}"}
RUNS = "/api/v1/runs"
PING = "/api/v1/snowflake/ping"
SUBMIT = "/api/v1/snowflake/submit_run"
SERVER = Span.SpanKind.SPAN_KIND_SERVER
ROLE = {"sf-context-current-role": "CHURN_TEAM"}


@pytest.fixture(scope="module")
def settings(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """With one pipeline for a role of Snowflake's."""
    text = (ROOT / "pipelines.yaml").read_text(encoding="utf-8")
    before, found, after = text.partition("  churn-scoring:")
    file = tmp_path_factory.mktemp("files") / "pipelines.yaml"
    file.write_text(
        before + found + after.replace("allow: *doors", "allow: {roles: [CHURN_TEAM]}", 1), encoding="utf-8"
    )
    return stack.settings | KEYS | {"PIPELINES_FILE": str(file)}


@pytest.fixture(scope="module")
def _container(
    stack: Stack, settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningContainer]:
    """In the place of the stack's Functions host, which comes back afterwards."""
    stack.processes[HOST].stop()
    folder = tmp_path_factory.mktemp("container")
    with running_container("all", settings, folder, stack.ports.functions) as running:
        yield running
    stack.start_host()


@pytest.fixture
def container(_container: RunningContainer) -> RunningContainer:
    _container.start_unless_it_runs()
    return _container


@pytest.fixture(scope="module")
def collector() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture(scope="module")
def service(
    settings: dict[str, str], collector: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningContainer]:
    """As Snowflake's service functions see it, by HTTP only; what it does is told to a collector."""
    folder = tmp_path_factory.mktemp("service")
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100", "LOG_FORMAT": "json"}
    with running_container("http", settings | told | {"AUTH_MODE": "service"}, folder) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture
def driver(_driver: Driver, stack: Stack, container: RunningContainer) -> Iterator[Driver]:
    """The container does what the host did."""
    yield _driver
    for emulator in ("azure_ml", "service_bus"):
        stack.call(emulator, "DELETE", "/faults")
        stack.outage(emulator, down=False)


def test_a_run_is_started_by_http_and_followed_to_its_end(driver: Driver) -> None:
    run_id = driver.create()

    driver.wait_for(run_id, "COMPLETED")
    assert driver.jobs()[run_id]["puts"] == 1
    shown = driver.http.get(f"/runs/{run_id}")
    assert (shown.status_code, shown.json()["status"]) == (200, "COMPLETED")


def test_whoever_has_no_key_comes_no_further(container: RunningContainer, driver: Driver) -> None:
    http = container.http
    body = {"pipeline": "churn-training", "inputs": {"as_of": "2026-11-01"}, "dry_run": True}

    assert http.get("/api/v1/health").status_code == 200
    assert http.post(RUNS, json=body).status_code == 401
    assert http.post(RUNS, json=body, headers={"x-functions-key": FUNCTION_KEY[:-1]}).status_code == 401
    assert http.post(RUNS, json=body, headers={"x-functions-key": ""}).status_code == 401
    assert http.post(f"{RUNS}?code={FUNCTION_KEY}", json=body).status_code == 200
    assert http.post(RUNS, json=body, headers={"x-functions-key": "another-key-of-16"}).status_code == 200
    assert http.post(PING, json={"data": [[0]]}, headers=ROLE).status_code == 401
    assert FUNCTION_KEY not in container.log()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/api/v1/runs/", 404), ("GET", "/runtime/webhooks/EventGrid", 404), ("PUT", RUNS, 405)],
)
def test_what_is_no_route_is_a_problem(container: RunningContainer, method: str, path: str, status: int) -> None:
    answer = container.http.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.get("allow") == ("GET, POST" if status == 405 else None)


def test_a_body_that_is_too_large_is_not_read_to_its_end(container: RunningContainer) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 10 * BODY_BYTES:
            sent += 1_000_000
            yield b" " * 1_000_000

    headers = {"x-functions-key": FUNCTION_KEY}
    announced = container.http.post(RUNS, content=b" " * (BODY_BYTES + 1), headers=headers)

    assert (announced.status_code, announced.json()["code"]) == (413, "TOO_LARGE")
    with suppress(httpx.TransportError):  # the connection is closed while the client still writes
        assert container.http.post(RUNS, content=endless(), headers=headers).status_code == 413
    assert sent < 10 * BODY_BYTES


def test_the_work_goes_on_when_the_broker_comes_back(driver: Driver, container: RunningContainer) -> None:
    """With a message that cannot be read, which is kept as a row."""
    message_id = new_key()

    driver.stack.outage("service_bus", down=True)
    eventually(lambda: container.status("/ready") == 503, PATIENCE)
    assert container.status("/live") == 200
    driver.stack.outage("service_bus", down=False)
    eventually(lambda: container.status("/ready") == 200, PATIENCE)
    driver.post_to_queue("run-commands", "no JSON", message_id)

    found = eventually(lambda: driver.sql("SELECT reason FROM dead_letters WHERE message_id = ?", message_id), PATIENCE)
    assert found == [("POISON",)]


def test_a_service_function_comes_in_without_a_key_as_the_querys_role(service: RunningContainer) -> None:
    answer = service.http.post(PING, json={"data": [[0]]}, headers=ROLE)

    ((_, value),) = answer.json()["data"]
    assert (value["principal"], value["roles"]) == ("service", ["CHURN_TEAM"])


def test_a_service_function_starts_what_its_querys_role_may(service: RunningContainer, driver: Driver) -> None:
    rows = [[0, "churn-scoring", {"model": "churn:4", "table": "CUSTOMERS"}, new_key()]]
    other = {"sf-context-current-role": "ANOTHER_TEAM"}

    ((_, refused),) = service.http.post(SUBMIT, json={"data": rows}, headers=other).json()["data"]
    ((_, accepted),) = service.http.post(SUBMIT, json={"data": rows}, headers=ROLE).json()["data"]

    assert (refused["status"], refused["error"]["code"]) == ("REJECTED", "NOT_ALLOWED")
    assert accepted["status"] == "ACCEPTED"
    eventually(lambda: accepted["run_id"] in driver.jobs(), PATIENCE)


def test_beside_service_functions_every_route_wants_a_key_and_a_key_has_no_role(service: RunningContainer) -> None:
    http = service.http

    assert http.get(RUNS, headers=ROLE).status_code == 401
    assert http.post("/api/v1/events", json={"type": "Team.Done"}, headers=ROLE).status_code == 401
    assert (
        http.post(PING, json={"data": [[0]]}, headers=ROLE | {"x-functions-key": "guessed-key-of-16"}).status_code
        == 401
    )
    ((_, value),) = http.post(PING, json={"data": [[0]]}, headers=ROLE | {"x-functions-key": FUNCTION_KEY}).json()[
        "data"
    ]
    assert (value["principal"], value["roles"]) == ("key", [])
    assert http.get("/api/v1/pipelines", headers={"x-functions-key": FUNCTION_KEY}).status_code == 200


def test_what_a_container_does_is_told_to_a_collector_and_printed_as_json(
    service: RunningContainer, collector: Receiver
) -> None:
    """By the settings alone, as nobody else sets up OpenTelemetry here."""
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    headers = {"x-functions-key": FUNCTION_KEY, "traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    answer = service.http.post(RUNS, json={"pipeline": "nobody-has-it"}, headers=headers)
    assert (answer.status_code, answer.headers["x-trace-id"]) == (404, trace_id)

    def served() -> Span | None:
        return next(
            (span for span in collector.spans() if span.trace_id.hex() == trace_id and span.kind == SERVER), None
        )

    assert eventually(served, 30).name == f"POST {RUNS}"
    lines = [json.loads(line) for line in service.log().splitlines() if line.startswith("{")]
    assert len(lines) == len(service.log().splitlines())
    assert "1 UNKNOWN_PIPELINE" in next(line["message"] for line in lines if line.get("trace_id") == trace_id)


def test_a_worker_with_wrong_settings_takes_no_message(stack: Stack, tmp_path: Path) -> None:
    with running_container("worker", stack.settings | KEYS | {"RETRY_TRIES": "many"}, tmp_path) as refused:
        assert refused.exit_code() == 2
        assert 'RETRY_TRIES is "many"' in refused.log()


def test_a_stop_waits_for_what_runs_and_loses_nothing(driver: Driver, container: RunningContainer) -> None:
    slow = driver.stack.plan_fault("azure_ml", "timeout", match={"operation": "put_job"}, params={"seconds": 2})
    run_id = driver.create()
    eventually(lambda: driver.struck("azure_ml", slow), PATIENCE)

    container.begin_to_stop()

    assert container.exit_code() == 0
    queues = driver.stack.call("service_bus", "GET", "/queues")
    assert queues["run-commands"]["active"] == queues["run-commands"]["locked"] == queues["run-commands"]["dead"] == 0
    assert run_id in driver.jobs()
