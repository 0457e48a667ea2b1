"""What a deployment fills into the scripts: a YAML file, checked so that no value can break out of its literal."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError


class InvalidValues(Exception):
    """The values cannot be used; every problem is named, with what would be right."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(self.problems))


def _like(pattern: str, fix: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"is {text!r}: give {fix}")
        return text

    return AfterValidator(check)


_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_NAME = "a plain identifier such as ML_BRIDGE: letters, digits and underscores, not quoted"

Identifier = Annotated[str, _like(r"[A-Za-z_][A-Za-z0-9_]{0,127}", _NAME)]
Guid = Annotated[
    str, _like(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "a GUID, without brackets or spaces")
]
AppHost = Annotated[
    str,
    _like(rf"(?:{_LABEL}\.)+{_LABEL}", "a host name in small letters such as NAME.azurewebsites.net, without https://"),
]
BusHost = Annotated[str, _like(rf"{_LABEL}\.servicebus\.windows\.net", "NAME.servicebus.windows.net in small letters")]
TopicHost = Annotated[
    str, _like(rf"{_LABEL}\.{_LABEL}\.eventgrid\.azure\.net", "NAME.REGION-1.eventgrid.azure.net in small letters")
]
ApiUrl = Annotated[
    str,
    _like(
        rf"https://{_LABEL}\.azure-api\.net(?:/[A-Za-z0-9._-]+)*",
        "https://NAME.azure-api.net/PATH, no slash at the end",
    ),
]
KeyName = Annotated[str, _like(r"[A-Za-z0-9._-]{1,256}", "the name of a shared access policy such as send-commands")]
BridgeName = Annotated[str, _like(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "the app's BRIDGE_NAME, such as bridge")]
TableName = Annotated[
    str, _like(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*){0,2}", "a table such as SALES.PUBLIC.PREDICTIONS")
]
BlobUrl = Annotated[
    str,
    _like(
        r"azure://[a-z0-9]{3,24}\.blob\.core\.windows\.net/[a-z0-9-]{3,63}(?:/[A-Za-z0-9._-]+)*",
        "azure://ACCOUNT.blob.core.windows.net/CONTAINER/PATH, no slash at the end",
    ),
]
DatastorePath = Annotated[
    str,
    _like(
        r"azureml://datastores/[A-Za-z0-9_-]+/paths(?:/[A-Za-z0-9._-]+)*",
        "azureml://datastores/NAME/paths/PATH, no slash at the end",
    ),
]


ImageName = Annotated[
    str,
    _like(r"[a-z0-9][a-z0-9._-]{0,99}:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", "NAME:TAG in small letters, as it is pushed"),
]
Region = Annotated[str, _like(r"[a-z0-9]{3,40}", "the workspace's region such as westeurope")]
AzureName = Annotated[
    str, _like(r"[A-Za-z0-9._-]{1,90}", "a name in Azure: letters, digits, dots, underscores, hyphens")
]


class Door(StrEnum):
    """A way from SQL to the bridge, as a values file names it."""

    EXTERNAL_FUNCTIONS = "external_functions"
    SERVICE_FUNCTIONS = "service_functions"
    PROCEDURES_KEY = "procedures_key"
    PROCEDURES_KEYLESS = "procedures_keyless"
    SERVICE_BUS_KEY = "service_bus_key"
    SERVICE_BUS_KEYLESS = "service_bus_keyless"
    EVENT_GRID_KEY = "event_grid_key"
    EVENT_GRID_KEYLESS = "event_grid_keyless"
    NOTIFICATIONS = "notifications"
    HAND_OVER = "hand_over"


#: They would make the same functions or procedures.
EITHER_OR = (
    (Door.EXTERNAL_FUNCTIONS, Door.SERVICE_FUNCTIONS),
    (Door.PROCEDURES_KEY, Door.PROCEDURES_KEYLESS),
    (Door.SERVICE_BUS_KEY, Door.SERVICE_BUS_KEYLESS),
    (Door.EVENT_GRID_KEY, Door.EVENT_GRID_KEYLESS),
)
_KEYLESS = ("tenant_id", "client_id")
#: Values that a door cannot do without.
NEEDS: Mapping[Door, tuple[str, ...]] = {
    Door.EXTERNAL_FUNCTIONS: ("tenant_id", "app_id", "api_url"),
    Door.SERVICE_FUNCTIONS: (
        *("tenant_id", "service_client_id", "service_image", "service_bus_host"),
        *("aml_subscription_id", "aml_resource_group", "aml_workspace", "aml_region"),
    ),
    Door.PROCEDURES_KEY: ("app_host",),
    Door.PROCEDURES_KEYLESS: ("app_host", "app_id", *_KEYLESS),
    Door.SERVICE_BUS_KEY: ("service_bus_host",),
    Door.SERVICE_BUS_KEYLESS: ("service_bus_host", *_KEYLESS),
    Door.EVENT_GRID_KEY: ("topic_host",),
    Door.EVENT_GRID_KEYLESS: ("topic_host", *_KEYLESS),
    Door.NOTIFICATIONS: ("tenant_id", "notification_topic_host"),
    Door.HAND_OVER: ("tenant_id", "exchange_url", "datastore_path", "predictions_table"),
}
#: What a procedure of the door carries, by its name in SQL.
SECRETS: Mapping[Door, str] = {
    Door.PROCEDURES_KEY: "ML_BRIDGE_KEY",
    Door.SERVICE_BUS_KEY: "ML_BRIDGE_SEND_KEY",
    Door.EVENT_GRID_KEY: "ML_BRIDGE_TOPIC_KEY",
    Door.PROCEDURES_KEYLESS: "ML_BRIDGE_IDENTITY",
    Door.SERVICE_BUS_KEYLESS: "ML_BRIDGE_IDENTITY",
    Door.EVENT_GRID_KEYLESS: "ML_BRIDGE_IDENTITY",
}


class Values(BaseModel):
    """One deployment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account_script: bool = Field(True, description="whether 010_account.sql is run, which needs admin_role")
    admin_role: Identifier = Field("ACCOUNTADMIN", description="role that runs 010_account.sql")
    owner_role: Identifier = Field("ML_BRIDGE_OWNER", description="role that owns and deploys everything else")
    prefix: Identifier = Field("ML_BRIDGE", description="start of the names of roles, user and integrations")
    warehouse: Identifier = Field("ML_BRIDGE_WH", description="warehouse of the app and of the tasks")
    credit_quota: int = Field(30, ge=1, le=100_000, description="credits a month before the warehouse is suspended")
    database: Identifier = Field(description="database of the schema")
    schema_name: Identifier = Field(
        "ML_BRIDGE", alias="schema", description="schema of everything that is not account-wide"
    )
    doors: tuple[Door, ...] = Field(min_length=1, description="which ways lead to the bridge")
    tenant_id: Guid | None = Field(None, description="Entra tenant of the Azure subscription")
    app_identity_id: Guid | None = Field(None, description="object id of the function app's managed identity")
    app_host: AppHost | None = Field(None, description="host of the function app")
    app_id: Guid | None = Field(
        None, description="Entra application that stands for the bridge: the audience of tokens"
    )
    api_url: ApiUrl | None = Field(None, description="the API in API Management")
    snowflake_app_id: Guid | None = Field(None, description="Snowflake's application in the tenant")
    client_id: Guid | None = Field(None, description="Entra application that trusts the Snowflake secret")
    service_bus_host: BusHost | None = Field(None, description="host of the Service Bus namespace")
    service_bus_key_name: KeyName = Field("send-commands", description="shared access policy whose key is used")
    topic_host: TopicHost | None = Field(None, description="host of the Event Grid topic")
    notification_topic_host: TopicHost | None = Field(
        None, description="host of the topic for Snowflake's notifications"
    )
    exchange_url: BlobUrl | None = Field(None, description="where Snowflake writes and reads files")
    datastore_path: DatastorePath | None = Field(None, description="the same place as Azure ML names it")
    bridge_name: BridgeName = Field("bridge", description="the app's setting BRIDGE_NAME")
    predictions_table: TableName | None = Field(None, description="table into which the files of runs are loaded")
    service: Identifier = Field("ML_BRIDGE_SERVICE", description="service in Snowpark Container Services")
    service_image: ImageName | None = Field(None, description="image of the service, in ML_BRIDGE_IMAGES")
    service_client_id: Guid | None = Field(None, description="Entra application that the service is in Azure")
    service_instances: int = Field(1, ge=1, le=10, description="instances of the service, at most")
    aml_subscription_id: Guid | None = Field(None, description="subscription of the Azure ML workspace")
    aml_resource_group: AzureName | None = Field(None, description="its resource group")
    aml_workspace: AzureName | None = Field(None, description="the Azure ML workspace")
    aml_region: Region | None = Field(None, description="its region")
    outbox_sweep_minutes: int = Field(
        360, ge=10, le=10_080, description="minutes between two sweeps of RUN_REQUESTS, each a minute of the warehouse"
    )
    ledger_days: int | None = Field(None, ge=62, le=36_500, description="days for which ended runs are kept")

    @property
    def hosts(self) -> tuple[str, ...]:
        """Everything that a procedure may call."""
        doors = set(self.doors)
        by_door = (
            (self.app_host, {Door.PROCEDURES_KEY, Door.PROCEDURES_KEYLESS}),
            (self.service_bus_host, {Door.SERVICE_BUS_KEY, Door.SERVICE_BUS_KEYLESS}),
            (self.topic_host, {Door.EVENT_GRID_KEY, Door.EVENT_GRID_KEYLESS}),
            ("login.microsoftonline.com", {door for door in Door if door.value.endswith("_keyless")}),
        )
        return tuple(host for host, used_by in by_door if host and doors & used_by)

    @property
    def service_hosts(self) -> tuple[str, ...]:
        """Everything that the service may call, with ports: Service Bus is reached by AMQP."""
        hosts = ["management.azure.com:443", "login.microsoftonline.com:443", f"{self.aml_region}.api.azureml.ms:443"]
        topic = [f"{self.topic_host}:443"] if self.topic_host else []
        return (*hosts, f"{self.service_bus_host}:5671", *topic)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret that a procedure may use."""
        return tuple(dict.fromkeys(SECRETS[door] for door in Door if door in self.doors and door in SECRETS))


def load(file: Path) -> Values:
    """The values of a file.

    Raises:
        InvalidValues: with every problem at once.
    """
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidValues([f"{file}: cannot be read: {error.strerror}; copy sql/values.example.yaml"]) from error
    except UnicodeDecodeError as error:
        raise InvalidValues([f"{file}: is not UTF-8 text: byte {error.start} cannot be read"]) from error
    except yaml.YAMLError as error:
        raise InvalidValues([f"{file}: is not YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(data, dict):
        raise InvalidValues([f"{file}: holds no values; copy sql/values.example.yaml"])
    return parse(data, source=str(file))


def parse(data: Mapping[str, Any], *, source: str = "values") -> Values:
    """The values that a mapping holds.

    Raises:
        InvalidValues: with every problem at once.
    """
    given = {key: value for key, value in data.items() if value is not None}
    found = list(_door_problems(given))
    try:
        values = Values.model_validate(given)
    except ValidationError as error:
        found += [_problem(item) for item in error.errors(include_url=False)]
        values = None
    if found or values is None:
        raise InvalidValues(f"{source}: {problem}" for problem in found)
    return values


def _door_problems(data: Mapping[str, Any]) -> Iterator[str]:
    if data.get("account_script", True) is True:
        yield from (
            f"{name}: is missing: 010_account.sql makes the app's user with it; or set account_script: false"
            for name in ("tenant_id", "app_identity_id")
            if name not in data
        )
    named = data.get("doors")
    known = {door.value for door in Door}
    doors = [Door(name) for name in named if isinstance(name, str) and name in known] if isinstance(named, list) else []
    for one, other in EITHER_OR:
        if one in doors and other in doors:
            yield f"doors: {one} and {other} make the same objects: keep one of them"
    if Door.HAND_OVER in doors and not {Door.PROCEDURES_KEY, Door.PROCEDURES_KEYLESS} & set(doors):
        yield "doors: hand_over starts its runs by START_RUN: add procedures_key or procedures_keyless"
    for door in doors:
        yield from (
            f"{name}: is missing: the door {door} needs it ({_described(name)})"
            for name in NEEDS.get(door, ())
            if name not in data
        )


def _problem(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    sayings: Mapping[str, Callable[[], str]] = {
        "value_error": lambda: str(item["ctx"]["error"]),
        "missing": lambda: f"is missing: add it ({_described(place)})",
        "extra_forbidden": lambda: f"is no value of this version: use {', '.join(_names())}",
        "enum": lambda: f"is {item['input']!r}: use {', '.join(Door)}",
    }
    say = sayings.get(item["type"])
    return f"{place}: {say() if say else 'is ' + repr(item['input']) + ': ' + item['msg']}"


def _names() -> dict[str, str]:
    return {field.alias or name: str(field.description) for name, field in Values.model_fields.items()}


def _described(name: str) -> str:
    return _names()[name]
