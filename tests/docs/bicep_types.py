"""Reads the resources of a Bicep file and compares them with what is known of their types, without the Bicep CLI.

The table is taken from the published types, Azure/bicep-types-az: Microsoft.EventGrid 2025-02-15 and
Microsoft.Authorization 2022-04-01, as far as the examples use them. Of Microsoft.ServiceBus 2024-01-01 and
Microsoft.Storage 2023-05-01, whose resources exist already, only the name. Expressions, scopes and role ids are not
checked.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


class Expression(str):
    """What is neither text, number, boolean, object nor array: its value is not known here."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One declaration."""

    symbol: str
    type: str
    is_existing: bool
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """An object whose shape depends on one of its own properties."""

    by: str
    shapes: Mapping[str, Any]


@dataclass(frozen=True)
class Shape:
    """An object: what it must have, and what it may have."""

    required: Mapping[str, Any]
    optional: Mapping[str, Any] = field(default_factory=dict)


_IDENTITY = Shape({"type": {"SystemAssigned", "UserAssigned"}}, {"userAssignedIdentity": str})
_MAPPING = Choice(
    "type",
    {"Static": Shape({"name": str, "type": {"Static"}, "properties": Shape({"value": str}, {"isSecret": bool})})},
)
_QUEUE = Shape(
    {
        "endpointType": {"ServiceBusQueue"},
        "properties": Shape({"resourceId": str}, {"deliveryAttributeMappings": [_MAPPING]}),
    }
)
_BLOBS = Shape({"endpointType": {"StorageBlob"}, "properties": Shape({"resourceId": str, "blobContainerName": str})})
_FILTERS = Choice(
    "operatorType",
    {name: Shape({"operatorType": {name}, "key": str, "values": [str]}) for name in ("StringIn", "StringNotIn")},
)
_SUBSCRIPTION = Shape(
    {},
    {
        "deliveryWithResourceIdentity": Shape(
            {"identity": _IDENTITY, "destination": Choice("endpointType", {"ServiceBusQueue": _QUEUE})}
        ),
        "deadLetterWithResourceIdentity": Shape(
            {"identity": _IDENTITY, "deadLetterDestination": Choice("endpointType", {"StorageBlob": _BLOBS})}
        ),
        "eventDeliverySchema": {"CloudEventSchemaV1_0", "CustomInputSchema", "EventGridSchema"},
        "filter": Shape({}, {"includedEventTypes": [str], "advancedFilters": [_FILTERS], "subjectBeginsWith": str}),
        "retryPolicy": Shape({}, {"maxDeliveryAttempts": int, "eventTimeToLiveInMinutes": int}),
    },
)
_TOPIC = Shape(
    {},
    {
        "inputSchema": {"CloudEventSchemaV1_0", "CustomEventSchema", "EventGridSchema"},
        "disableLocalAuth": bool,
        "minimumTlsVersionAllowed": {"1.0", "1.1", "1.2"},
        "publicNetworkAccess": {"Disabled", "Enabled"},
    },
)
_ROLE = Shape(
    {"principalId": str, "roleDefinitionId": str},
    {"principalType": {"Device", "ForeignGroup", "Group", "ServicePrincipal", "User"}},
)
#: Of the language, not of the resource.
_BICEP = {"parent": str, "scope": str, "dependsOn": [str]}
TYPES: Mapping[str, Shape] = {
    "Microsoft.EventGrid/systemTopics@2025-02-15": Shape(
        {"name": str, "location": str},
        {"identity": _IDENTITY, "properties": Shape({}, {"source": str, "topicType": str}), "tags": dict},
    ),
    "Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15": Shape(
        {"name": str}, {"properties": _SUBSCRIPTION}
    ),
    "Microsoft.EventGrid/topics@2025-02-15": Shape(
        {"name": str, "location": str}, {"identity": _IDENTITY, "properties": _TOPIC, "tags": dict}
    ),
    "Microsoft.Authorization/roleAssignments@2022-04-01": Shape({"name": str, "properties": _ROLE}),
    "Microsoft.ServiceBus/namespaces@2024-01-01": Shape({"name": str}),
    "Microsoft.ServiceBus/namespaces/queues@2024-01-01": Shape({"name": str}),
    "Microsoft.Storage/storageAccounts@2023-05-01": Shape({"name": str}),
}
_DECLARATION = re.compile(r"^resource (\w+) '([^']+)'( existing)? = (?=\{)", re.MULTILINE)


def resources(text: str) -> list[Resource]:
    """Every declaration of the file. Raises: ValueError where it cannot be read."""
    text = re.sub(r"(?m)^\s*//.*$", "", text)
    found = []
    for match in _DECLARATION.finditer(text):
        body, _ = _value(text, match.end())
        found.append(Resource(symbol=match[1], type=match[2], is_existing=bool(match[3]), body=body))
    return found


def problems(resource: Resource) -> list[str]:
    """What does not agree with the resource's type."""
    shape = TYPES.get(resource.type)
    if shape is None:
        return [f"{resource.type} is not known"]
    whole = Shape(shape.required, {**shape.optional, **_BICEP})
    return list(_problems(resource.body, whole, resource.symbol))


def _problems(value: Any, shape: Any, path: str) -> Iterator[str]:
    if isinstance(value, Expression):
        return
    if isinstance(shape, Choice):
        chosen = shape.shapes.get(str(value.get(shape.by))) if isinstance(value, dict) else None
        if chosen is None:
            yield f"{path}.{shape.by} is none of {sorted(shape.shapes)}"
        else:
            yield from _problems(value, chosen, path)
    elif isinstance(shape, Shape):
        yield from _object_problems(value, shape, path)
    elif isinstance(shape, list):
        for position, item in enumerate(value if isinstance(value, list) else [None]):
            yield from _problems(item, shape[0], f"{path}[{position}]")
    elif isinstance(shape, set):
        if value not in shape:
            yield f"{path} is {value!r}, none of {sorted(shape)}"
    elif type(value) is not shape:
        yield f"{path} is {value!r}, no {shape.__name__}"


def _object_problems(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no object"
        return
    known = {**shape.required, **shape.optional}
    yield from (f"{path}.{name} is not known" for name in value if name not in known)
    yield from (f"{path}.{name} is missing" for name in shape.required if name not in value)
    for name, item in value.items():
        if name in known:
            yield from _problems(item, known[name], f"{path}.{name}")


def _value(text: str, at: int) -> tuple[Any, int]:
    """The value that begins here, and where it ends."""
    if text[at] == "{":
        return _object(text, at + 1)
    if text[at] == "[":
        return _array(text, at + 1)
    if found := re.compile(r"'((?:[^'\\$]|\\.)*)'(?=\s|,|\}|\])").match(text, at):
        return found[1].replace("\\'", "'"), found.end()
    if found := re.compile(r"(true|false|\d+)(?=\s|,|\}|\])").match(text, at):
        return (
            {"true": True, "false": False}.get(found[1], None if found[1][0] in "tf" else int(found[1]))
        ), found.end()
    found = re.compile(r"[\w.$]+(?:\([^\n]*\))?(?:\.\w+)*").match(text, at)
    if not found:
        raise ValueError(f"no value: {text[at : at + 40]!r}")
    return Expression(found[0]), found.end()


def _object(text: str, at: int) -> tuple[dict[str, Any], int]:
    items: dict[str, Any] = {}
    while True:
        at = _blank(text, at)
        if text[at] == "}":
            return items, at + 1
        name = re.compile(r"(\w+):\s*").match(text, at)
        if not name or name[1] in items:
            raise ValueError(f"no new property: {text[at : at + 40]!r}")
        items[name[1]], at = _value(text, name.end())


def _array(text: str, at: int) -> tuple[list[Any], int]:
    items: list[Any] = []
    while True:
        at = _blank(text, at)
        if text[at] == "]":
            return items, at + 1
        item, at = _value(text, at)
        items.append(item)


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\n,":
        at += 1
    if at == len(text):
        raise ValueError("an object or array is not closed")
    return at
