"""What is around the app: the platform, or emulators."""

from bridge.settings.setting import Group, ReadBy, Setting

_EMULATOR = "for emulators only"

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
