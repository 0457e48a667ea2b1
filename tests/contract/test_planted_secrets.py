"""Every adapter fails with secrets in its hands, over its real SDK; no log, answer or row has any of them."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge import telemetry
from bridge.adapters.azureml import AmlJobs
from bridge.adapters.azureml_clients import AmlClients
from bridge.adapters.azureml_endpoints import AmlDeployments
from bridge.adapters.credential import EmulatorCredential
from bridge.adapters.datafactory import AzureDataFactories
from bridge.adapters.entra import EntraAuthenticator
from bridge.adapters.eventgrid import EventGridTopics
from bridge.adapters.memory import MemoryQueues
from bridge.adapters.servicebus import ServiceBusQueues
from bridge.adapters.snowflake import SnowflakeLedger
from bridge.adapters.webhooks import Webhooks
from bridge.domain import masking
from bridge.domain.actions import Deploy, Notify, Occasion, Publish, RunDataFactory
from bridge.domain.channels import Channel, ChannelKind
from bridge.domain.commands import CheckRun
from bridge.domain.errors import BridgeError
from bridge.domain.outgoing import OutgoingEvent
from bridge.domain.queues import Queue
from bridge.handlers import queues as queue_handlers
from bridge.handlers import runs as run_handlers
from bridge.payloads import bodies
from bridge.payloads.control import ControlCommand
from bridge.ports import Bridge, Message
from bridge.settings.app_settings import Settings
from bridge.settings.secrets import secret_values
from tests.contract.azure_clients import clients_at
from tests.security.echo import Echo, echo
from tests.unit.invocations import http
from tests.unit.invocations import message as delivery

SAS_KEY = "cGxhbnRlZC1zYXMta2V5LXRoYXQtaXMtd3Jvbmc="
TOPIC_KEY = "cGxhbnRlZC10b3BpYy1rZXktMTIzNDU2Nzg5MA=="
PASSWORD, TOKEN = "planted-password-1", "planted-snowflake-token-1"
WEBHOOK_SECRET = "whsec_cGxhbnRlZC1zZWNyZXQtb2YtYS13ZWJob29rLTE="
WEBHOOK_PATH = "/workflows/0a1b2c3d4e5f60718293a4b5c6d7/run?sig=planted-hook-signature"
HOOK = ("0a1b2c3d4e5f60718293a4b5c6d7", "planted-hook-signature")
PLANTED = (SAS_KEY, TOPIC_KEY, PASSWORD, TOKEN, WEBHOOK_SECRET, *HOOK)
#: Of the app's identity: nobody has configured it.
BEARER = "eyJ"
WHY = Occasion(rule="r", action_id="a1", event_id="e1", event_type="T", correlation_id="c")


@pytest.fixture
def service() -> Iterator[Echo]:
    with echo() as running:
        yield running


@pytest.fixture
def environ(service: Echo) -> dict[str, str]:
    return {
        "ServiceBusConnection": f"Endpoint=sb://127.0.0.1/;SharedAccessKeyName=n;SharedAccessKey={SAS_KEY}",
        "EVENT_GRID_TOPIC_KEY": TOPIC_KEY,
        "SNOWFLAKE_PASSWORD": PASSWORD,
        "SNOWFLAKE_TOKEN": TOKEN,
        "NOTIFY_OPS_URL": service.url + WEBHOOK_PATH,
        "NOTIFY_OPS_SECRET": WEBHOOK_SECRET,
    }


@pytest.fixture(autouse=True)
def logged(environ: dict[str, str], caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """All that every logger has to say, the most talkative SDK's too."""
    factory, kept = logging.getLogRecordFactory(), masking._HIDDEN[:]
    telemetry.install()
    masking.hide(secret_values(environ))
    caplog.set_level(logging.DEBUG)
    for name in ("azure", "snowflake", "urllib3", "bridge"):
        caplog.set_level(logging.DEBUG, logger=name)
    yield lambda: caplog.text
    logging.setLogRecordFactory(factory)
    masking._HIDDEN[:] = kept


def assert_kept(*texts: str) -> None:
    for text in texts:
        assert [secret for secret in (*PLANTED, BEARER) if secret in text] == [], text[:5000]


def failed(call: Callable[[], object]) -> str:
    """What the failure says: its own text, and how the log shows it with all that led to it."""
    with pytest.raises(BridgeError) as caught:
        call()
    logging.getLogger("bridge.test").error("it failed", exc_info=caught.value)
    return str(caught.value)


@pytest.fixture
def clients(service: Echo) -> Iterator[AmlClients]:
    with clients_at(service.url, read_seconds=5) as made:
        yield made


def topics_of(service: Echo) -> EventGridTopics:
    topic = f"{service.url}/api/events"
    return EventGridTopics(keys={topic: TOPIC_KEY}, credential=EmulatorCredential)


def event() -> OutgoingEvent:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    return OutgoingEvent(event_id="e", event_type="T", subject="s", data={}, occurred_at=at)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_a_topics_key(service: Echo, logged: Callable[[], str], status: int) -> None:
    service.status = status

    said = failed(lambda: topics_of(service).publish(f"{service.url}/api/events", [event()]))

    assert any(TOPIC_KEY in text for text in service.repeated), "the service had it to tell"
    assert_kept(said, logged())


@pytest.mark.parametrize("status", [400, 401, 403, 409, 500])
@pytest.mark.parametrize("call", ["get", "cancel", "endpoint", "data factory"])
def test_the_token_of_the_apps_identity(
    service: Echo, clients: AmlClients, logged: Callable[[], str], status: int, call: str
) -> None:
    service.status = status
    factories = AzureDataFactories(clients.arm, subscription_id="s", resource_group="g")
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: AmlJobs(clients).get("ws", "r-1"),
        "cancel": lambda: AmlJobs(clients).cancel("ws", "r-1"),
        "endpoint": lambda: AmlDeployments(clients).get("ws", "e", "d"),
        "data factory": lambda: factories.start(RunDataFactory(occasion=WHY, factory="f", pipeline="p")),
    }

    said = failed(calls[call])

    assert any("Bearer eyJ" in text for text in service.repeated)
    assert_kept(said, logged())


@pytest.mark.parametrize("kind", ["password", "token"])
@pytest.mark.parametrize("status", [200, 400, 403])
def test_what_snowflake_is_signed_in_with(service: Echo, logged: Callable[[], str], kind: str, status: int) -> None:
    service.status = status
    arguments: dict[str, Any] = {"account": "a", "user": "u", "host": "127.0.0.1", "protocol": "http"}
    arguments |= {"port": service.server_port}
    ways = {"password": {"password": PASSWORD}, "token": {"authenticator": "PROGRAMMATIC_ACCESS_TOKEN", "token": TOKEN}}
    ledger = SnowflakeLedger(arguments | ways[kind])

    said = failed(lambda: ledger.run("r-1"))

    planted = PASSWORD if kind == "password" else TOKEN
    assert any(planted in text for text in service.repeated)
    assert_kept(said, logged())


def test_the_key_of_the_queues(settings: Settings, logged: Callable[[], str], bridge: Bridge) -> None:
    right = settings.service_bus.reveal()
    wrong = ";".join(
        f"SharedAccessKey={SAS_KEY}" if part.startswith("SharedAccessKey=") else part for part in right.split(";")
    )
    assert wrong != right
    sender = ServiceBusQueues(
        connection_string=wrong, namespace="", credential=EmulatorCredential, names=settings.queues
    )
    check = CheckRun(run_id="r-" + "a" * 26, workspace="ws", step=1)

    said = failed(lambda: sender.send(Queue.RUN_CONTROL, [Message(message_id="m", body=check)]))
    answer = run_handlers.create(
        http(body={"pipeline": "train", "inputs": {"as_of": "2026-11-01"}}), lambda: replace(bridge, sender=sender)
    )
    sender.close()

    assert "refused" in said
    assert answer.status_code == 503
    assert_kept(said, logged(), answer.get_body().decode())


@pytest.mark.parametrize("status", [302, 400, 429, 500])
@pytest.mark.parametrize("kind", ChannelKind)
def test_the_address_of_a_webhook(service: Echo, logged: Callable[[], str], kind: ChannelKind, status: int) -> None:
    service.status = status
    url = service.url + WEBHOOK_PATH
    webhooks = Webhooks({"ops": Channel(name="ops", kind=kind, url=url, secret=WEBHOOK_SECRET)})
    told = Notify(occasion=WHY, channel="ops", title="t", text="t")

    said = failed(lambda: webhooks.send(told, at=datetime.now(UTC)))

    assert any("planted-hook-signature" in text for text in service.repeated)
    assert_kept(said, logged())


def test_the_address_of_a_webhook_that_is_not_there(logged: Callable[[], str]) -> None:
    from bridge.local.processes import free_port

    url = f"http://127.0.0.1:{free_port()}{WEBHOOK_PATH}"
    webhooks = Webhooks({"ops": Channel(name="ops", kind=ChannelKind.WEBHOOK, url=url, secret=WEBHOOK_SECRET)})

    said = failed(lambda: webhooks.send(Notify(occasion=WHY, channel="ops", title="t", text="t"), at=datetime.now(UTC)))

    assert_kept(said, logged())


@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_callers_token_while_the_keys_cannot_be_fetched(
    service: Echo, logged: Callable[[], str], status: int
) -> None:
    import jwt

    service.status = status
    authenticator = EntraAuthenticator(tenant_id="t", audiences=["a"], client_ids=["c"], authority=service.url)
    key = "-".join(["no secret at all"] * 4)
    token = jwt.encode({"aud": "a"}, key, "HS256", headers={"kid": "k", "alg": "HS256"})
    header = jwt.utils.base64url_encode(json.dumps({"alg": "RS256", "kid": "k"}).encode()).decode()
    token = f"{header}.{token.partition('.')[2]}"

    said = failed(lambda: authenticator.identify({"authorization": f"Bearer {token}"}))

    assert service.repeated, "the keys were asked for"
    assert_kept(said, logged())


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_what_is_sent_to_the_ledger_about_a_failed_action(  # noqa: PLR0917 - fixtures
    service: Echo, clients: AmlClients, bridge: Bridge, queues: MemoryQueues, logged: Callable[[], str], status: int
) -> None:
    service.status = status
    url = service.url + WEBHOOK_PATH
    reactions = replace(
        bridge.reactions,
        notifier=Webhooks({"ops": Channel(name="ops", kind=ChannelKind.TEAMS, url=url, secret="")}),
        factories=AzureDataFactories(clients.arm, subscription_id="s", resource_group="g"),
        deployments=AmlDeployments(clients),
    )
    topic = f"{service.url}/api/events"
    outbound = replace(bridge.outbound, publisher=topics_of(service), topics={"main": topic})
    failing = replace(bridge, reactions=reactions, outbound=outbound, jobs=AmlJobs(clients))
    commands: list[ControlCommand] = [
        Notify(occasion=WHY, channel="ops", title="t", text="t"),
        RunDataFactory(occasion=WHY, factory="f", pipeline="p"),
        Publish(occasion=WHY, topic="main", events=(event(),)),
        Deploy(
            occasion=WHY, workspace="ws1", endpoint="e", deployment="d-1", model_name="d", model_version="1",
            instance_type="Standard_DS3_v2",
        ),
        CheckRun(run_id="r-" + "a" * 26, workspace="ws", step=1),
    ]  # fmt: skip

    for command in commands:
        queue_handlers.control(delivery(bodies.write(command)), failing)

    sent = [bodies.write(each.body) for messages in queues.sent.values() for each in messages]
    actions = len(commands) - 1  # a job that is not there is nothing to tell of
    assert len(sent) >= actions, "each failed, or is tried again"
    assert len(service.repeated) >= actions
    assert_kept(*sent, logged())


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_what_is_sent_to_the_ledger_about_a_run_that_was_refused(  # noqa: PLR0917 - fixtures
    service: Echo, clients: AmlClients, bridge: Bridge, queues: MemoryQueues, logged: Callable[[], str], status: int
) -> None:
    service.status = status
    command = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}, "idempotency_key": "k"}

    queue_handlers.execute(delivery(command), replace(bridge, jobs=AmlJobs(clients)))

    sent = [bodies.write(each.body) for messages in queues.sent.values() for each in messages]
    assert any("Bearer eyJ" in text for text in service.repeated)
    assert any(word in text for text in sent for word in ("FAILED", "RETRY_SCHEDULED"))
    assert_kept(*sent, logged())
