"""Where the parts of a running stack are, and the settings that make the app use them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.local.processes import ROOT, free_port

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
RESOURCE_GROUP = "laptop"
WORKSPACE = "laptop-ws"
WORKSPACE_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
)
SERVICE_BUS_NAMESPACE = "laptop"
SERVICE_BUS_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"
    f"/providers/Microsoft.ServiceBus/namespaces/{SERVICE_BUS_NAMESPACE}"
)
SAS_KEY = "SAS_KEY_VALUE"
FUNCTION_KEY = "laptop-function-key"
MASTER_KEY = "laptop-master-key"
SYSTEM_KEY = "laptop-system-key"
TOPIC_KEY = "laptop-topic-key"
BRIDGE_NAME = "laptop"
#: Of Entra: the tenant, the application that stands for the app, and the one that trusts the laptop's Snowflake.
TENANT_ID = "00000000-0000-0000-0000-000000000000"
APP_ID = "00000000-0000-0000-0000-000000000001"
CLIENT_ID = "00000000-0000-0000-0000-000000000003"
#: Object id of the app's identity.
APP_IDENTITY_ID = "00000000-0000-0000-0000-000000000002"
#: As DESCRIBE SECRET ML_BRIDGE_IDENTITY shows them.
IDENTITY_ISSUER = "https://laptop.invalid/snowflake/workload-identity"
DATABASE = "LAPTOP"
SCHEMA = "ML_BRIDGE"
IDENTITY_SUBJECT = f"laptop:{DATABASE}.{SCHEMA}.ML_BRIDGE_IDENTITY"
#: The address that SQL names; the emulator takes it to the Functions host, as API Management would.
API_URL = "https://laptop.azure-api.net/bridge"
#: Hosts that procedures name; the emulator takes them to the laptop's services as well.
APP_HOST = "laptop.azurewebsites.net"
SERVICE_BUS_HOST = "laptop.servicebus.windows.net"
TOPIC_HOST = "laptop.westeurope-1.eventgrid.azure.net"
LOGIN_HOST = "login.microsoftonline.com"
NOTIFICATION_TOPIC_HOST = "laptop-snowflake.westeurope-1.eventgrid.azure.net"
#: Topic and queue of what the bridge tells others, once BRIDGE_EVENTS_TOPIC_ENDPOINT is set, see `events_topic`.
EVENTS_TOPIC = "bridge-events"
QUEUES = {
    "RUN_COMMANDS_QUEUE": "run-commands",
    "RUN_CONTROL_QUEUE": "run-control",
    "RUN_EVENTS_QUEUE": "run-events",
    "INBOUND_EVENTS_QUEUE": "inbound-events",
}
#: Ports in a fixed order, so that `--port-base` is predictable.
_PORTS = (
    "functions",
    "functions_control",
    "snowflake",
    "snowflake_control",
    "service_bus",
    "service_bus_http",
    "service_bus_control",
    "azure_ml",
    "azure_ml_control",
    "event_grid",
    "event_grid_control",
    "control",
    "entra",
    "entra_control",
)


@dataclass(frozen=True)
class Ports:
    """One port a server; all on loopback."""

    functions: int
    functions_control: int
    snowflake: int
    snowflake_control: int
    service_bus: int
    service_bus_http: int
    service_bus_control: int
    azure_ml: int
    azure_ml_control: int
    event_grid: int
    event_grid_control: int
    control: int
    entra: int
    entra_control: int

    @classmethod
    def choose(cls, base: int | None) -> "Ports":
        """Free ones, or `base` and those after it."""
        if base is None:
            return cls(*[free_port() for _ in _PORTS])
        return cls(*range(base, base + len(_PORTS)))


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def service_bus_connection(ports: Ports) -> str:
    return (
        f"Endpoint=sb://127.0.0.1:{ports.service_bus};SharedAccessKeyName=RootManageSharedAccessKey;"
        f"SharedAccessKey={SAS_KEY};UseDevelopmentEmulator=true;"
    )


def snowflake_arguments(ports: Ports) -> dict[str, Any]:
    """For snowflake.connector.connect."""
    return {
        "account": "laptop",
        "user": "you",
        "password": "not checked",
        "host": "127.0.0.1",
        "port": ports.snowflake,
        "protocol": "http",
        "database": DATABASE,
        "schema": SCHEMA,
        "enable_server_session_keep_alive_auto_detection": False,
    }


def endpoints(ports: Ports, settings: Mapping[str, str]) -> dict[str, Any]:
    """What a program needs to use the stack."""
    return {
        "functions": {"base_url": url(ports.functions), "key": FUNCTION_KEY},
        "snowflake": snowflake_arguments(ports),
        "service_bus": {"connection_string": service_bus_connection(ports), "http_url": url(ports.service_bus_http)},
        "azure_ml": {
            "base_url": url(ports.azure_ml),
            "subscription_id": SUBSCRIPTION,
            "resource_group": RESOURCE_GROUP,
            "workspace": WORKSPACE,
        },
        "event_grid": {"topic_endpoint": f"{url(ports.event_grid)}/topics/custom/api/events", "key": TOPIC_KEY},
        "control": {"base_url": url(ports.control)},
        "settings": dict(settings),
    }


def url_map(ports: Ports) -> list[dict[str, Any]]:
    """Where the addresses in SQL lie on this machine, and what is added on the way."""
    return [
        # API Management adds the key of the app's functions.
        {"from": API_URL, "to": f"{url(ports.functions)}/api", "headers": {"x-functions-key": FUNCTION_KEY}},
        {"from": f"https://{APP_HOST}", "to": url(ports.functions)},
        {"from": f"https://{SERVICE_BUS_HOST}", "to": url(ports.service_bus_http)},
        {"from": f"https://{TOPIC_HOST}", "to": f"{url(ports.event_grid)}/topics/custom"},
        {"from": f"https://{LOGIN_HOST}", "to": url(ports.entra)},
        # Snowflake itself is known to the topic; on the laptop by the topic's key.
        {
            "from": f"https://{NOTIFICATION_TOPIC_HOST}",
            "to": f"{url(ports.event_grid)}/topics/snowflake",
            "headers": {"aeg-sas-key": TOPIC_KEY},
        },
    ]


def app_settings(ports: Ports) -> dict[str, str]:
    """The app's ordinary settings, as an operator would write them."""
    return {
        "BRIDGE_NAME": BRIDGE_NAME,
        "ServiceBusConnection": service_bus_connection(ports),
        **QUEUES,
        "SERVICE_BUS_RESOURCE_ID": SERVICE_BUS_ID,
        "AML_SUBSCRIPTION_ID": SUBSCRIPTION,
        "AML_RESOURCE_GROUP": RESOURCE_GROUP,
        "AML_WORKSPACE": WORKSPACE,
        "AML_ENDPOINT": url(ports.azure_ml),
        "SNOWFLAKE_ACCOUNT": "laptop",
        "SNOWFLAKE_USER": "ML_BRIDGE_APP",
        "SNOWFLAKE_PASSWORD": "not checked",
        "SNOWFLAKE_AUTHENTICATOR": "SNOWFLAKE",
        "SNOWFLAKE_HOST": "127.0.0.1",
        "SNOWFLAKE_PORT": str(ports.snowflake),
        "SNOWFLAKE_PROTOCOL": "http",
        "SNOWFLAKE_DATABASE": DATABASE,
        "SNOWFLAKE_SCHEMA": SCHEMA,
        "EVENT_GRID_TOPIC_ENDPOINT": f"custom={url(ports.event_grid)}/topics/custom/api/events",
        "EVENT_GRID_TOPIC_KEY": TOPIC_KEY,
        "ALLOWED_QUEUES": "run-commands",
        # Only AUTH_MODE has to be changed for callers with tokens in the place of keys.
        "AUTH_MODE": "key",
        "ENTRA_TENANT_ID": TENANT_ID,
        "ENTRA_AUDIENCE": APP_ID,
        "ENTRA_AUTHORITY": url(ports.entra),
        "ALLOWED_CLIENT_IDS": CLIENT_ID,
        "PIPELINES_FILE": str(ROOT / "pipelines.yaml"),
        "RULES_FILE": str(ROOT / "rules.yaml"),
        "SWEEP_SCHEDULE": "0 0 3 * * *",
        "RECORD_WINDOW_SECONDS": "1",
        # Whoever tries the page wants to try its buttons.
        "DASHBOARD_ACTIONS": "true",
        # The emulator takes what comes, unless it is told to have Azure ML's limits.
        "AML_WRITES_PER_SECOND": "1000",
        "EXECUTE_MAX_INSTANCES": "1",
        # Twice maxConcurrentCalls, because the host may really run double.
        "PYTHON_THREADPOOL_THREAD_COUNT": "64",
        # As many arenas as threads want to have take memory that no other thread can use, and large pieces that are not
        # given back at once leave holes (mallopt(3): a fixed threshold stays as it is). macOS knows no such settings.
        "MALLOC_ARENA_MAX": "2",
        "MALLOC_TRIM_THRESHOLD_": "131072",
        # On a laptop a second is long enough to wait for a fuller batch.
        "AzureFunctionsJobHost__extensions__serviceBus__maxBatchWaitTime": "00:00:01",
    }


def events_topic(ports: Ports) -> dict[str, str]:
    """The settings that have the app publish its own events."""
    endpoint = f"{url(ports.event_grid)}/topics/{EVENTS_TOPIC}/api/events"
    return {"BRIDGE_EVENTS_TOPIC_ENDPOINT": endpoint, "BRIDGE_EVENTS_TOPIC_KEY": TOPIC_KEY}


def host_keys() -> dict[str, str]:
    """Keys of the laptop's Functions host; Azure makes its own."""
    return {
        "LOCAL_FUNCTION_KEY": FUNCTION_KEY,
        "LOCAL_MASTER_KEY": MASTER_KEY,
        "LOCAL_SYSTEM_KEY": SYSTEM_KEY,
    }


def service_bus_config() -> dict[str, Any]:
    """Queues as in Azure: docs/queues.md has the reason of each number."""

    def queue(name: str, lock: str, *, detects_duplicates: bool) -> dict[str, Any]:
        return {
            "Name": name,
            "Properties": {
                "LockDuration": lock,
                "MaxDeliveryCount": 10,
                "RequiresDuplicateDetection": detects_duplicates,
                "DuplicateDetectionHistoryTimeWindow": "PT10M",
                "DefaultMessageTimeToLive": "P14D",
                "DeadLetteringOnMessageExpiration": True,
                "RequiresSession": False,
            },
        }

    queues = [
        queue("run-commands", "PT1M", detects_duplicates=False),
        queue("run-control", "PT1M", detects_duplicates=True),
        queue("run-events", "PT5M", detects_duplicates=False),
        queue("inbound-events", "PT1M", detects_duplicates=False),
        # Nobody of the stack reads it: whoever wants to see the bridge's own events does.
        queue(EVENTS_TOPIC, "PT1M", detects_duplicates=False),
    ]
    return {"UserConfig": {"Namespaces": [{"Name": SERVICE_BUS_NAMESPACE, "Queues": queues}]}}


def event_grid_config() -> dict[str, Any]:
    """Three topics, each with its door, all delivered to one queue; and one for the bridge's own events."""
    doors = ("workspace", "snowflake", "custom")
    topics = {door: {"key": TOPIC_KEY, "door": door, "queue": "inbound-events"} for door in doors}
    return {"topics": {**topics, EVENTS_TOPIC: {"key": TOPIC_KEY, "door": EVENTS_TOPIC, "queue": EVENTS_TOPIC}}}


def entra_config() -> dict[str, Any]:
    """The app's application, and one without any secret: it trusts the identity of the laptop's Snowflake."""
    trusted = {"issuer": IDENTITY_ISSUER, "subject": IDENTITY_SUBJECT}
    applications = [{"client_id": APP_ID}, {"client_id": CLIENT_ID, "federated_credentials": [trusted]}]
    return {"tenant_id": TENANT_ID, "applications": applications}


COMPONENTS = Path(__file__).with_name("components.json")
