"""What happens by itself: from an event to a run, a deployment and a notification, and what holds it back."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient

from bridge.local.endpoints import EVENTS_TOPIC, Ports, events_topic
from bridge.local.processes import ROOT
from bridge.local.stack import Stack, local_stack
from tests.e2e.conftest import set_queues
from tests.e2e.driver import PATIENCE, Driver, new_key, run_id_of
from tests.e2e.test_event_doors import event, publish
from tests.eventually import eventually
from tests.webhook_receiver import Answer, Received, WebhookReceiver, webhook_receiver

SECRET = "whsec_bGFwdG9wLXdlYmhvb2stc2VjcmV0LTAxMjM0NTY3"
RULES = Path(__file__).with_name("rules_for_tests.yaml")


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver(SECRET) as running:
        yield running


@pytest.fixture(scope="module")
def stack(receiver: WebhookReceiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own: with rules, with a channel, and with the bridge's own events published."""
    pipelines = tmp_path_factory.mktemp("rules") / "pipelines.yaml"
    text = (ROOT / "pipelines.yaml").read_text(encoding="utf-8")
    pipelines.write_text(text.replace("principals: [key, ", "principals: [key, 'rule:*', "), encoding="utf-8")

    def settings(ports: Ports) -> Mapping[str, str]:
        files = {"PIPELINES_FILE": str(pipelines), "RULES_FILE": str(RULES)}
        channel = {"NOTIFY_OPS_URL": receiver.url, "NOTIFY_OPS_SECRET": SECRET}
        return {**files, **channel, **events_topic(ports)}

    with local_stack(settings=settings) as running:
        set_queues(running)
        yield running


@pytest.fixture(scope="module")
def driver(stack: Stack) -> Iterator[Driver]:
    with Driver(stack) as driver:
        yield driver


def report_drift(driver: Driver, coefficient: float, name: str = "churn-drift") -> str:
    """Have the workspace report drift; the event's id."""
    event_id = str(uuid.uuid4())
    data = {"DataDriftName": name, "DriftCoefficient": coefficient}
    driver.stack.call("azure_ml", "POST", "/events", {"type": "DatasetDriftDetected", "data": data, "id": event_id})
    return event_id


def decisions(driver: Driver, event_id: str) -> dict[str, tuple[str, str | None]]:
    """By rule: what came of the event, and why."""
    rows = driver.sql("SELECT rule, status, reason FROM rule_decisions WHERE event_id = ?", event_id)
    return {rule: (status, reason) for rule, status, reason in rows}


def decided(driver: Driver, event_id: str, rule: str, status: str, reason: str | None = None) -> None:
    eventually(
        lambda: decisions(driver, event_id).get(rule) == (status, reason),
        PATIENCE,
        what=lambda: f"{rule} decided {decisions(driver, event_id)}, not {status} {reason}",
    )


def timeline(driver: Driver, correlation_id: str) -> list[tuple[str, str, str | None]]:
    sql = "SELECT kind, name, status FROM timeline WHERE correlation_id = ? ORDER BY occurred_at"
    return [(kind, name, status) for kind, name, status in driver.sql(sql, correlation_id)]


def told(receiver: WebhookReceiver, name: str) -> list[Received]:
    """The signed notifications about this run, or that belong to this id."""
    found = [(each, each.document["data"]) for each in receiver.received]
    return [each for each, data in found if name in {data.get("run_id"), data["correlation_id"]}]


def deployments(driver: Driver) -> list[Any]:
    return [each for endpoint in driver.stack.call("azure_ml", "GET", "/endpoints") for each in endpoint["deployments"]]


def deployed(driver: Driver, correlation_id: str) -> list[str]:
    """The deployments that belong to this."""
    return [each["name"] for each in deployments(driver) if each["tags"].get("bridge_correlation_id") == correlation_id]


def traffic(driver: Driver) -> dict[str, int]:
    (endpoint,) = driver.stack.call("azure_ml", "GET", "/endpoints")
    return dict(endpoint["traffic"])


def let_time_pass(driver: Driver, *, until: Callable[[], bool]) -> None:
    """Move the clock from one scheduled step to the next."""
    for _ in range(8):
        if until():
            return
        if eventually(lambda: driver.scheduled("run-control") or until(), PATIENCE):
            driver.stack.advance(15 * 60)
        driver.wait_until_quiet()
    eventually(until, PATIENCE)


def published(driver: Driver) -> list[dict[str, Any]]:
    """What the bridge has told others so far, taken from the queue behind its topic."""
    connection = driver.stack.endpoints["service_bus"]["connection_string"]
    with (
        ServiceBusClient.from_connection_string(connection) as client,
        client.get_queue_receiver(EVENTS_TOPIC) as queue,
    ):
        found = []
        while messages := queue.receive_messages(max_message_count=100, max_wait_time=1):
            for message in messages:
                found.append(json.loads(str(message)))
                queue.complete_message(message)
        return found


def test_drift_leads_to_a_run_a_model_a_deployment_and_a_notification(
    driver: Driver, receiver: WebhookReceiver
) -> None:
    doubled = driver.stack.plan_fault("event_grid", "duplicate", times=3, match={"door": "workspace"})

    drift = report_drift(driver, 0.42)
    receiver.answers.append(Answer(503, about=drift))

    # The rule starts the training; its step registers the model with the tags of its run; the next rule deploys that.
    decided(driver, drift, "retrain-on-drift", "FIRED")
    (model,) = eventually(lambda: deployed(driver, drift), PATIENCE)
    let_time_pass(driver, until=lambda: len(told(receiver, drift)) == 2)
    eventually(lambda: set(timeline(driver, drift)) >= ENDS, PATIENCE, what=lambda: str(timeline(driver, drift)))

    mine = [job for job in driver.jobs().values() if job["tags"].get("bridge_correlation_id") == drift]
    assert sorted(job["tags"]["bridge_source"] for job in mine) == [
        "rule:retrain-on-drift",
        "rule:score-what-was-trained",
    ]
    assert deployed(driver, drift) == [model], "once, however often its event came"
    assert (model, 100) in traffic(driver).items()
    first, second = told(receiver, drift)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert second.document["data"]["title"] == f"{model.replace('-', ' ')} serves"
    assert receiver.refused == []
    assert driver.stack.fault("event_grid", doubled)["consumed"]
    found = timeline(driver, drift)
    assert [step for step in found if step in CHAIN] == list(CHAIN)
    assert set(found) >= {("rule", "only-looking", "NOT_FIRED"), ("rule", "copy-what-was-scored", "DONE")}
    (scored,) = [job["name"] for job in mine if job["tags"]["bridge_source"] == "rule:score-what-was-trained"]
    copied = driver.stack.call("azure_ml", "GET", "/data-factory-runs")
    assert [each["pipeline"] for each in copied if each["parameters"]["run"] == scored] == ["copy-scores"]


#: In this order, whatever else there is in between.
CHAIN = (
    ("event", "Microsoft.MachineLearningServices.DatasetDriftDetected", None),
    ("run", "churn-retraining", "ACCEPTED"),
    ("run", "churn-retraining", "RUNNING"),
    ("run", "churn-retraining", "COMPLETED"),
    ("rule", "deploy-production-models", "FIRED"),
    ("event", "Bridge.DeploymentEnded", None),
    ("rule", "tell-about-deployments", "DONE"),
)
ENDS = {CHAIN[-1], ("rule", "copy-what-was-scored", "DONE")}


def test_others_are_told_by_cloud_events(driver: Driver) -> None:
    run_id, drift = driver.create(), report_drift(driver, 0.7, "told-drift")
    driver.wait_for(run_id, "COMPLETED")
    found: dict[str, dict[str, Any]] = {}

    def all_told() -> bool:
        found.update({each["id"]: each for each in published(driver)})
        mine = {each["type"] for each in found.values() if each["data"].get("run_id") == run_id}
        fired = [each["data"]["rule"] for each in found.values() if each["data"].get("event_id") == drift]
        return mine == {"Bridge.RunAccepted", "Bridge.RunCompleted"} and fired == ["retrain-on-drift"]

    eventually(all_told, PATIENCE, what=lambda: str([(each["type"], each["subject"]) for each in found.values()]))

    assert {(each["specversion"], each["source"]) for each in found.values()} == {("1.0", "/aml-bridge/laptop")}


def test_a_rule_acts_once_in_its_cool_down_and_not_on_little_drift(driver: Driver) -> None:
    first = report_drift(driver, 0.5, "other-drift")
    decided(driver, first, "retrain-on-drift", "FIRED")

    second, little = report_drift(driver, 0.9, "other-drift"), report_drift(driver, 0.1, "other-drift")

    decided(driver, second, "retrain-on-drift", "NOT_FIRED", "cool_down")
    decided(driver, little, "retrain-on-drift", "NOT_FIRED", "where")


def test_a_failure_is_told_with_its_error_although_azure_ml_said_nothing(
    driver: Driver, receiver: WebhookReceiver
) -> None:
    key = new_key()
    run_id = run_id_of("always-fails", key)
    silence = driver.stack.plan_fault("event_grid", "drop", times=None, match={"subject": run_id})
    driver.create("always-fails", key, reason="to tell")
    driver.wait_for(run_id, "SUBMITTED")
    driver.make_due("run-control")

    (told_of,) = eventually(lambda: told(receiver, run_id), PATIENCE)

    assert told_of.document["data"]["title"] == "always-fails failed"
    assert "column AS_OF is missing" in told_of.document["data"]["text"]
    assert driver.struck("event_grid", silence)
    driver.stack.call("event_grid", "DELETE", "/faults")


def test_a_notification_that_is_refused_is_kept_and_replayed_under_its_id(
    driver: Driver, receiver: WebhookReceiver
) -> None:
    key = new_key()
    run_id = run_id_of("always-fails", key)
    receiver.answers.append(Answer(410, about=run_id))
    driver.create("always-fails", key, reason="to be refused")
    eventually(lambda: told(receiver, run_id), PATIENCE)
    letters = "SELECT dead_letter_id FROM dead_letters WHERE run_id = ? AND reason = 'WEBHOOK_REFUSED'"
    ((letter,),) = eventually(lambda: driver.sql(letters, run_id), PATIENCE)

    answer = driver.http.post(f"/dead-letters/{letter}/replay")

    assert answer.status_code == 202
    first, second = eventually(lambda: told(receiver, run_id)[1:] and told(receiver, run_id), PATIENCE)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    (event_id,) = {each.document["data"]["event"]["id"] for each in (first, second)}
    decided(driver, event_id, "tell-about-failures", "DONE")


def test_an_unhealthy_deployment_gets_no_traffic(driver: Driver) -> None:
    tags = {"stage": "prod", "emulator.deployment": "failed", "bridge_correlation_id": "unhealthy"}

    driver.stack.call("azure_ml", "POST", "/models", {"name": "frail", "tags": tags})

    eventually(lambda: any(each["name"] == "frail-1" for each in deployments(driver)), PATIENCE)
    wanted = ("rule", "deploy-production-models", "FAILED")
    let_time_pass(driver, until=lambda: wanted in timeline(driver, "unhealthy"))
    assert "frail-1" not in traffic(driver)


def test_a_rule_is_not_fired_by_what_it_did_itself_nor_by_forged_ends(
    driver: Driver, receiver: WebhookReceiver
) -> None:
    ping, forged = str(uuid.uuid4()), str(uuid.uuid4())
    end = {"run_id": "r-" + "a" * 26, "status": "FAILED", "pipeline": "forged", "correlation_id": forged}

    publish(driver, event({}, ping, "Tests.Ping"), event(end, forged, "Bridge.RunEnded"))

    rows = {("rule", "never-ending", status) for status in ("FIRED", "DONE", "NOT_FIRED")}
    eventually(lambda: set(timeline(driver, ping)) >= rows, PATIENCE, what=lambda: str(timeline(driver, ping)))
    driver.wait_until_quiet()
    assert len([each for each in timeline(driver, ping) if each[0] == "event"]) == 2
    assert timeline(driver, forged) == []
    assert told(receiver, forged) == []
