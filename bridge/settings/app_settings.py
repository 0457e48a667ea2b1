"""The app's settings: read once from the environment, checked whole, every problem told at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.domain.channels import Channel
from bridge.domain.errors import ConfigurationError
from bridge.domain.queues import Queue
from bridge.settings.auth_mode import AuthMode, auth_mode
from bridge.settings.channels import read_channels
from bridge.settings.log_format import LogFormat
from bridge.settings.reader import LOOPBACK, Reader, Secret, host_of

TOPIC_EXAMPLE = "https://my-topic.westeurope-1.eventgrid.azure.net/api/events"
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_APP_ROLE = re.compile(r"[!-~]{1,120}")
_APP_URI = re.compile(r"api://[!-~]{1,250}")
GUID_EXAMPLE = "6f9c1c3e-0b1d-4c7a-9a51-2f1f8f6f3a10"


@dataclass(frozen=True, kw_only=True)
class SnowflakeSettings:
    """How the app reaches its ledger."""

    account: str
    user: str
    authenticator: str
    password: Secret
    private_key: Secret
    token: Secret
    role: str
    warehouse: str
    database: str
    schema: str
    #: Set for the laptop stack only.
    host: str
    port: int
    protocol: str

    def connection_arguments(self) -> dict[str, Any]:
        """For `snowflake.connector.connect`: nothing that is not set."""
        arguments: dict[str, Any] = {
            "account": self.account,
            "user": self.user,
            "role": self.role,
            "warehouse": self.warehouse,
            "database": self.database,
            "schema": self.schema,
            "host": self.host,
            "password": self.password.reveal(),
            "private_key": self.private_key.reveal(),
            "token": self.token.reveal(),
            "authenticator": self.authenticator,
        }
        if self.authenticator == "WORKLOAD_IDENTITY":
            arguments["workload_identity_provider"] = "AZURE"
        if self.host:
            arguments |= {"port": self.port, "protocol": self.protocol}
        return {name: value for name, value in arguments.items() if value}


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
    """What the app was told. Field by field as in the README's table."""

    bridge_name: str
    #: None while function keys are what counts.
    entra: EntraSettings | None
    service_bus: Secret
    service_bus_namespace: str
    queues: Mapping[Queue, str]
    subscription_id: str
    resource_group: str
    workspace: str
    allowed_workspaces: frozenset[str]
    aml_endpoint: str
    aml_timeout_seconds: int
    #: Of all instances together.
    aml_writes_per_second: int
    execute_max_instances: int
    client_id: str
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

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises: ConfigurationError with every problem."""
        reader = Reader(environ)
        settings = _read(reader)
        if reader.problems:
            raise ConfigurationError(reader.problems)
        return settings


def _read(reader: Reader) -> Settings:
    workspace = reader.text("AML_WORKSPACE")
    reader.choice("AUTH_MODE", "key", tuple(AuthMode))
    reader.choice("LOG_FORMAT", "text", tuple(LogFormat))
    topics, default_topic = _topics(reader)
    entra = auth_mode(reader.environ) is AuthMode.ENTRA
    if not entra and _trusts_platform_headers(reader):
        reader.problems.append("TRUST_PLATFORM_HEADERS is true, but AUTH_MODE is not entra: no header counts there")
    return Settings(
        bridge_name=reader.text("BRIDGE_NAME", "bridge"),
        entra=_entra(reader) if entra else None,
        service_bus=reader.secret("ServiceBusConnection"),
        service_bus_namespace=_namespace(reader),
        queues={queue: reader.text(f"{queue.name}_QUEUE") for queue in Queue},
        subscription_id=reader.text("AML_SUBSCRIPTION_ID"),
        resource_group=reader.text("AML_RESOURCE_GROUP"),
        workspace=workspace,
        allowed_workspaces=frozenset({workspace, *reader.names("ALLOWED_WORKSPACES")}),
        aml_endpoint=reader.loopback("AML_ENDPOINT", _url_host),
        aml_timeout_seconds=reader.number("AML_TIMEOUT_SECONDS", 30, least=1, most=45),
        aml_writes_per_second=reader.number("AML_WRITES_PER_SECOND", 10, least=1, most=10_000),
        execute_max_instances=reader.number("EXECUTE_MAX_INSTANCES", 4, least=1, most=1000),
        client_id=reader.text("AZURE_CLIENT_ID", ""),
        snowflake=_snowflake(reader),
        topics=topics,
        default_topic=default_topic,
        topic_key=reader.secret("EVENT_GRID_TOPIC_KEY"),
        events_topic=_events_topic(reader),
        events_topic_key=reader.secret("BRIDGE_EVENTS_TOPIC_KEY"),
        channels=read_channels(reader),
        allowed_queues=_allowed_queues(reader),
        pipelines_file=reader.file("PIPELINES_FILE", "pipelines.yaml"),
        rules_file=reader.file("RULES_FILE", "rules.yaml"),
        retry_tries=reader.number("RETRY_TRIES", 200, least=1, most=10_000),
        sweep_days=reader.number("SWEEP_DAYS", 3, least=1, most=31),
        record_window_seconds=reader.number("RECORD_WINDOW_SECONDS", 30, least=1, most=150),
        record_all_events=reader.choice("RECORD_ALL_EVENTS", "false", ("true", "false")).lower() == "true",
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
        trust_platform_headers=_trusts_platform_headers(reader),
        authority=reader.loopback("ENTRA_AUTHORITY", host_of).rstrip("/"),
    )


def _trusts_platform_headers(reader: Reader) -> bool:
    return reader.choice("TRUST_PLATFORM_HEADERS", "false", ("true", "false")).lower() == "true"


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


def _namespace(reader: Reader) -> str:
    namespace = reader.text("ServiceBusConnection__fullyQualifiedNamespace", "")
    if not namespace and not reader.secret("ServiceBusConnection"):
        reader.problems.append(
            "ServiceBusConnection__fullyQualifiedNamespace is not set: give it the namespace, for example "
            "my-bridge.servicebus.windows.net (or a connection string in ServiceBusConnection)"
        )
    return namespace


def _snowflake(reader: Reader) -> SnowflakeSettings:
    host = reader.loopback("SNOWFLAKE_HOST", str)
    authenticator = reader.choice(
        "SNOWFLAKE_AUTHENTICATOR",
        "WORKLOAD_IDENTITY",
        ("WORKLOAD_IDENTITY", "SNOWFLAKE_JWT", "OAUTH", "PROGRAMMATIC_ACCESS_TOKEN", "SNOWFLAKE"),
    ).upper()
    needed = {
        "SNOWFLAKE_JWT": "SNOWFLAKE_PRIVATE_KEY",
        "OAUTH": "SNOWFLAKE_TOKEN",
        "PROGRAMMATIC_ACCESS_TOKEN": "SNOWFLAKE_TOKEN",  # nosec B105 # a setting's name
        "SNOWFLAKE": "SNOWFLAKE_PASSWORD",
    }.get(authenticator)
    if needed and not reader.secret(needed):
        reader.problems.append(f"{needed} is not set, but SNOWFLAKE_AUTHENTICATOR is {authenticator}")
    if authenticator == "SNOWFLAKE" and not host:
        reader.problems.append(
            "SNOWFLAKE_AUTHENTICATOR is SNOWFLAKE: passwords are for the emulator only; use WORKLOAD_IDENTITY"
        )
    return SnowflakeSettings(
        account=reader.text("SNOWFLAKE_ACCOUNT"),
        user=reader.text("SNOWFLAKE_USER"),
        authenticator=authenticator,
        password=reader.secret("SNOWFLAKE_PASSWORD"),
        private_key=reader.secret("SNOWFLAKE_PRIVATE_KEY"),
        token=reader.secret("SNOWFLAKE_TOKEN"),
        role=reader.text("SNOWFLAKE_ROLE", "ML_BRIDGE_WRITER"),
        warehouse=reader.text("SNOWFLAKE_WAREHOUSE", "ML_BRIDGE_WH"),
        database=reader.text("SNOWFLAKE_DATABASE"),
        schema=reader.text("SNOWFLAKE_SCHEMA", "ML_BRIDGE"),
        host=host,
        port=reader.number("SNOWFLAKE_PORT", 443, least=1, most=65535),
        protocol=reader.choice("SNOWFLAKE_PROTOCOL", "https", ("https", "http")).lower(),
    )


def _url_host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition(":")[0]
