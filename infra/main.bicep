// Everything that the bridge needs in Azure, for a workspace that is there already: docs/deploy.md.
// Nothing here was deployed; the same page says what was checked, and how.
targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('Name of the environment: of azd, of the resource group, and in every resource\'s name.')
param environmentName string
@description('Region of everything but the workspace\'s system topic.')
param location string
@description('Object id of whoever deploys: may write the vault\'s secrets. Empty: nobody may.')
param principalId string = ''
@allowed([ 'User', 'ServicePrincipal', 'Group' ])
param principalType string = 'User'

@description('The workspace whose jobs the bridge runs.')
param workspaceName string
param workspaceResourceGroup string
param workspaceSubscriptionId string = ''
@description('The workspace\'s system topic. A workspace can have one: if it has one, give its name.')
param workspaceTopicName string = 'aml-events'
@description('Whether rules bring models to endpoints.')
param rulesDeploy bool = false

param snowflakeAccount string
param snowflakeDatabase string = 'ML'
param snowflakeSchema string = 'ML_BRIDGE'
param snowflakeUser string = 'ML_BRIDGE_APP'
param snowflakeRole string = 'ML_BRIDGE_WRITER'
param snowflakeWarehouse string = 'ML_BRIDGE_WH'
@allowed([ 'WORKLOAD_IDENTITY', 'SNOWFLAKE_JWT', 'OAUTH', 'PROGRAMMATIC_ACCESS_TOKEN' ])
param snowflakeAuthenticator string = 'WORKLOAD_IDENTITY'
@description('Whether procedures send to run-commands with a key (door service_bus_key).')
param snowflakeSendKey bool = false
@description('Object ids of applications that send to run-commands without a key.')
param commandSenderIds array = []

@allowed([ 'key', 'entra' ])
param authMode string = 'key'
@description('Entra application that stands for the app: its id. With authMode entra, and for API Management.')
param entraAudience string = ''
@description('Ids of the applications that may call, with commas; Snowflake\'s own are added.')
param allowedClientIds string = ''
param allowedAppRoles string = ''
@description('Ids of Snowflake\'s applications (DESCRIBE INTEGRATION), with commas.')
param snowflakeClientIds string = ''

@description('Part of every run id. Never change it.')
param bridgeName string = 'bridge'
@allowed([ '3.11', '3.12', '3.13' ])
param pythonVersion string = '3.13'
@minValue(1)
@maxValue(1000)
param maxInstances int = 40
@description('How many of them share Azure ML\'s pace. If more run at once it refuses some calls, and the app waits.')
@minValue(1)
@maxValue(1000)
param executeInstances int = 4
param alwaysReadyInstances int = 0
param moreSettings object = {}

@description('A topic for the door custom: publish_event, other systems.')
param customTopic bool = false
@description('Object ids of others that may publish there, such as the application of event_grid_keyless.')
param customTopicPublisherIds array = []
@description('A topic for Snowflake\'s notifications.')
param notificationTopic bool = false
@description('Object id of Snowflake\'s application, after its consent.')
param notificationPublisherIds array = []
@description('A topic for the bridge\'s own events.')
param eventsTopic bool = false
@description('API Management, for external functions.')
param apiManagement bool = false
param publisherEmail string = ''

param alertEmail string = ''
param alertActionGroupIds array = []
param lateSeconds int = 900
param dailyTelemetryGigabytes int = 1

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var workspaceSubscription = empty(workspaceSubscriptionId) ? subscription().subscriptionId : workspaceSubscriptionId
var access = {
  mode: authMode
  audience: entraAudience
  clientIds: empty(allowedClientIds) ? [] : split(replace(allowedClientIds, ' ', ''), ',')
  appRoles: empty(allowedAppRoles) ? [] : split(replace(allowedAppRoles, ' ', ''), ',')
  snowflakeClientIds: empty(snowflakeClientIds) ? [] : split(replace(snowflakeClientIds, ' ', ''), ',')
}

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

resource workspace 'Microsoft.MachineLearningServices/workspaces@2024-04-01' existing = {
  name: workspaceName
  scope: resourceGroup(workspaceSubscription, workspaceResourceGroup)
}

module identity 'identity.bicep' = {
  name: 'identity'
  scope: group
  params: { location: location, tags: tags, name: 'id-bridge-${token}' }
}

module monitoring 'monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceName: 'log-bridge-${token}'
    insightsName: 'appi-bridge-${token}'
    dailyGigabytes: dailyTelemetryGigabytes
  }
}

module storage 'storage.bicep' = {
  name: 'storage'
  scope: group
  params: { location: location, tags: tags, name: 'stapp${token}', containerName: 'app-package' }
}

module deadEvents 'storage.bicep' = {
  name: 'dead-events'
  scope: group
  params: { location: location, tags: tags, name: 'stdead${token}', containerName: 'dead-events' }
}

module serviceBus 'service_bus.bicep' = {
  name: 'service-bus'
  scope: group
  params: { location: location, tags: tags, namespaceName: 'sb-bridge-${token}', snowflakeSendKey: snowflakeSendKey }
}

module vault 'key_vault.bicep' = {
  name: 'key-vault'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'kv-${token}'
    readerId: identity.outputs.principalId
    writerId: principalId
    writerType: principalType
  }
}

module roles 'roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    principalId: identity.outputs.principalId
    namespaceName: serviceBus.outputs.namespaceName
    queueNames: serviceBus.outputs.queueNames
    storageName: storage.outputs.name
    insightsName: monitoring.outputs.insightsName
    commandSenderIds: commandSenderIds
    token: token
  }
}

module workspaceRole 'workspace_role.bicep' = {
  name: 'bridge-role-${token}'
  scope: resourceGroup(workspaceSubscription, workspaceResourceGroup)
  params: {
    workspaceName: workspaceName
    principalId: identity.outputs.principalId
    rulesDeploy: rulesDeploy
    token: token
  }
}

module workspaceEvents 'workspace_events.bicep' = {
  name: 'bridge-events-${token}'
  scope: resourceGroup(workspaceSubscription, workspaceResourceGroup)
  params: {
    workspaceName: workspaceName
    location: workspace.location
    topicName: workspaceTopicName
    bridgeSubscriptionId: subscription().subscriptionId
    bridgeResourceGroup: group.name
    serviceBusNamespace: serviceBus.outputs.namespaceName
    storageAccount: deadEvents.outputs.name
    deadLetterContainer: 'dead-events'
  }
}

module custom 'door_topic.bicep' = if (customTopic) {
  name: 'custom-topic'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'evgt-custom-${token}'
    door: 'custom'
    serviceBusNamespace: serviceBus.outputs.namespaceName
    storageAccount: deadEvents.outputs.name
    publisherIds: union([ identity.outputs.principalId ], customTopicPublisherIds)
  }
}

module notifications 'door_topic.bicep' = if (notificationTopic) {
  name: 'notification-topic'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'evgt-snowflake-${token}'
    door: 'snowflake'
    serviceBusNamespace: serviceBus.outputs.namespaceName
    storageAccount: deadEvents.outputs.name
    publisherIds: notificationPublisherIds
  }
}

module events 'bridge_events.bicep' = if (eventsTopic) {
  name: 'events-topic'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'evgt-bridge-${token}'
    appPrincipalId: identity.outputs.principalId
  }
}

module app 'function_app.bicep' = {
  name: 'function-app'
  scope: group
  dependsOn: [ roles, workspaceRole ]
  params: {
    location: location
    tags: tags
    planName: 'plan-bridge-${token}'
    name: 'func-bridge-${token}'
    pythonVersion: pythonVersion
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageName: storage.outputs.name
    deploymentContainerUrl: '${storage.outputs.blobEndpoint}app-package'
    insightsConnectionString: monitoring.outputs.connectionString
    vaultName: vault.outputs.name
    serviceBusHost: serviceBus.outputs.host
    serviceBusId: serviceBus.outputs.namespaceId
    maxInstances: maxInstances
    executeInstances: executeInstances
    alwaysReadyInstances: alwaysReadyInstances
    bridgeName: bridgeName
    workspace: { subscriptionId: workspaceSubscription, resourceGroup: workspaceResourceGroup, name: workspaceName }
    snowflake: {
      account: snowflakeAccount
      user: snowflakeUser
      role: snowflakeRole
      warehouse: snowflakeWarehouse
      database: snowflakeDatabase
      schema: snowflakeSchema
      authenticator: snowflakeAuthenticator
    }
    access: access
    topicEndpoint: customTopic ? custom!.outputs.endpoint : ''
    eventsTopicEndpoint: eventsTopic ? events!.outputs.endpoint : ''
    moreSettings: moreSettings
  }
}

module apiIdentity 'identity.bicep' = if (apiManagement) {
  name: 'api-identity'
  scope: group
  params: { location: location, tags: tags, name: 'apim-bridge-${token}-identity' }
}

module api 'api_management.bicep' = if (apiManagement) {
  name: 'api-management'
  scope: group
  params: {
    location: location
    tags: tags
    name: 'apim-bridge-${token}'
    publisherEmail: publisherEmail
    appHost: app.outputs.host
    vaultName: vault.outputs.name
    access: access
    identityId: apiIdentity!.outputs.id
    identityClientId: apiIdentity!.outputs.clientId
    identityPrincipalId: apiIdentity!.outputs.principalId
  }
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    namespaceId: serviceBus.outputs.namespaceId
    logWorkspaceId: monitoring.outputs.workspaceId
    email: alertEmail
    actionGroupIds: alertActionGroupIds
    lateSeconds: lateSeconds
  }
}

// azd keeps them as variables of the environment; infra/next_steps.py makes a values file for Snowflake of them.
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_NAME string = app.outputs.name
output AZURE_KEY_VAULT_NAME string = vault.outputs.name
output BRIDGE_URL string = 'https://${app.outputs.host}'
output BRIDGE_NAME string = bridgeName
output BRIDGE_AUTH_MODE string = authMode
output BRIDGE_IDENTITY_ID string = identity.outputs.principalId
output BRIDGE_APP_ID string = entraAudience
output BRIDGE_API_URL string = apiManagement ? api!.outputs.url : ''
output SERVICE_BUS_HOST string = serviceBus.outputs.host
output SERVICE_BUS_SEND_KEY_MADE bool = snowflakeSendKey
output CUSTOM_TOPIC_HOST string = customTopic ? custom!.outputs.host : ''
output NOTIFICATION_TOPIC_HOST string = notificationTopic ? notifications!.outputs.host : ''
output SNOWFLAKE_LEDGER_DATABASE string = snowflakeDatabase
output SNOWFLAKE_LEDGER_SCHEMA string = snowflakeSchema
output SNOWFLAKE_LEDGER_WAREHOUSE string = snowflakeWarehouse
