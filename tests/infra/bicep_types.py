"""Compares the resources of Bicep files with what is known of their types, without the Bicep CLI.

The table is taken from the published types, Azure/bicep-types-az, as far as the templates use them. Types whose
properties were not looked up are named in `NOT_LOOKED_UP`. Expressions, scopes and role ids are not checked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.infra.bicep import Declaration, Expression


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
_BUS_SKU = Shape({"name": {"Basic", "Premium", "Standard"}}, {"tier": {"Basic", "Premium", "Standard"}})
_BUS = Shape(
    {},
    {
        "disableLocalAuth": bool,
        "minimumTlsVersion": {"1.0", "1.1", "1.2"},
        "publicNetworkAccess": {"Disabled", "Enabled", "SecuredByPerimeter"},
        "zoneRedundant": bool,
    },
)
_QUEUE_PROPERTIES = Shape(
    {},
    {
        "deadLetteringOnMessageExpiration": bool,
        "defaultMessageTimeToLive": str,
        "duplicateDetectionHistoryTimeWindow": str,
        "lockDuration": str,
        "maxDeliveryCount": int,
        "maxSizeInMegabytes": int,
        "requiresDuplicateDetection": bool,
        "requiresSession": bool,
    },
)
_CONDITION = Shape(
    {},
    {
        "metricMeasureColumn": str,
        "operator": {"Equals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual"},
        "query": str,
        "threshold": int,
        "timeAggregation": {"Average", "Count", "Maximum", "Minimum", "Total"},
    },
)
_LOG_ALERT = Shape(
    {},
    {
        "actions": Shape({}, {"actionGroups": [str]}),
        "criteria": Shape({}, {"allOf": [_CONDITION]}),
        "description": str,
        "enabled": bool,
        "evaluationFrequency": str,
        "scopes": [str],
        "severity": int,
        "skipQueryValidation": bool,
        "windowSize": str,
    },
)
_FLEX = Shape(
    {},
    {
        "deployment": Shape(
            {}, {"storage": Shape({}, {"type": {"blobContainer"}, "value": str, "authentication": dict})}
        ),
        "runtime": Shape(
            {}, {"name": {"custom", "dotnet-isolated", "java", "node", "powershell", "python"}, "version": str}
        ),
        "scaleAndConcurrency": Shape(
            {},
            {
                "alwaysReady": [Shape({}, {"name": str, "instanceCount": int})],
                "instanceMemoryMB": int,
                "maximumInstanceCount": int,
                "triggers": Shape({}, {"http": Shape({}, {"perInstanceConcurrency": int})}),
            },
        ),
    },
)
_SITE = Shape(
    {},
    {
        "functionAppConfig": _FLEX,
        "httpsOnly": bool,
        "keyVaultReferenceIdentity": str,
        "serverFarmId": str,
        "siteConfig": dict,
    },
)
#: Their types exist; what they may hold was not compared.
NOT_LOOKED_UP = {
    "Microsoft.ApiManagement/service@2024-05-01",
    "Microsoft.ApiManagement/service/apis@2024-05-01",
    "Microsoft.ApiManagement/service/apis/policies@2024-05-01",
    "Microsoft.ApiManagement/service/namedValues@2024-05-01",
    "Microsoft.Authorization/roleDefinitions@2022-04-01",
    "Microsoft.Insights/actionGroups@2023-01-01",
    "Microsoft.Insights/components@2020-02-02",
    "Microsoft.Insights/metricAlerts@2018-03-01",
    "Microsoft.KeyVault/vaults@2023-07-01",
    "Microsoft.KeyVault/vaults/secrets@2023-07-01",
    "Microsoft.MachineLearningServices/workspaces@2024-04-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31",
    "Microsoft.OperationalInsights/workspaces@2023-09-01",
    "Microsoft.Resources/resourceGroups@2024-03-01",
    "Microsoft.Storage/storageAccounts@2023-05-01",
    "Microsoft.Storage/storageAccounts/blobServices@2023-05-01",
    "Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01",
    "Microsoft.Web/serverfarms@2024-04-01",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01",
    "Microsoft.Web/sites/config@2024-04-01",
}
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
    "Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15": Shape({"name": str}, {"properties": _SUBSCRIPTION}),
    "Microsoft.ServiceBus/namespaces@2024-01-01": Shape(
        {"name": str, "location": str}, {"sku": _BUS_SKU, "properties": _BUS, "tags": dict}
    ),
    "Microsoft.ServiceBus/namespaces/queues@2024-01-01": Shape({"name": str}, {"properties": _QUEUE_PROPERTIES}),
    "Microsoft.ServiceBus/namespaces/queues/authorizationRules@2024-01-01": Shape(
        {"name": str}, {"properties": Shape({"rights": [{"Listen", "Manage", "Send"}]})}
    ),
    # Of a site only functionAppConfig was looked up; the other names are those of every quickstart.
    "Microsoft.Web/sites@2024-04-01": Shape(
        {"name": str, "location": str}, {"kind": str, "identity": dict, "properties": _SITE, "tags": dict}
    ),
    "Microsoft.Insights/scheduledQueryRules@2023-12-01": Shape(
        {"name": str, "location": str, "properties": _LOG_ALERT}, {"kind": {"LogAlert", "LogToMetric"}, "tags": dict}
    ),
}


def problems(resource: Declaration) -> list[str]:
    """What does not agree with the resource's type."""
    if resource.type in NOT_LOOKED_UP:
        return []
    shape = TYPES.get(resource.type)
    if shape is None:
        return [f"{resource.type} is not known"]
    if resource.is_existing:
        shape = Shape({"name": str}, {})
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
    else:
        yield from _scalar_problems(value, shape, path)


def _scalar_problems(value: Any, shape: Any, path: str) -> Iterator[str]:
    if isinstance(shape, set):
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
