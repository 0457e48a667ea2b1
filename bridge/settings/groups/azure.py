"""The services of Azure that the app works with."""

from bridge.settings.setting import Group, Setting

_SIGN_IN = "one of several ways to sign in"
_OUTSIDE = "for a container outside of Azure"

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
        Setting(
            name="SERVICE_BUS_RESOURCE_ID",
            default="",
            example="/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/my-resource-group/providers/"
            "Microsoft.ServiceBus/namespaces/my-bridge",
            meaning="The namespace's resource id: with it the dashboard and `python -m bridge doctor` read how many "
            "messages wait. The app's identity then needs to read the namespace.",
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
            meaning="The client id of a user-assigned identity; empty for the system-assigned one. With one of the "
            "proofs below: of the application that the app is.",
        ),
        Setting(
            name="AZURE_TENANT_ID",
            default="",
            needed="with one of the proofs below",
            not_in_example=_OUTSIDE,
            meaning="The application's tenant.",
        ),
        Setting(
            name="AZURE_CLIENT_SECRET",
            default="",
            is_secret=True,
            not_in_example=_OUTSIDE,
            meaning="A proof: the application's secret.",
        ),
        Setting(
            name="AZURE_CLIENT_CERTIFICATE_PATH",
            default="",
            not_in_example=_OUTSIDE,
            meaning="A proof: a file with the application's certificate and its private key.",
        ),
        Setting(
            name="AZURE_FEDERATED_TOKEN_FILE",
            default="",
            not_in_example=_OUTSIDE,
            meaning="A proof: a file with a token that the application trusts, as Kubernetes has it. No secret.",
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
