// For external functions of Snowflake, which go through API Management only. infra/openapi.json is written before the
// deployment by infra/write_openapi.py; the policies are filled in here as the command `apim-policy` fills them in.
param location string
param tags object
param name string
param publisherEmail string
param appHost string
param vaultName string
param access object
// The identity comes from outside: the name of its role assignment has its object id, which has to be a parameter.
param identityId string
param identityClientId string
param identityPrincipalId string

var roles = loadJsonContent('role_ids.json')
var isKeyless = access.mode == 'entra'
var keyName = 'bridge-function-key'
var template = isKeyless ? loadTextContent('../sql/apim/policy_keyless.xml') : loadTextContent('../sql/apim/policy.xml')
var clientIds = union(access.snowflakeClientIds, access.clientIds)
var appId = replace(access.audience, 'api://', '')
var forTenant = replace(template, '<% tenant_id %>', tenant().tenantId)
// Snowflake's tokens name the application by its id, those of others by its URI.
var forAudience = replace(forTenant, '<% app_id %>', '${appId}</audience><audience>api://${appId}')
var forClients = replace(forAudience, '<% snowflake_app_id %>', join(clientIds, '</value><value>'))
var policy = replace(forClients, '<% app_host %>', appHost)

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource functionKey 'Microsoft.KeyVault/vaults/secrets@2023-07-01' existing = {
  parent: vault
  name: keyName
}

resource mayRead 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!isKeyless) {
  scope: functionKey
  name: guid(functionKey.id, identityPrincipalId, roles.keyVaultSecretsUser)
  properties: {
    principalId: identityPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
  }
}

resource service 'Microsoft.ApiManagement/service@2024-05-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'Consumption', capacity: 0 }
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    publisherName: 'Bridge'
    publisherEmail: publisherEmail
  }
}

resource namedKey 'Microsoft.ApiManagement/service/namedValues@2024-05-01' = if (!isKeyless) {
  parent: service
  name: keyName
  dependsOn: [ mayRead ]
  properties: {
    displayName: keyName
    secret: true
    keyVault: {
      identityClientId: identityClientId
      secretIdentifier: '${vault.properties.vaultUri}secrets/${keyName}'
    }
  }
}

resource api 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: 'bridge'
  properties: {
    displayName: 'Bridge'
    path: 'bridge'
    protocols: [ 'https' ]
    // Snowflake proves itself by a token.
    subscriptionRequired: false
    serviceUrl: 'https://${appHost}/api'
    format: 'openapi+json'
    value: loadTextContent('openapi.json')
  }
}

resource apiPolicy 'Microsoft.ApiManagement/service/apis/policies@2024-05-01' = {
  parent: api
  name: 'policy'
  dependsOn: [ namedKey ]
  properties: {
    format: 'rawxml'
    value: policy
  }
}

output url string = '${service.properties.gatewayUrl}/bridge'
