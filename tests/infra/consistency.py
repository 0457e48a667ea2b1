"""What the templates say twice, or say as the app says it too: each check tells the differences, in words.

A renamed queue, setting or role is found here, on whichever side it was renamed; `test_renamed.py` proves it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.domain.queues import Queue
from bridge.local.endpoints import service_bus_config
from bridge.settings.catalogue import SETTINGS
from tests.infra.bicep import Expression, Template, read
from tests.infra.linking import call_problems, name_problems, timing_problems

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
DOCUMENT = ROOT / "docs" / "deploy.md"

#: Settings of the app that Azure does not get, each with its reason.
NOT_IN_AZURE = {
    "AML_ENDPOINT": "emulators only",
    "ENTRA_AUTHORITY": "emulators only",
    "SNOWFLAKE_HOST": "emulators only",
    "SNOWFLAKE_PORT": "emulators only",
    "SNOWFLAKE_PROTOCOL": "emulators only",
    "SNOWFLAKE_PASSWORD": "emulators only",
    "ServiceBusConnection": "the identity connects",
    "EVENT_GRID_TOPIC_KEY": "the identity publishes",
    "BRIDGE_EVENTS_TOPIC_KEY": "the identity publishes",
    "AzureWebJobsStorage": "the identity connects: AzureWebJobsStorage__accountName",
    "FUNCTIONS_WORKER_RUNTIME": "Flex Consumption refuses it",
    "AZURE_CLIENT_CERTIFICATE_PATH": "the container's",
    "AZURE_CLIENT_SECRET": "the container's",
    "AZURE_FEDERATED_TOKEN_FILE": "the container's",
    "AZURE_TENANT_ID": "the container's",
    "BRIDGE_FUNCTION_KEYS": "the container's; Azure has keys of its own",
    "SNOWFLAKE_TOKEN_FILE": "the container's",
    "LOG_FORMAT": "the Functions host writes the log",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "telemetry goes to Application Insights",
    "OTEL_EXPORTER_OTLP_HEADERS": "telemetry goes to Application Insights",
}
#: Settings of the platform alone, of which the catalogue says nothing, each with who reads it.
READ_BY_OTHERS = {
    "AzureWebJobsStorage__accountName": "the Functions host",
    "AzureWebJobsStorage__credential": "the Functions host",
    "AzureWebJobsStorage__clientId": "the Functions host",
    "ServiceBusConnection__credential": "the Functions host",
    "ServiceBusConnection__clientId": "the Functions host",
}


@dataclass(frozen=True, kw_only=True)
class Documented:
    """A line of the table of roles in docs/deploy.md."""

    role: str
    id: str
    file: str


@dataclass(frozen=True, kw_only=True)
class App:
    """What the app's side says."""

    #: Property by property, as the laptop's broker has them.
    queues: Mapping[str, Mapping[str, Any]]
    #: Everything that the app asks its environment for, or that the example names.
    settings: frozenset[str]
    #: Of local.settings.example.json.
    example: Mapping[str, str]
    roles: tuple[Documented, ...]


def the_app() -> App:
    """As it is in this tree."""
    example: dict[str, str] = json.loads((ROOT / "local.settings.example.json").read_text(encoding="utf-8"))["Values"]
    (namespace,) = service_bus_config()["UserConfig"]["Namespaces"]
    queues = {each["Name"]: each["Properties"] for each in namespace["Queues"] if each["Name"] in set(Queue)}
    return App(
        queues=queues,
        settings=frozenset(name for name in SETTINGS if "{" not in name),
        example=example,
        roles=tuple(documented_roles(DOCUMENT.read_text(encoding="utf-8"))),
    )


_ROLE_LINE = re.compile(
    r"^\| (?P<role>[^|]+) \| `(?P<id>[0-9a-f-]{36})` \| [^|]+ \| \[(?P<file>\w+\.bicep)\]", re.MULTILINE
)


def documented_roles(text: str) -> Iterator[Documented]:
    for line in _ROLE_LINE.finditer(text):
        yield Documented(role=line["role"], id=line["id"], file=line["file"])


def templates(folder: Path = INFRA) -> dict[str, Template]:
    """By name of the file."""
    return {path.name: read(path) for path in sorted(folder.glob("*.bicep"))}


def problems(folder: Path, app: App) -> list[str]:
    """Every difference."""
    found = templates(folder)
    return [
        *(f"{name}:{line}: does not parse" for name, each in found.items() for line in each.errors),
        *name_problems(found),
        *call_problems(found),
        *timing_problems(found),
        *_queue_problems(found, app.queues),
        *_setting_problems(found, app),
        *_container_problems(found),
        *_role_problems(found, json.loads((folder / "role_ids.json").read_text(encoding="utf-8")), app.roles),
        *_parameter_file_problems(found["main.bicep"], folder / "main.parameters.json"),
    ]


def _difference(what: str, left: Iterable[str], right: Iterable[str], left_name: str, right_name: str) -> Iterator[str]:
    left, right = set(left), set(right)
    yield from (f"{what} {name} is in {left_name}, not in {right_name}" for name in sorted(left - right))
    yield from (f"{what} {name} is in {right_name}, not in {left_name}" for name in sorted(right - left))


def _queue_problems(found: Mapping[str, Template], queues: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    bus = found["service_bus.bicep"]
    declared = bus.variables["queues"]
    yield from _difference("queue", declared, queues, "service_bus.bicep", "the app")
    properties = bus.resource("queue").body["properties"]
    for queue in sorted(set(declared) & set(queues)):
        for name, value in properties.items():
            short = str(value).removeprefix("each.value.")
            made = declared[queue].get(short) if isinstance(value, Expression) else value
            wanted = queues[queue].get(name[0].upper() + name[1:])
            if made != wanted:
                yield f"queue {queue}: {name} is {made!r} in service_bus.bicep, {wanted!r} in the app"
        yield from _difference(
            f"queue {queue}: property",
            (name[0].upper() + name[1:] for name in properties),
            queues[queue],
            "service_bus.bicep",
            "the app",
        )
    settings = found["function_app.bicep"].variables["settings"]
    for setting, queue in ((f"{queue.name}_QUEUE", queue.value) for queue in Queue):
        if settings.get(setting) not in declared:
            yield f"setting {setting} names the queue {settings.get(setting)!r}, which service_bus.bicep does not make"
        elif settings[setting] != queue:
            yield f"setting {setting} names the queue {settings[setting]!r}, the app's is {queue!r}"
    for name, template in found.items():
        existing = (each for each in template.resources if each.is_existing and "/queues@" in each.type)
        for each in existing:
            queue = each.body["name"]
            if not isinstance(queue, Expression) and queue not in declared:
                yield f"{name}: there is no queue {queue}"
    alerts = found["alerts.bicep"]
    yield from _difference("queue", alerts.variables["waiting"], queues, "the backlog alerts", "the app")
    watched = (str(each) for rule in ("deadLetters", "lostRows") for each in _dimension_values(alerts, rule))
    yield from _difference("queue", watched, queues, "the dead letter alerts", "the app")


def _dimension_values(alerts: Template, rule: str) -> list[Any]:
    (condition,) = alerts.resource(rule).body["properties"]["criteria"]["allOf"]
    (dimension,) = condition["dimensions"]
    values: list[Any] = dimension["values"]
    return values


def _setting_problems(found: Mapping[str, Template], app: App) -> Iterator[str]:
    settings: Mapping[str, Any] = found["function_app.bicep"].variables["settings"]
    known = app.settings | set(READ_BY_OTHERS)
    unknown = (name for name in sorted(settings) if name not in known)
    yield from (f"setting {name} is in function_app.bicep, and nothing reads it" for name in unknown)
    yield from (f"setting {name} is no setting of the app any more" for name in set(NOT_IN_AZURE) - app.settings)
    for name in sorted(app.settings - set(settings) - set(NOT_IN_AZURE)):
        yield f"setting {name} is the app's, not in function_app.bicep"
    yield from (
        f"setting {name} is not for Azure: {NOT_IN_AZURE[name]}" for name in sorted(set(settings) & set(NOT_IN_AZURE))
    )
    for name, value in settings.items():
        is_literal = not isinstance(value, Expression)
        if is_literal and app.example.get(name) and value != app.example[name]:
            yield f"setting {name} is {value!r} in function_app.bicep, {app.example[name]!r} in the example"


def _container_problems(found: Mapping[str, Template]) -> Iterator[str]:
    """A name for what is made, another for who writes there."""
    modules = {module.symbol: module.body["params"] for module in found["main.bicep"].modules}
    made = {modules[each]["containerName"] for each in ("storage", "deadEvents")}
    asked = {str(modules["workspaceEvents"]["deadLetterContainer"])}
    asked |= {
        str(found[each].parameters["deadLetterContainer"].default)
        for each in ("door_topic.bicep", "workspace_events.bicep")
    }
    asked |= {str(modules["app"]["deploymentContainerUrl"]).rpartition("}")[2].rstrip("'")}
    yield from _difference("container", asked, made, "what is written to", "what is made")


def _role_problems(
    found: Mapping[str, Template], ids: Mapping[str, str], documented: tuple[Documented, ...]
) -> Iterator[str]:
    used = {(member.partition(".")[2], name) for name, template in found.items() for member in _role_members(template)}
    for role, name in sorted(used):
        if role not in ids:
            yield f"{name}: role {role} is not in role_ids.json"
    yield from (
        f"role {role} is in role_ids.json, and nobody gets it" for role in sorted(set(ids) - {role for role, _ in used})
    )
    written = {(_symbol(each.role), each.file) for each in documented}
    for role, file in sorted(used - written):
        yield f"role {role} is given by {file}, which docs/deploy.md does not say"
    for role, file in sorted(written - used):
        yield f"role {role} is given by {file}, says docs/deploy.md, and is not"
    for each in documented:
        if ids.get(_symbol(each.role)) != each.id:
            yield f"role {each.role} is {each.id} in docs/deploy.md, {ids.get(_symbol(each.role))} in role_ids.json"
    for name, template in found.items():
        guids = (text for text in template.literals if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text))
        yield from (f"{name}: the id {guid} belongs into role_ids.json" for guid in sorted(guids))


def _role_members(template: Template) -> Iterator[str]:
    """Those of the variable that holds role_ids.json."""
    for name, value in template.variables.items():
        if "role_ids.json" in str(value):
            yield from (member for member in template.members if member.startswith(f"{name}."))


def _symbol(role: str) -> str:
    """`Azure Service Bus Data Sender` as role_ids.json writes it."""
    words = role.removeprefix("Azure ").replace("EventGrid", "Event Grid").split()
    return words[0].lower() + "".join(word.capitalize() for word in words[1:])


def _shown(default: Any) -> str:
    if default is None or isinstance(default, bool):
        return "" if default is None else str(default).lower()
    return str(default)


def _parameter_file_problems(main: Template, file: Path) -> Iterator[str]:
    given = json.loads(file.read_text(encoding="utf-8"))["parameters"]
    yield from _difference("parameter", given, main.parameters, file.name, "main.bicep")
    for name in sorted(set(given) & set(main.parameters)):
        value, default = given[name]["value"], main.parameters[name].default
        if not isinstance(value, str):
            if value != (default if not isinstance(default, Expression) else None):
                yield f"parameter {name} is {value!r} in {file.name}, {default!r} in main.bicep"
            continue
        match = re.fullmatch(r"\$\{(?:AZURE|BRIDGE)_[A-Z_]+(?:=(.*))?\}", value)
        if match is None or (match[1] or "") != _shown(default):
            yield f"parameter {name} is {value!r} in {file.name}, {default!r} in main.bicep"
