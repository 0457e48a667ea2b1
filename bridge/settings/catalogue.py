"""Every setting: `docs/settings.md` is made of this, and the reader takes defaults, choices and limits from here.

A new setting is one entry here, one line in `app_settings.py` and, unless it says why not, one in
`local.settings.example.json`; then `python -m reference`.
"""

import re

from bridge.domain.channels import ChannelKind
from bridge.settings.auth_mode import AuthMode
from bridge.settings.setting import Group, ReadBy, Setting

_BOOLEAN = ("true", "false")
_EMULATOR = "for emulators only"
_SIGN_IN = "one of several ways to sign in"
_CHOSEN = "its name holds a name that you choose"

BRIDGE = Group(
    title="The bridge",
    settings=(
        Setting(
            name="BRIDGE_NAME",
            default="bridge",
            meaning="Part of every run id; tells several bridges of one workspace apart. Never change it: "
            "every key would then mean a new run.",
        ),
        Setting(name="PIPELINES_FILE", default="pipelines.yaml", meaning="The allow-list; relative to the app."),
        Setting(name="RULES_FILE", default="rules.yaml", meaning="The rules; relative to the app."),
        Setting(
            name="RETRY_TRIES",
            default="200",
            limits=(1, 10_000),
            meaning="Tries of a submit before the run is `FAILED` with `GAVE_UP`; 200 take about a day.",
        ),
        Setting(
            name="SWEEP_SCHEDULE",
            example="0 0 3 * * *",
            read_by=ReadBy.HOST,
            meaning="When jobs of the last days are compared with the ledger: six fields, UTC.",
        ),
        Setting(name="SWEEP_DAYS", default="3", limits=(1, 31), meaning="How many days back the sweep looks."),
        Setting(
            name="RECORD_WINDOW_SECONDS",
            default="30",
            limits=(1, 150),
            meaning="How long a row may wait for its batch: freshness against the cost of the warehouse. Keep it equal "
            "to the batch wait below, which is what acts.",
        ),
        Setting(
            name="AzureFunctionsJobHost__extensions__serviceBus__maxBatchWaitTime",
            default="00:00:30",
            read_by=ReadBy.HOST,
            not_in_example="host.json has it",
            meaning="Overrides `maxBatchWaitTime` of `host.json`: the same as `RECORD_WINDOW_SECONDS`, written as a "
            "time.",
        ),
        Setting(
            name="RECORD_ALL_EVENTS",
            default="false",
            choices=_BOOLEAN,
            meaning="`true`: keep events that are not about our runs, models or drift as well, in `AML_EVENTS`.",
        ),
    ),
)

SERVICE_BUS = Group(
    title="Service Bus",
    settings=(
        Setting(
            name="ServiceBusConnection__fullyQualifiedNamespace",
            default="",
            needed="without `ServiceBusConnection`",
            example="my-bridge.servicebus.windows.net",
            meaning="The namespace, reached with the app's identity. With a user-assigned identity also "
            "`ServiceBusConnection__credential=managedidentity` and `ServiceBusConnection__clientId`.",
        ),
        Setting(
            name="ServiceBusConnection",
            default="",
            is_secret=True,
            not_in_example=_SIGN_IN,
            meaning="A connection string in its place: for emulators and tests.",
        ),
        Setting(name="RUN_COMMANDS_QUEUE", example="run-commands", meaning="Queue of runs to start."),
        Setting(
            name="RUN_CONTROL_QUEUE", example="run-control", meaning="Queue of checks, cancels and rules' actions."
        ),
        Setting(name="RUN_EVENTS_QUEUE", example="run-events", meaning="Queue of rows for the ledger."),
        Setting(name="INBOUND_EVENTS_QUEUE", example="inbound-events", meaning="Queue that Event Grid delivers to."),
        Setting(
            name="ALLOWED_QUEUES",
            default="",
            example="run-commands, reports",
            meaning="Queues of the namespace that callers may send to through the app, with commas. Never the app's "
            "own three others.",
        ),
    ),
)

AZURE_ML = Group(
    title="Azure Machine Learning",
    settings=(
        Setting(
            name="AML_SUBSCRIPTION_ID",
            example="00000000-0000-0000-0000-000000000000",
            meaning="The subscription of the workspaces.",
        ),
        Setting(name="AML_RESOURCE_GROUP", example="my-resource-group", meaning="Their resource group."),
        Setting(name="AML_WORKSPACE", example="my-workspace", meaning="The workspace of pipelines that name none."),
        Setting(
            name="ALLOWED_WORKSPACES",
            default="",
            meaning="More workspaces of that resource group, with commas; `workspace` in `pipelines.yaml` chooses one.",
        ),
        Setting(
            name="AML_TIMEOUT_SECONDS",
            default="30",
            limits=(1, 45),
            meaning="How long a call to Azure ML may take.",
        ),
        Setting(
            name="AML_WRITES_PER_SECOND",
            default="10",
            limits=(1, 10_000),
            meaning="Submissions, cancels and deployments that Azure ML takes from one identity in a second. Runs "
            "beyond that wait as scheduled messages, `ACCEPTED`; no try is used up.",
        ),
        Setting(
            name="EXECUTE_MAX_INSTANCES",
            default="4",
            limits=(1, 1000),
            meaning="How many instances share that pace: keep the app's scale-out at or below it.",
        ),
        Setting(
            name="AZURE_CLIENT_ID",
            default="",
            meaning="The client id of a user-assigned identity; empty for the system-assigned one.",
        ),
    ),
)

SNOWFLAKE = Group(
    title="Snowflake",
    settings=(
        Setting(name="SNOWFLAKE_ACCOUNT", example="myorg-myaccount", meaning="The account with the ledger."),
        Setting(name="SNOWFLAKE_USER", example="ML_BRIDGE_APP", meaning="The user that writes the ledger."),
        Setting(name="SNOWFLAKE_DATABASE", example="ML", meaning="The ledger's database."),
        Setting(name="SNOWFLAKE_SCHEMA", default="ML_BRIDGE", meaning="The ledger's schema."),
        Setting(name="SNOWFLAKE_ROLE", default="ML_BRIDGE_WRITER", meaning="The role that writes it."),
        Setting(name="SNOWFLAKE_WAREHOUSE", default="ML_BRIDGE_WH", meaning="The warehouse that writes it."),
        Setting(
            name="SNOWFLAKE_AUTHENTICATOR",
            default="WORKLOAD_IDENTITY",
            choices=("WORKLOAD_IDENTITY", "SNOWFLAKE_JWT", "OAUTH", "PROGRAMMATIC_ACCESS_TOKEN", "SNOWFLAKE"),
            meaning="How the app signs in. `SNOWFLAKE`, by password, is for the emulator only.",
        ),
        Setting(
            name="SNOWFLAKE_PRIVATE_KEY",
            default="",
            needed="with `SNOWFLAKE_JWT`",
            is_secret=True,
            not_in_example=_SIGN_IN,
            meaning="The user's private key.",
        ),
        Setting(
            name="SNOWFLAKE_TOKEN",
            default="",
            needed="with `OAUTH`, `PROGRAMMATIC_ACCESS_TOKEN`",
            is_secret=True,
            not_in_example=_SIGN_IN,
            meaning="The token.",
        ),
        Setting(
            name="SNOWFLAKE_PASSWORD",
            default="",
            needed="with `SNOWFLAKE`",
            is_secret=True,
            not_in_example=_EMULATOR,
            meaning="Of the emulator, which does not check it.",
        ),
        Setting(
            name="MANAGED_IDENTITY_CLIENT_ID",
            default="",
            read_by=ReadBy.LIBRARY,
            not_in_example="only with a user-assigned identity",
            meaning="The client id of a user-assigned identity again, for Snowflake's connector.",
        ),
    ),
)

EVENT_GRID = Group(
    title="Event Grid",
    text="Topics that callers may publish to through the app, and the topic on which the bridge tells others of its "
    "runs: [events.md](events.md).",
    settings=(
        Setting(
            name="EVENT_GRID_TOPIC_ENDPOINT",
            default="",
            example="https://my-topic.westeurope-1.eventgrid.azure.net/api/events",
            meaning="The default topic of callers, as `ENDPOINT` or `NAME=ENDPOINT`; without a name it is called by "
            "the first part of its host.",
        ),
        Setting(
            name="EVENT_GRID_TOPIC_KEY",
            default="",
            is_secret=True,
            meaning="The default topic's key. Without it, and to the others, the app's identity publishes "
            "(EventGrid Data Sender).",
        ),
        Setting(
            name="ALLOWED_TOPICS",
            default="",
            meaning="More topics, with commas, each as `ENDPOINT` or `NAME=ENDPOINT`.",
        ),
        Setting(
            name="BRIDGE_EVENTS_TOPIC_ENDPOINT",
            default="",
            meaning="Topic for the bridge's own events; empty: none are published.",
        ),
        Setting(
            name="BRIDGE_EVENTS_TOPIC_KEY",
            default="",
            is_secret=True,
            meaning="Its key; without it the app's identity publishes.",
        ),
    ),
)

NOTIFICATIONS = Group(
    title="Notifications",
    text="One channel for each name: `notify: ml-team` in `rules.yaml` reads `NOTIFY_ML_TEAM_URL`.",
    settings=(
        Setting(
            name="NOTIFY_{NAME}_URL",
            needed="for each channel that `rules.yaml` names",
            is_secret=True,
            not_in_example=_CHOSEN,
            meaning="The receiver's address, with https.",
        ),
        Setting(
            name="NOTIFY_{NAME}_KIND",
            default=ChannelKind.WEBHOOK,
            choices=tuple(ChannelKind),
            not_in_example=_CHOSEN,
            meaning="What the receiver understands: signed JSON, or an adaptive card for a Teams workflow.",
        ),
        Setting(
            name="NOTIFY_{NAME}_SECRET",
            default="",
            needed="for a webhook",
            is_secret=True,
            not_in_example=_CHOSEN,
            meaning="`whsec_` and 24 to 64 random bytes in Base64, known to the receiver.",
        ),
    ),
)

CALLERS = Group(
    title="Who may call",
    text="[SECURITY.md](../SECURITY.md#who-may-call-and-what-for) says what each mode believes.",
    settings=(
        Setting(
            name="AUTH_MODE",
            default=AuthMode.KEY,
            choices=tuple(AuthMode),
            meaning="`key`: whoever has a function key may call by HTTP. `entra`: no keys, tokens of the applications "
            "below.",
        ),
        Setting(
            name="ENTRA_TENANT_ID",
            needed="with `entra`",
            example="6f9c1c3e-0b1d-4c7a-9a51-2f1f8f6f3a10",
            meaning="The tenant whose tokens count.",
        ),
        Setting(
            name="ENTRA_AUDIENCE",
            needed="with `entra`",
            example="api://6f9c1c3e-0b1d-4c7a-9a51-2f1f8f6f3a10",
            meaning="The application that stands for the app, by its id or its `api://…`: tokens must be for it.",
        ),
        Setting(
            name="ALLOWED_CLIENT_IDS",
            default="",
            needed="with `entra`",
            meaning="Ids of the applications that may call, with commas.",
        ),
        Setting(
            name="ALLOWED_APP_ROLES",
            default="",
            example="Bridge.Submit",
            meaning="App roles of which every caller needs one, with commas. Without any, tokens of users are refused.",
        ),
        Setting(
            name="SNOWFLAKE_CLIENT_IDS",
            default="",
            meaning="Those of `ALLOWED_CLIENT_IDS` that are Snowflake's: the role of its queries counts for "
            "`allow.roles`.",
        ),
        Setting(
            name="TRUST_PLATFORM_HEADERS",
            default="false",
            choices=_BOOLEAN,
            meaning="`true` if App Service's own authentication guards the app: its header counts for requests "
            "without a token. Only with `entra`.",
        ),
    ),
)

HOST = Group(
    title="The Functions host",
    text="Read by the platform, not by the app.",
    settings=(
        Setting(
            name="FUNCTIONS_WORKER_RUNTIME",
            example="python",
            needed="on a laptop; Flex Consumption refuses it",
            read_by=ReadBy.HOST,
            meaning="The language.",
        ),
        Setting(
            name="AzureWebJobsStorage",
            example="UseDevelopmentStorage=true",
            is_secret=True,
            read_by=ReadBy.HOST,
            meaning="The host's own storage; in Azure `AzureWebJobsStorage__accountName` with the app's identity.",
        ),
        Setting(
            name="PYTHON_THREADPOOL_THREAD_COUNT",
            example="64",
            read_by=ReadBy.HOST,
            meaning="Twice `maxConcurrentCalls` of `host.json`.",
        ),
        Setting(
            name="MALLOC_ARENA_MAX",
            default="",
            example="2",
            read_by=ReadBy.LIBRARY,
            meaning="So many threads would otherwise split the memory into pieces that are never given back.",
        ),
        Setting(
            name="MALLOC_TRIM_THRESHOLD_",
            default="",
            example="131072",
            read_by=ReadBy.LIBRARY,
            meaning="As above.",
        ),
    ),
)

EMULATORS = Group(
    title="Emulators",
    text="On loopback only; any other host is refused at the start.",
    settings=(
        Setting(name="AML_ENDPOINT", default="", not_in_example=_EMULATOR, meaning="Address of Azure ML."),
        Setting(name="ENTRA_AUTHORITY", default="", not_in_example=_EMULATOR, meaning="Address of Entra."),
        Setting(name="SNOWFLAKE_HOST", default="", not_in_example=_EMULATOR, meaning="Host of Snowflake."),
        Setting(
            name="SNOWFLAKE_PORT",
            default="443",
            limits=(1, 65535),
            not_in_example=_EMULATOR,
            meaning="Its port.",
        ),
        Setting(
            name="SNOWFLAKE_PROTOCOL",
            default="https",
            choices=("https", "http"),
            not_in_example=_EMULATOR,
            meaning="Its protocol.",
        ),
    ),
)

GROUPS = (BRIDGE, SERVICE_BUS, AZURE_ML, SNOWFLAKE, EVENT_GRID, NOTIFICATIONS, CALLERS, HOST, EMULATORS)
SETTINGS = {setting.name: setting for group in GROUPS for setting in group.settings}
_CHANNEL = re.compile(r"NOTIFY_\w+_(?=URL$|KIND$|SECRET$)")


def declared(name: str) -> Setting:
    """The setting of this name, as a person or the reader has it.

    Raises: KeyError if nothing is said of it here.
    """
    return SETTINGS.get(name) or SETTINGS[_CHANNEL.sub("NOTIFY_{NAME}_", name)]


def default_of(name: str) -> str:
    """What counts when it is not set; empty when it has to be."""
    return declared(name).default or ""
