"""What the bridge does, whom it tells and who may call it."""

from bridge.domain.channels import ChannelKind
from bridge.settings.auth_mode import AuthMode
from bridge.settings.setting import Group, ReadBy, Setting

_BOOLEAN = ("true", "false")
_OUTSIDE = "for a container outside of Azure"
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
            name="DASHBOARD_ACTIONS",
            default="false",
            choices=_BOOLEAN,
            meaning="`true`: the [dashboard](dashboard.md) also cancels, reruns and replays, for whoever may call the "
            "app.",
        ),
        Setting(
            name="RECORD_ALL_EVENTS",
            default="false",
            choices=_BOOLEAN,
            meaning="`true`: keep events that are not about our runs, models or drift as well, in `AML_EVENTS`.",
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
            "below. `service`: for a container in Snowpark Container Services, whose routes of service functions are "
            "open to whoever reaches the endpoint.",
        ),
        Setting(
            name="BRIDGE_FUNCTION_KEYS",
            default="",
            needed="in a container with `key`",
            is_secret=True,
            read_by=ReadBy.CONTAINER,
            not_in_example=_OUTSIDE,
            meaning="Keys that open the routes, with commas, each of 16 characters or more: no Functions host is there "
            "to check its own. With `service` they open all other routes.",
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
