"""Indexing of function_app.py, with the refusals of the real worker: one bad function and the whole app has none."""

import contextlib
import importlib
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from azure.functions.decorators.function_app import FunctionRegister

from bridge.local.host import signatures
from bridge.local.host.connections import connection_problem
from bridge.local.host.routes import RouteError, RouteTemplate
from bridge.local.host.schedules import ScheduleError, parse_schedule

HTTP = "httpTrigger"
SERVICE_BUS = "serviceBusTrigger"
EVENT_GRID = "eventGridTrigger"
TIMER = "timerTrigger"
TRIGGERS = (HTTP, SERVICE_BUS, EVENT_GRID, TIMER)
#: Where binding expressions (%SETTING%) are resolved in a trigger.
EXPANDED = ("queueName", "schedule", "route")


class LoadError(Exception):
    """The app cannot be indexed; the text says why, a line each."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """One indexed function: what calls it and with what."""

    name: str
    call: Callable[..., Any]
    #: The trigger binding, with %SETTING% expressions resolved.
    trigger: Mapping[str, Any]
    bindings: tuple[Mapping[str, Any], ...]
    is_async: bool
    wants_context: bool
    #: Present, the function is indexed but nothing calls it (app setting AzureWebJobs.NAME.Disabled).
    is_disabled: bool
    warnings: tuple[str, ...]

    @property
    def kind(self) -> str:
        return str(self.trigger["type"])

    @property
    def argument(self) -> str:
        return str(self.trigger["name"])

    @property
    def takes_batches(self) -> bool:
        return str(self.trigger.get("cardinality", "one")).lower() == "many"

    @property
    def data_type(self) -> str | None:
        """What the trigger's data_type says: "string", "binary", or None when it says nothing."""
        value = str(self.trigger.get("dataType", "")).lower()
        return value if value in ("string", "binary") else None


def apply_local_settings(directory: Path, environment: MutableMapping[str, str]) -> None:
    """Add the Values of local.settings.json to the environment, which itself wins."""
    with contextlib.suppress(FileNotFoundError):
        content = json.loads((directory / "local.settings.json").read_text(encoding="utf-8"))
        for name, value in (content.get("Values") or {}).items():
            environment.setdefault(name, str(value))


def load_functions(directory: Path, environment: Mapping[str, str]) -> list[Function]:
    """Every function of the app in `directory`.

    Raises:
        LoadError: the module cannot be imported, has not exactly one FunctionApp, or any of its functions is bad.
    """
    script = environment.get("PYTHON_SCRIPT_FILE_NAME", "function_app.py")
    app = _only_app(_import(directory, script), script)
    try:
        built = app.get_functions()  # once only: a second call finds its own names taken
    except Exception as error:
        raise LoadError(f"{script}: {error}") from error
    if not built:
        raise LoadError(f"{script}: the FunctionApp has no functions")
    functions, problems = [], []
    for function in built:
        try:
            functions.append(_index(function, environment))
        except LoadError as error:
            problems.append(str(error))
    if problems:
        raise LoadError("\n".join(problems))
    return functions


def _import(directory: Path, script: str) -> ModuleType:
    if not (directory / script).is_file():
        raise LoadError(f"there is no {script} in {directory}")
    os.chdir(directory)  # the worker's working directory is the app's
    sys.path.insert(0, str(directory))
    try:
        return importlib.import_module(script.removesuffix(".py"))
    except (Exception, SystemExit) as error:
        raise LoadError(f"{script} cannot be imported: {type(error).__name__}: {error}") from error


def _only_app(module: ModuleType, script: str) -> Any:
    names = [name for name, value in vars(module).items() if isinstance(value, FunctionRegister)]
    if not names:
        raise LoadError(f"{script}: there is no FunctionApp at module level")
    if len(names) > 1:
        raise LoadError(f"{script}: more than one FunctionApp at module level: {', '.join(names)}")
    return vars(module)[names[0]]


def _index(built: Any, environment: Mapping[str, str]) -> Function:
    name = built.get_function_name()
    bindings = tuple(json.loads(raw) for raw in built.get_raw_bindings())
    call = built.get_user_function()
    trigger = _expand(_only_trigger(name, bindings), name, environment)
    problem = _trigger_problem(trigger, environment)
    try:
        wants_context = signatures.check(call, bindings)
    except signatures.SignatureError as error:
        problem = problem or str(error)
    if problem:
        raise LoadError(f"function {name!r}: {problem}")
    return Function(
        name=name,
        call=call,
        trigger=trigger,
        bindings=bindings,
        is_async=inspect.iscoroutinefunction(call),
        wants_context=wants_context,
        is_disabled=_is_disabled(name, environment),
        warnings=_warnings(name, trigger, has_retry=bool(built.get_settings_dict("retry_policy"))),
    )


def _only_trigger(name: str, bindings: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    for binding in bindings:
        kind = str(binding["type"])
        if kind.lower().endswith("trigger") and kind not in TRIGGERS:
            raise LoadError(f"function {name!r}: this host has no trigger {kind!r}; it has {', '.join(TRIGGERS)}")
    triggers = [binding for binding in bindings if binding["type"] in TRIGGERS]
    if not triggers:
        raise LoadError(f"function {name!r}: it has no trigger")
    others = [binding for binding in bindings if binding not in triggers and binding["name"] != "$return"]
    if others:
        raise LoadError(
            f"function {name!r}: this host has no binding of type {others[0]['type']!r} (parameter"
            f" {others[0]['name']!r}); it has triggers and HTTP answers only"
        )
    return triggers[0]


def _expand(trigger: dict[str, Any], function: str, environment: Mapping[str, str]) -> dict[str, Any]:
    def value(match: re.Match[str]) -> str:
        setting = match[1]
        if not environment.get(setting):
            raise LoadError(f"function {function!r}: app setting {setting!r}, which its {key} names, is not set")
        return environment[setting]

    expanded = dict(trigger)
    for key in EXPANDED:
        if isinstance(trigger.get(key), str):
            expanded[key] = re.sub(r"%([^%]+)%", value, trigger[key])
    return expanded


def _trigger_problem(trigger: Mapping[str, Any], environment: Mapping[str, str]) -> str | None:
    try:
        if trigger["type"] == TIMER:
            parse_schedule(str(trigger["schedule"]))
        if trigger["type"] == HTTP:
            RouteTemplate("", str(trigger.get("route") or ""))
    except (ScheduleError, RouteError) as error:
        return str(error)
    if trigger["type"] == SERVICE_BUS:
        if "topicName" in trigger:
            return "this host listens to queues, not to topics"
        if trigger.get("isSessionsEnabled"):
            return "this host has no sessions"
        return connection_problem(trigger["connection"], environment)
    return None


def _is_disabled(name: str, environment: Mapping[str, str]) -> bool:
    forms = (f"AzureWebJobs.{name}.Disabled", f"AzureWebJobs__{name}__Disabled")
    return any(environment.get(form, "").lower() in ("true", "1") for form in forms)


def _warnings(name: str, trigger: Mapping[str, Any], *, has_retry: bool) -> tuple[str, ...]:
    found = []
    if has_retry and trigger["type"] != TIMER:
        found.append(f"function {name!r}: the platform ignores @retry on a {trigger['type']}")
    if has_retry and trigger["type"] == TIMER:
        found.append(f"function {name!r}: this host does not retry timers")
    many = str(trigger.get("cardinality", "")).lower() == "many"
    if trigger["type"] == SERVICE_BUS and many and str(trigger.get("dataType", "")).lower() != "binary":
        found.append(
            f"function {name!r}: a batch without data_type=BINARY is fragile on the platform: untyped, one body that is"
            " not JSON fails the whole batch; as strings, one empty body does"
        )
    return tuple(found)
