// The app, on Flex Consumption. Its settings are the README's: tests/infra holds them equal to what the code reads.
param location string
param tags object
param planName string
param name string
param pythonVersion string
param identityId string
param identityClientId string
param storageName string
param deploymentContainerUrl string
param insightsConnectionString string
param vaultName string
param serviceBusHost string
param serviceBusId string
@description('Of each function group. Many regions take no less than 40.')
@minValue(1)
@maxValue(1000)
param maxInstances int
@description('How many of them share Azure ML\'s pace.')
param executeInstances int
@description('Instances for HTTP that never stop: no cold start, and a bill for each hour.')
param alwaysReadyInstances int
param bridgeName string
param workspace object
param snowflake object
param access object
param topicEndpoint string
param eventsTopicEndpoint string
@description('Settings that are added, or that replace the ones here.')
param moreSettings object

var secret = {
  privateKey: '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=snowflake-private-key)'
  token: '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=snowflake-token)'
}
// No FUNCTIONS_WORKER_RUNTIME: Flex Consumption refuses it, functionAppConfig says it.
var settings = {
  AzureWebJobsStorage__accountName: storageName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  ServiceBusConnection__fullyQualifiedNamespace: serviceBusHost
  ServiceBusConnection__credential: 'managedidentity'
  ServiceBusConnection__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,django,fastapi,flask,httpx,psycopg2,requests,urllib,urllib3'
  PYTHON_THREADPOOL_THREAD_COUNT: '64'
  MALLOC_ARENA_MAX: '2'
  MALLOC_TRIM_THRESHOLD_: '131072'
  AZURE_CLIENT_ID: identityClientId
  MANAGED_IDENTITY_CLIENT_ID: identityClientId
  BRIDGE_NAME: bridgeName
  RUN_COMMANDS_QUEUE: 'run-commands'
  RUN_CONTROL_QUEUE: 'run-control'
  RUN_EVENTS_QUEUE: 'run-events'
  INBOUND_EVENTS_QUEUE: 'inbound-events'
  SERVICE_BUS_RESOURCE_ID: serviceBusId
  ALLOWED_QUEUES: ''
  AML_SUBSCRIPTION_ID: workspace.subscriptionId
  AML_RESOURCE_GROUP: workspace.resourceGroup
  AML_WORKSPACE: workspace.name
  ALLOWED_WORKSPACES: ''
  AML_TIMEOUT_SECONDS: '30'
  AML_WRITES_PER_SECOND: '10'
  EXECUTE_MAX_INSTANCES: string(executeInstances)
  SNOWFLAKE_ACCOUNT: snowflake.account
  SNOWFLAKE_USER: snowflake.user
  SNOWFLAKE_ROLE: snowflake.role
  SNOWFLAKE_WAREHOUSE: snowflake.warehouse
  SNOWFLAKE_DATABASE: snowflake.database
  SNOWFLAKE_SCHEMA: snowflake.schema
  SNOWFLAKE_AUTHENTICATOR: snowflake.authenticator
  SNOWFLAKE_PRIVATE_KEY: snowflake.authenticator == 'SNOWFLAKE_JWT' ? secret.privateKey : ''
  SNOWFLAKE_TOKEN: contains([ 'OAUTH', 'PROGRAMMATIC_ACCESS_TOKEN' ], snowflake.authenticator) ? secret.token : ''
  EVENT_GRID_TOPIC_ENDPOINT: topicEndpoint
  BRIDGE_EVENTS_TOPIC_ENDPOINT: eventsTopicEndpoint
  ALLOWED_TOPICS: ''
  PIPELINES_FILE: 'pipelines.yaml'
  RULES_FILE: 'rules.yaml'
  RETRY_TRIES: '200'
  SWEEP_SCHEDULE: '0 0 3 * * *'
  SWEEP_DAYS: '3'
  RECORD_WINDOW_SECONDS: '30'
  AzureFunctionsJobHost__extensions__serviceBus__maxBatchWaitTime: '00:00:30'
  RECORD_ALL_EVENTS: 'false'
  DASHBOARD_ACTIONS: 'false'
  AUTH_MODE: access.mode
  ENTRA_TENANT_ID: access.mode == 'entra' ? tenant().tenantId : ''
  ENTRA_AUDIENCE: access.audience
  ALLOWED_CLIENT_IDS: join(union(access.clientIds, access.snowflakeClientIds), ',')
  ALLOWED_APP_ROLES: join(access.appRoles, ',')
  SNOWFLAKE_CLIENT_IDS: join(access.snowflakeClientIds, ',')
  TRUST_PLATFORM_HEADERS: 'false'
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  // How azd finds where to deploy.
  tags: union(tags, { 'azd-service-name': 'bridge' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    siteConfig: { minTlsVersion: '1.2', ftpsState: 'Disabled', http20Enabled: true }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deploymentContainerUrl
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      runtime: { name: 'python', version: pythonVersion }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maxInstances
        alwaysReady: alwaysReadyInstances > 0 ? [ { name: 'http', instanceCount: alwaysReadyInstances } ] : []
        triggers: { http: { perInstanceConcurrency: 16 } }
      }
    }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: app
  name: 'appsettings'
  properties: union(settings, moreSettings)
}

// Publishing with a password is off: azd and the CLI come with a token. The service wants the location, which the
// published types do not have (bicep-types-az 1317, 1571): a warning here is right.
resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'ftp'
  location: location
  properties: { allow: false }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  location: location
  properties: { allow: false }
}

output name string = app.name
output host string = app.properties.defaultHostName
