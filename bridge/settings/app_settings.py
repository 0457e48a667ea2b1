"""The app's settings: read once from the environment, checked whole, every problem told at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.domain.channels import Channel
from bridge.domain.errors import ConfigurationError
from bridge.domain.queues import Queue
from bridge.settings.auth_mode import AuthMode, auth_mode, is_container
from bridge.settings.azure_identity import AzureIdentity, read_identity
from bridge.settings.channels import read_channels
from bridge.settings.reader import LOOPBACK, Reader, Secret, host_of
from bridge.settings.snowflake import SnowflakeSettings, read_snowflake

TOPIC_EXAMPLE = "https://my-topic.westeurope-1.eventgrid.azure.net/api/events"
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_APP_ROLE = re.compile(r"[!-~]{1,120}")
_APP_URI = re.compile(r"api://[!-~]{1,250}")
_NAMESPACE_ID = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[-\w.()]{1,90}/providers/Microsoft\.ServiceBus/namespaces/[a-z0-9-]{1,50}",
    re.IGNORECASE | re.ASCII,
)
NAMESPACE_ID_EXAMPLE = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/my-resource-group"
    "/providers/Microsoft.ServiceBus/namespaces/my-bridge"
)
GUID_EXAMPLE = "6f9c1c3e-0b1d-4c7a-9a51-2f1f8f6f3a10"


@dataclass(frozen=True, kw_only=True)
class EntraSettings:
    """Whose tokens let a caller in."""

    tenant_id: str
    #: `aud` of a token must be one of them.
    audiences: frozenset[str]
    #: Ids of applications.
    client_ids: frozenset[str]
    #: Of which a caller needs one; empty when none is asked for.
    app_roles: frozenset[str]
    #: Those of the ids that are Snowflake's: what it says of a query's role counts.
    snowflake_client_ids: frozenset[str]
    trust_platform_headers: bool
    #: Of the emulator; empty for Entra itself.
    authority: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the app was told; `catalogue.py` says what each setting means."""

    bridge_name: str
    auth_mode: AuthMode
    #: None while tokens do not count.
    entra: EntraSettings | None
    service_bus: Secret
    service_bus_namespace: str
    queues: Mapping[Queue, str]
    #: The namespace's ARM id; empty when nobody wants to know how long its queues are.
    service_bus_resource_id: str
    subscription_id: str
    resource_group: str
    workspace: str
    allowed_workspaces: frozenset[str]
    aml_endpoint: str
    aml_timeout_seconds: int
    #: Of all instances together.
    aml_writes_per_second: int
    execute_max_instances: int
    identity: AzureIdentity
    snowflake: SnowflakeSettings
    #: Endpoint by name, the default topic's among them.
    topics: Mapping[str, str]
    default_topic: str | None
    #: Of the default topic; empty for the app's identity, with which all others are reached.
    topic_key: Secret
    #: Of the topic of the bridge's own events; empty when they are not published.
    events_topic: str
    #: Its key; empty for the app's identity.
    events_topic_key: Secret
    #: By name, as rules.yaml has them.
    channels: Mapping[str, Channel]
    allowed_queues: frozenset[str]
    pipelines_file: Path
    rules_file: Path
    retry_tries: int
    sweep_days: int
    record_window_seconds: int
    record_all_events: bool
    #: Whether people may cancel, rerun and replay on the page.
    dashboard_actions: bool

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises: ConfigurationError with every problem."""
        settings, problems = cls.with_problems(environ)
        if problems:
            raise ConfigurationError(problems)
        return settings

    @classmethod
    def with_problems(cls, environ: Mapping[str, str]) -> "tuple[Settings, tuple[str, ...]]":
        """For who looks for faults: as far as they can be read, and what is wrong; each problem names its setting."""
        reader = Reader(environ)
        settings = _read(reader)
        return settings, tuple(reader.problems)


def _read(reader: Reader) -> Settings:
    workspace = reader.text("AML_WORKSPACE")
    reader.choice("AUTH_MODE")
    reader.choice("LOG_FORMAT")
    topics, default_topic = _topics(reader)
    mode = auth_mode(reader.environ)
    entra = mode is AuthMode.ENTRA
    if mode is AuthMode.SERVICE and not is_container(reader.environ):
        reader.problems.append(
            "AUTH_MODE is service, but the app is not a container of python -m bridge.container: use key or entra"
        )
    if not entra and reader.flag("TRUST_PLATFORM_HEADERS"):
        reader.problems.append("TRUST_PLATFORM_HEADERS is true, but AUTH_MODE is not entra: no header counts there")
    return Settings(
        bridge_name=reader.text("BRIDGE_NAME"),
        auth_mode=mode,
        entra=_entra(reader) if entra else None,
        service_bus=reader.secret("ServiceBusConnection"),
        service_bus_namespace=service_bus_namespace(reader),
        queues={queue: reader.text(f"{queue.name}_QUEUE") for queue in Queue},
        service_bus_resource_id=_namespace_id(reader),
        subscription_id=reader.text("AML_SUBSCRIPTION_ID"),
        resource_group=reader.text("AML_RESOURCE_GROUP"),
        workspace=workspace,
        allowed_workspaces=frozenset({workspace, *reader.names("ALLOWED_WORKSPACES")}),
        aml_endpoint=reader.loopback("AML_ENDPOINT", _url_host),
        aml_timeout_seconds=reader.number("AML_TIMEOUT_SECONDS"),
        aml_writes_per_second=reader.number("AML_WRITES_PER_SECOND"),
        execute_max_instances=reader.number("EXECUTE_MAX_INSTANCES"),
        identity=read_identity(reader),
        snowflake=read_snowflake(reader),
        topics=topics,
        default_topic=default_topic,
        topic_key=reader.secret("EVENT_GRID_TOPIC_KEY"),
        events_topic=_events_topic(reader),
        events_topic_key=reader.secret("BRIDGE_EVENTS_TOPIC_KEY"),
        channels=read_channels(reader),
        allowed_queues=_allowed_queues(reader),
        pipelines_file=reader.file("PIPELINES_FILE"),
        rules_file=reader.file("RULES_FILE"),
        retry_tries=reader.number("RETRY_TRIES"),
        sweep_days=reader.number("SWEEP_DAYS"),
        record_window_seconds=reader.number("RECORD_WINDOW_SECONDS"),
        record_all_events=reader.flag("RECORD_ALL_EVENTS"),
        dashboard_actions=reader.flag("DASHBOARD_ACTIONS"),
    )


def _entra(reader: Reader) -> EntraSettings:
    tenant_id = reader.text("ENTRA_TENANT_ID").lower()
    if tenant_id and not _GUID.fullmatch(tenant_id):
        reader.problems.append(f'ENTRA_TENANT_ID is "{tenant_id[:100]}": give the tenant\'s id, such as {GUID_EXAMPLE}')
    client_ids = frozenset(name.lower() for name in reader.names("ALLOWED_CLIENT_IDS"))
    if not client_ids:
        reader.problems.append("ALLOWED_CLIENT_IDS is not set: give the ids of the applications that may call")
    for name in sorted(name for name in client_ids if not _GUID.fullmatch(name)):
        example = f"give applications' ids with commas, such as {GUID_EXAMPLE}"
        reader.problems.append(f'ALLOWED_CLIENT_IDS has "{name[:100]}": {example}')
    snowflake_client_ids = frozenset(name.lower() for name in reader.names("SNOWFLAKE_CLIENT_IDS"))
    for name in sorted(snowflake_client_ids - client_ids):
        reader.problems.append(f'SNOWFLAKE_CLIENT_IDS has "{name[:100]}", ALLOWED_CLIENT_IDS does not: add it there')
    app_roles = frozenset(reader.names("ALLOWED_APP_ROLES"))
    for name in sorted(name for name in app_roles if not _APP_ROLE.fullmatch(name)):
        example = "give values of app roles with commas, such as Bridge.Submit"
        reader.problems.append(f'ALLOWED_APP_ROLES has "{name[:100]}": {example}')
    return EntraSettings(
        tenant_id=tenant_id,
        audiences=_audiences(reader),
        client_ids=client_ids,
        app_roles=app_roles,
        snowflake_client_ids=snowflake_client_ids,
        trust_platform_headers=reader.flag("TRUST_PLATFORM_HEADERS"),
        authority=reader.loopback("ENTRA_AUTHORITY", host_of).rstrip("/"),
    )


def _audiences(reader: Reader) -> frozenset[str]:
    """An application's tokens name it by its id or by its URI, as their version and who asked for them have it."""
    given = reader.text("ENTRA_AUDIENCE")
    app_id = given.lower().removeprefix("api://")
    if _GUID.fullmatch(app_id):
        return frozenset({app_id, f"api://{app_id}"})
    if given and not _APP_URI.fullmatch(given):
        example = f"give the app's own application, such as {GUID_EXAMPLE} or api://{GUID_EXAMPLE}"
        reader.problems.append(f'ENTRA_AUDIENCE is "{given[:100]}": {example}')
    return frozenset({given})


def _topics(reader: Reader) -> tuple[dict[str, str], str | None]:
    """Endpoint by name, and the default's name."""
    default = _endpoints(reader, "EVENT_GRID_TOPIC_ENDPOINT", reader.names("EVENT_GRID_TOPIC_ENDPOINT"))
    if len(default) > 1:
        reader.problems.append("EVENT_GRID_TOPIC_ENDPOINT has several topics: give one, the others in ALLOWED_TOPICS")
    others = _endpoints(reader, "ALLOWED_TOPICS", reader.names("ALLOWED_TOPICS"))
    for name in sorted(name for name in default.keys() & others.keys() if default[name] != others[name]):
        reader.problems.append(f"ALLOWED_TOPICS: {_second_topic(name)}")
    return others | default, next(iter(default), None)


def _endpoints(reader: Reader, setting: str, entries: list[str]) -> dict[str, str]:
    """Each as ENDPOINT or NAME=ENDPOINT; without a name it is the first label of the host."""
    found: dict[str, str] = {}
    for entry in entries:
        given, _, endpoint = entry.rpartition("=")
        host = host_of(endpoint)
        name = given.strip() or host.partition(".")[0]
        if not host or not (endpoint.startswith("https://") or host in LOOPBACK):
            reader.problems.append(f'{setting} has "{entry[:100]}": give a topic\'s endpoint, such as {TOPIC_EXAMPLE}')
        elif found.setdefault(name, endpoint) != endpoint:
            reader.problems.append(f"{setting}: {_second_topic(name)}")
    return found


def _events_topic(reader: Reader) -> str:
    """A topic of its own, because it takes another schema than the topics for callers."""
    given = reader.names("BRIDGE_EVENTS_TOPIC_ENDPOINT")
    if len(given) > 1:
        reader.problems.append("BRIDGE_EVENTS_TOPIC_ENDPOINT has several topics: give one")
    return next(iter(_endpoints(reader, "BRIDGE_EVENTS_TOPIC_ENDPOINT", given).values()), "")


def _second_topic(name: str) -> str:
    return f'two topics are named "{name}": give one of them another name, as in NAME={TOPIC_EXAMPLE}'


def _allowed_queues(reader: Reader) -> frozenset[str]:
    """Never those in which the app trusts what it reads, because only it and Event Grid write there."""
    names = frozenset(reader.names("ALLOWED_QUEUES"))
    for queue in (Queue.RUN_CONTROL, Queue.RUN_EVENTS, Queue.INBOUND_EVENTS):
        own = reader.environ.get(f"{queue.name}_QUEUE", "").strip().lower()
        if own in {name.lower() for name in names}:  # Service Bus does not tell cases apart
            reader.problems.append(f"ALLOWED_QUEUES has {own}: it is for the app itself; leave it out")
    return names


def service_bus_namespace(reader: Reader) -> str:
    namespace = reader.text("ServiceBusConnection__fullyQualifiedNamespace")
    if not namespace and not reader.secret("ServiceBusConnection"):
        reader.problems.append(
            "ServiceBusConnection__fullyQualifiedNamespace is not set: give it the namespace, for example "
            "my-bridge.servicebus.windows.net (or a connection string in ServiceBusConnection)"
        )
    return namespace


def _namespace_id(reader: Reader) -> str:
    given = reader.text("SERVICE_BUS_RESOURCE_ID")
    if given and not _NAMESPACE_ID.fullmatch(given):
        example = f"give the namespace's resource id, such as {NAMESPACE_ID_EXAMPLE}"
        reader.problems.append(f'SERVICE_BUS_RESOURCE_ID is "{given[:200]}": {example}')
    return given


def _url_host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition(":")[0]
