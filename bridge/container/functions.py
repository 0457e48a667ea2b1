"""What function_app.py declares: its functions and their triggers, read as the platform reads them."""

import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bridge.domain.errors import ConfigurationError

_SETTING = re.compile(r"%(\w+)%")


class Trigger(StrEnum):
    """What calls a function, by the platform's name."""

    HTTP = "httpTrigger"
    QUEUE = "serviceBusTrigger"
    TIMER = "timerTrigger"
    #: By webhook; a container leaves it out.
    EVENT_GRID = "eventGridTrigger"


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function and what calls it."""

    name: str
    trigger: Trigger
    #: The trigger's binding, as the platform gets it; settings are not filled in yet.
    binding: Mapping[str, Any]
    call: Callable[..., Any]

    @property
    def argument(self) -> str:
        return str(self.binding["name"])

    @property
    def takes_batches(self) -> bool:
        return str(self.binding.get("cardinality", "one")).lower() == "many"


def load(module: str = "function_app") -> tuple[list[Function], Any]:
    """The functions of the app, and the module. Raises: ConfigurationError for what a container cannot serve."""
    app = importlib.import_module(module)
    problems: list[str] = []
    functions: list[Function] = []
    for built in app.app.get_functions():
        try:
            functions.append(read_function(built))
        except ValueError as error:
            problems.append(f"function {built.get_function_name()}: {error}")
    if problems:
        raise ConfigurationError(problems)
    return functions, app


def expanded(text: str, environ: Mapping[str, str]) -> str:
    """With the settings that it names between percent signs. Raises: ConfigurationError."""
    missing = sorted({name for name in _SETTING.findall(text) if not environ.get(name, "").strip()})
    if missing:
        raise ConfigurationError([f"{name} is not set" for name in missing])
    return _SETTING.sub(lambda found: environ[found[1]].strip(), text)


def of(trigger: Trigger, functions: Iterable[Function]) -> list[Function]:
    return [function for function in functions if function.trigger is trigger]


def read_function(built: Any) -> Function:
    """Raises: ValueError."""
    bindings = [json.loads(raw) for raw in built.get_raw_bindings()]
    triggers = [each for each in bindings if each["type"] in set(Trigger)]
    others = sorted({each["type"] for each in bindings} - set(Trigger) - {"http"})
    if len(triggers) != 1 or others:
        raise ValueError(f"a container serves {', '.join(Trigger)}, not {', '.join(others) or 'several at once'}")
    binding, call = triggers[0], built.get_user_function()
    if "topicName" in binding or binding.get("isSessionsEnabled"):
        raise ValueError("a container listens to queues without sessions only")
    if list(inspect.signature(call).parameters) != [binding["name"]] or inspect.iscoroutinefunction(call):
        raise ValueError("a container calls plain functions of one parameter, the trigger's")
    return Function(name=built.get_function_name(), trigger=Trigger(binding["type"]), binding=binding, call=call)
