"""What is known of the resources' types: taken from Azure/bicep-types-az, as far as the templates use them.

Names and fixed values, as they stand there for each API version; not what only a deployment tells.
"""

from collections.abc import Mapping

from tests.infra.shapes import Choice, Shape

_IDENTITY = Shape(
    {"type": {"SystemAssigned", "UserAssigned"}}, {"userAssignedIdentity": str, "userAssignedIdentities": dict}
)
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
_ALERT_CRITERION = Shape(
    {
        "criterionType": {"StaticThresholdCriterion"},
        "metricName": str,
        "name": str,
        "operator": {"Equals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual", "NotEquals"},
        "threshold": int,
        "timeAggregation": {"Average", "Count", "Maximum", "Minimum", "Total"},
    },
    {
        "dimensions": [Shape({"name": str, "operator": {"Exclude", "Include"}, "values": [str]})],
        "metricNamespace": str,
        "skipMetricValidation": bool,
    },
)
_ALERT_CRITERIA = Choice(
    "odata.type",
    {
        name: Shape({"odata.type": {name}}, {"allOf": [_ALERT_CRITERION]})
        for name in ("Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",)
    },
)
_METRIC_ALERT = Shape(
    {
        "criteria": _ALERT_CRITERIA,
        "enabled": bool,
        "evaluationFrequency": str,
        "scopes": [str],
        "severity": int,
        "windowSize": str,
    },
    {"actions": [Shape({}, {"actionGroupId": str})], "autoMitigate": bool, "description": str},
)
_VAULT = Shape(
    {"sku": Shape({"family": {"A"}, "name": {"premium", "standard"}}), "tenantId": str},
    {
        "enablePurgeProtection": bool,
        "enableRbacAuthorization": bool,
        "enableSoftDelete": bool,
        "publicNetworkAccess": str,
        "softDeleteRetentionInDays": int,
    },
)
_STORAGE = Shape(
    {},
    {
        "allowBlobPublicAccess": bool,
        "allowSharedKeyAccess": bool,
        "defaultToOAuthAuthentication": bool,
        "minimumTlsVersion": {"TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"},
        "publicNetworkAccess": {"Disabled", "Enabled", "SecuredByPerimeter"},
        "supportsHttpsTrafficOnly": bool,
    },
)
_API = Shape(
    {"path": str},
    {
        "apiType": {"graphql", "grpc", "http", "odata", "soap", "websocket"},
        "displayName": str,
        "format": {"openapi", "openapi+json", "openapi+json-link", "openapi-link", "swagger-json", "swagger-link-json"},
        "protocols": [{"http", "https", "ws", "wss"}],
        "serviceUrl": str,
        "subscriptionRequired": bool,
        "value": str,
    },
)
_NAMED_VALUE = Shape(
    {"displayName": str},
    {"keyVault": Shape({}, {"identityClientId": str, "secretIdentifier": str}), "secret": bool, "value": str},
)
#: Their types exist; what they may hold was not compared.
NOT_LOOKED_UP = {
    "Microsoft.Authorization/roleDefinitions@2022-04-01",
    "Microsoft.Insights/actionGroups@2023-01-01",
    "Microsoft.Insights/components@2020-02-02",
    "Microsoft.KeyVault/vaults/secrets@2023-07-01",
    "Microsoft.MachineLearningServices/workspaces@2024-04-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31",
    "Microsoft.OperationalInsights/workspaces@2023-09-01",
    "Microsoft.Resources/resourceGroups@2024-03-01",
    "Microsoft.Storage/storageAccounts/blobServices@2023-05-01",
    "Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01",
    "Microsoft.Web/sites/config@2024-04-01",
}
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
    "Microsoft.Web/sites@2024-04-01": Shape(
        {"name": str, "location": str}, {"kind": str, "identity": dict, "properties": _SITE, "tags": dict}
    ),
    "Microsoft.Insights/scheduledQueryRules@2023-12-01": Shape(
        {"name": str, "location": str, "properties": _LOG_ALERT}, {"kind": {"LogAlert", "LogToMetric"}, "tags": dict}
    ),
    "Microsoft.Insights/metricAlerts@2018-03-01": Shape(
        {"name": str, "location": str, "properties": _METRIC_ALERT}, {"tags": dict}
    ),
    "Microsoft.KeyVault/vaults@2023-07-01": Shape({"name": str, "location": str, "properties": _VAULT}, {"tags": dict}),
    "Microsoft.Storage/storageAccounts@2023-05-01": Shape(
        {
            "name": str,
            "location": str,
            "kind": {"BlobStorage", "BlockBlobStorage", "FileStorage", "Storage", "StorageV2"},
            "sku": Shape({"name": {"Standard_GRS", "Standard_GZRS", "Standard_LRS", "Standard_ZRS"}}),
        },
        {"properties": _STORAGE, "tags": dict},
    ),
    "Microsoft.Web/serverfarms@2024-04-01": Shape(
        {"name": str, "location": str},
        {"kind": str, "properties": dict, "sku": Shape({}, {"name": str, "tier": str}), "tags": dict},
    ),
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01": Shape(
        # The location is not in the published types, and refused when it is missing: bicep-types-az 1317, 1571.
        {"name": {"ftp", "scm"}, "location": str},
        {"properties": Shape({"allow": bool})},
    ),
    "Microsoft.ApiManagement/service@2024-05-01": Shape(
        {
            "name": str,
            "location": str,
            "properties": Shape({"publisherEmail": str, "publisherName": str}),
            "sku": Shape({"capacity": int, "name": {"BasicV2", "Consumption", "Developer", "Premium", "StandardV2"}}),
        },
        {"identity": _IDENTITY, "tags": dict},
    ),
    "Microsoft.ApiManagement/service/apis@2024-05-01": Shape({"name": str}, {"properties": _API}),
    "Microsoft.ApiManagement/service/apis/policies@2024-05-01": Shape(
        {"name": {"policy"}},
        {"properties": Shape({"value": str}, {"format": {"rawxml", "rawxml-link", "xml", "xml-link"}})},
    ),
    "Microsoft.ApiManagement/service/namedValues@2024-05-01": Shape({"name": str}, {"properties": _NAMED_VALUE}),
}
