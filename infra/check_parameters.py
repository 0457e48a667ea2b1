"""`python -m infra.check_parameters`: what is wrong with the parameters of a deployment, before anything is made.

azd runs it first. Azure would find most of it only minutes later, and azd itself puts the default in the place of a
boolean or a number that it cannot read. Exit codes: 0 nothing is wrong, and nothing is said; 2 everything that is.
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.settings.app_settings import GUID_EXAMPLE, Settings
from bridge.settings.auth_mode import AuthMode

DONE, WRONG = 0, 2
FILE = Path(__file__).with_name("main.parameters.json")
_PLACE = re.compile(r"\$\{(\w+)(?:=([^}]*))?\}")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
#: What azd takes for a boolean.
_BOOLEANS = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "FALSE", "false", "False"), False
)
_JSON_TYPES = {"array": (list, "an array", "[]"), "object": (dict, "an object", "{}")}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """What main.bicep says of a parameter; tests/infra holds the two equal."""

    type: str = "string"
    #: It has no default. Those with AZURE_ in their names are asked for by azd, which may do so after its hooks.
    is_needed: bool = False
    allowed: tuple[str, ...] = ()
    #: Of a number, or of a text's length.
    least: int | None = None
    most: int | None = None
    #: For the command, where the default is no help.
    example: str = ""
    command: str = "azd env set"

    def fits(self, amount: int) -> bool:
        """Whether a number, or a text's length, is within the limits."""
        return (self.least is None or amount >= self.least) and (self.most is None or amount <= self.most)


_TEXT, _YES_NO, _WHOLE_NUMBER = Parameter(), Parameter(type="bool", example="true"), Parameter(type="int")
_LIST = Parameter(type="array")
PARAMETERS = {
    "environmentName": Parameter(is_needed=True, least=1, most=40, command="azd env new", example="bridge-test"),
    "location": Parameter(is_needed=True),
    "principalId": _TEXT,
    "principalType": Parameter(allowed=("User", "ServicePrincipal", "Group")),
    "workspaceName": Parameter(is_needed=True, example="my-workspace"),
    "workspaceResourceGroup": Parameter(is_needed=True, example="my-resource-group"),
    "workspaceSubscriptionId": _TEXT,
    "workspaceTopicName": _TEXT,
    "rulesDeploy": _YES_NO,
    "snowflakeAccount": Parameter(is_needed=True, example="myorg-myaccount"),
    "snowflakeDatabase": _TEXT,
    "snowflakeSchema": _TEXT,
    "snowflakeUser": _TEXT,
    "snowflakeRole": _TEXT,
    "snowflakeWarehouse": _TEXT,
    "snowflakeAuthenticator": Parameter(
        allowed=("WORKLOAD_IDENTITY", "SNOWFLAKE_JWT", "OAUTH", "PROGRAMMATIC_ACCESS_TOKEN")
    ),
    "snowflakeSendKey": _YES_NO,
    "commandSenderIds": _LIST,
    "authMode": Parameter(allowed=("key", "entra")),
    "entraAudience": Parameter(example=GUID_EXAMPLE),
    "allowedClientIds": Parameter(example=GUID_EXAMPLE),
    "allowedAppRoles": Parameter(example="Bridge.Submit"),
    "snowflakeClientIds": Parameter(example=GUID_EXAMPLE),
    "bridgeName": _TEXT,
    "pythonVersion": Parameter(allowed=("3.11", "3.12", "3.13")),
    "maxInstances": Parameter(type="int", least=1, most=1000),
    "executeInstances": Parameter(type="int", least=1, most=1000),
    "alwaysReadyInstances": _WHOLE_NUMBER,
    "moreSettings": Parameter(type="object"),
    "customTopic": _YES_NO,
    "customTopicPublisherIds": _LIST,
    "notificationTopic": _YES_NO,
    "notificationPublisherIds": _LIST,
    "eventsTopic": _YES_NO,
    "apiManagement": _YES_NO,
    "publisherEmail": Parameter(example="ops@example.com"),
    "alertEmail": _TEXT,
    "alertActionGroupIds": _LIST,
    "lateSeconds": _WHOLE_NUMBER,
    "dailyTelemetryGigabytes": _WHOLE_NUMBER,
}
#: Settings that the app checks together, and the parameters that they are made of.
_OF_ENTRA = {"ENTRA_AUDIENCE": "entraAudience", "ALLOWED_APP_ROLES": "allowedAppRoles"}
_IDS = ("allowedClientIds", "snowflakeClientIds")


class Unusable(Exception):
    """A value that a parameter cannot have."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """A parameter of main.parameters.json, with what azd will put there."""

    name: str
    value: Any
    #: The variable that it comes from; empty when the value stands in the file.
    variable: str = ""
    default: str = ""

    @property
    def title(self) -> str:
        return self.variable or f"{self.name} in infra/{FILE.name}"

    def problem(self, what: str) -> str:
        """With the command that mends it, where one does."""
        if not self.variable:
            return f"{self.title} {what}"
        about = PARAMETERS[self.name]
        example = about.example or self.default or "VALUE"
        # The environment's name is that of its folder.
        mended = example if about.command == "azd env new" else f"{self.variable} {example}"
        return f"{self.title} {what}\n  {about.command} {mended}"


def problems(file: Path, environ: Mapping[str, str]) -> list[str]:
    """Every one; those of a file that cannot be read are all there is to say."""
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))["parameters"]
        given = {name: _given(name, entries.get(name, {}).get("value"), environ) for name in PARAMETERS}
    except (ValueError, RecursionError) as error:
        return [f"infra/{file.name} is no JSON: {error}"]
    except (KeyError, TypeError, AttributeError):
        return [f'infra/{file.name} is no file of parameters: give {{"parameters": {{"NAME": {{"value": "…"}}}}}}']
    values: dict[str, Any] = {}
    told: list[str] = []
    for each in given.values():
        try:
            values[each.name] = _read(each)
        except Unusable as error:
            values[each.name] = None
            told.append(each.problem(str(error)))
    return told + [given[name].problem(what) for name, what in _joint_problems(values)]


def _given(name: str, value: Any, environ: Mapping[str, str]) -> Given:
    if not isinstance(value, str):
        return Given(name=name, value="" if value is None else value)
    place = _PLACE.fullmatch(value)
    filled = _PLACE.sub(lambda found: environ.get(found[1]) or found[2] or "", value)
    return Given(name=name, value=filled, variable=place[1] if place else "", default=(place and place[2]) or "")


def _read(given: Given) -> Any:
    """The value; empty when azd or the template has to say it. Raises: Unusable."""
    wanted, value = PARAMETERS[given.name], given.value
    if value == "":
        if wanted.is_needed and not given.variable.startswith("AZURE_"):
            raise Unusable("is not set")
        return ""
    if wanted.type in _JSON_TYPES:
        return _read_json(wanted.type, value)
    shown = f'is "{value if isinstance(value, str) else json.dumps(value)}"'
    if wanted.type == "bool":
        return _read_boolean(value, shown)
    if wanted.type == "int":
        return _read_number(wanted, value, shown)
    if not isinstance(value, str):
        raise Unusable(f"{shown}: give a text")
    if wanted.allowed and value not in wanted.allowed:
        raise Unusable(f"{shown}: give one of {', '.join(wanted.allowed)}")
    if not wanted.fits(len(value)):
        raise Unusable(f"{shown}: give {wanted.least} to {wanted.most} characters")
    return value


def _read_boolean(value: Any, shown: str) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value not in _BOOLEANS:
        raise Unusable(f"{shown}: give true or false")
    return _BOOLEANS[value]


def _read_number(wanted: Parameter, value: Any, shown: str) -> int:
    if _WHOLE.fullmatch(str(value)) and wanted.fits(int(value)):
        return int(value)
    limits = "" if wanted.most is None else f" from {wanted.least} to {wanted.most}"
    raise Unusable(f"{shown}: give a whole number{limits}")


def _read_json(kind: str, value: Any) -> Any:
    """Newer versions of azd read a text as JSON; older ones hand it on, and Azure refuses it."""
    wanted, words, example = _JSON_TYPES[kind]
    try:
        read = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        raise Unusable(f"is no JSON ({error}): give {words}, such as {example}") from error
    if not isinstance(read, wanted):
        raise Unusable(f"is not {words}: give one, such as {example}")
    return read


def _joint_problems(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What one parameter demands of another: the name of the other, and what is wrong."""
    is_entra = values["authMode"] == AuthMode.ENTRA
    if is_entra:
        yield from dict.fromkeys(_entra_problems(values))
    if values["apiManagement"] is True:
        if not values["publisherEmail"]:
            yield "publisherEmail", "is not set: API Management wants somebody's address"
        if not values["entraAudience"] and not is_entra:
            yield "entraAudience", "is not set: API Management lets in only tokens for that application"


def _entra_problems(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the app would say of its settings, in place of every answer; either list of ids will do."""
    more = values["moreSettings"] or {}
    for ids in [name for name in _IDS if values[name]] or [_IDS[0]]:
        made = {name: values[parameter] or "" for name, parameter in _OF_ENTRA.items()}
        made |= {"AUTH_MODE": AuthMode.ENTRA, "ALLOWED_CLIENT_IDS": values[ids] or ""}
        _, found = Settings.with_problems(made)
        for problem in found:
            setting, _, what = problem.partition(" ")
            parameter = ({"ALLOWED_CLIENT_IDS": ids} | _OF_ENTRA).get(setting)
            if parameter and setting not in more:  # those win over the template's
                yield parameter, what


def main() -> int:
    """The exit code."""
    found = problems(FILE, os.environ)
    if not found:
        return DONE
    sys.stderr.write("the deployment cannot begin, and nothing was changed:\n")
    sys.stderr.writelines(f"{problem}\n" for problem in found)
    return WRONG


if __name__ == "__main__":
    raise SystemExit(main())
