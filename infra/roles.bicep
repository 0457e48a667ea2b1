// What the app's identity may do in its own resource group, each at the narrowest scope: SECURITY.md, "Least privilege".
param principalId string
param namespaceName string
param queueNames array
param storageName string
param insightsName string
@description('Object ids of those who may ask for runs by a message: the keyless door service_bus_keyless, other programs.')
param commandSenderIds array
@description('Makes the name of the custom role unique in the tenant.')
param token string

var roles = loadJsonContent('role_ids.json')

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: namespaceName
}

resource queue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = [for name in queueNames: {
  parent: namespace
  name: name
}]

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource mayReceive 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (name, i) in queueNames: {
  scope: queue[i]
  name: guid(queue[i].id, principalId, roles.serviceBusDataReceiver)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataReceiver)
  }
}]

resource maySend 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (name, i) in queueNames: {
  scope: queue[i]
  name: guid(queue[i].id, principalId, roles.serviceBusDataSender)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
  }
}]

// In the eyes of pipelines.yaml they are queue:run-commands.
resource commands 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = {
  parent: namespace
  name: 'run-commands'
}

resource othersMaySend 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for id in commandSenderIds: {
  scope: commands
  name: guid(commands.id, id, roles.serviceBusDataSender)
  properties: {
    principalId: id
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
  }
}]

// How many messages wait: Azure counts them to scale, the dashboard to show them. Without it Azure only guesses from a
// peek; Data Owner, which the documentation names, could also receive, send and change every queue.
resource queueReader 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(namespace.id, 'bridge-queue-reader')
  properties: {
    roleName: 'Bridge Queue Reader (${token})'
    description: 'Reads the properties of one namespace and of what is in it: depths, no messages, no keys.'
    type: 'CustomRole'
    assignableScopes: [ resourceGroup().id ]
    permissions: [
      { actions: [ 'Microsoft.ServiceBus/namespaces/read', 'Microsoft.ServiceBus/namespaces/*/read' ] }
    ]
  }
}

resource mayCount 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: namespace
  name: guid(namespace.id, principalId, queueReader.id)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', queueReader.name)
  }
}

resource mayHost 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for id in [
  roles.storageBlobDataOwner
  roles.storageQueueDataContributor
  roles.storageTableDataContributor
]: {
  scope: storage
  name: guid(storage.id, principalId, id)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', id)
  }
}]

resource mayTell 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, principalId, roles.monitoringMetricsPublisher)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.monitoringMetricsPublisher)
  }
}
