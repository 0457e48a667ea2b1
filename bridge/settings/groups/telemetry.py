"""Where traces, metrics and the log go."""

from bridge.settings.log_format import LogFormat
from bridge.settings.setting import Group, ReadBy, Setting

TELEMETRY = Group(
    title="Telemetry",
    text="[telemetry.md](telemetry.md) has what is sent, under which names. Without these settings nothing is sent.",
    settings=(
        Setting(
            name="LOG_FORMAT",
            default=LogFormat.TEXT,
            choices=tuple(LogFormat),
            meaning="What a line of the log is: `json` is one object a line, for a container.",
        ),
        Setting(
            name="APPLICATIONINSIGHTS_CONNECTION_STRING",
            default="",
            is_secret=True,
            read_by=ReadBy.HOST,
            meaning="Application Insights: traces, metrics and logs go there.",
        ),
        Setting(
            name="PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
            default="",
            example="true",
            read_by=ReadBy.HOST,
            meaning="`true`: the Functions worker sends the app's telemetry there. Not needed in a container.",
        ),
        Setting(
            name="APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
            default="",
            read_by=ReadBy.HOST,
            not_in_example="infra/ sets it",
            meaning="`ClientId=…;Authorization=AAD`: it is reached with the app's identity (Monitoring Metrics "
            "Publisher).",
        ),
        Setting(
            name="OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
            default="",
            read_by=ReadBy.LIBRARY,
            not_in_example="infra/ sets it",
            meaning="Libraries that do not tell of themselves, with commas: the bridge tells of its calls itself, and "
            "the worker loads sooner.",
        ),
        Setting(
            name="OTEL_EXPORTER_OTLP_ENDPOINT",
            default="",
            read_by=ReadBy.LIBRARY,
            meaning="A collector that takes OTLP by HTTP, beside Application Insights or in its place.",
        ),
        Setting(
            name="OTEL_EXPORTER_OTLP_HEADERS",
            default="",
            is_secret=True,
            read_by=ReadBy.LIBRARY,
            not_in_example="only for collectors that want a key",
            meaning="Headers for it, as `NAME=VALUE` with commas.",
        ),
    ),
)
