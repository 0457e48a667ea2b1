// For what no identity replaces: webhooks' addresses, a key of API Management's, a Snowflake key where workload identity
// cannot be used. It may stay empty.
param location string
param tags object
param name string
@description('Object id of the app\'s identity, which may read secrets.')
param readerId string
@description('Object id of whoever deploys, who may write them; empty: nobody more.')
param writerId string
param writerType string

var roles = loadJsonContent('role_ids.json')

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    // The shortest: a vault that was deleted keeps its name for so long, and cannot be purged before.
    softDeleteRetentionInDays: 7
    enablePurgeProtection: true
  }
}

resource mayRead 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, readerId, roles.keyVaultSecretsUser)
  properties: {
    principalId: readerId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
  }
}

resource mayWrite 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(writerId)) {
  scope: vault
  name: guid(vault.id, writerId, roles.keyVaultSecretsOfficer)
  properties: {
    principalId: writerId
    principalType: writerType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsOfficer)
  }
}

output name string = vault.name
output uri string = vault.properties.vaultUri
