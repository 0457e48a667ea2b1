// The topic that the bridge tells others by: BRIDGE_EVENTS_TOPIC_ENDPOINT of the app.
param location string = resourceGroup().location
param tags object = {}
param name string
@description('Object id of the app\'s identity.')
param appPrincipalId string

var roles = loadJsonContent('role_ids.json')

resource topic 'Microsoft.EventGrid/topics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  // For those who subscribe: their deliveries need it.
  identity: { type: 'SystemAssigned' }
  properties: {
    inputSchema: 'CloudEventSchemaV1_0'
    disableLocalAuth: true
    minimumTlsVersionAllowed: '1.2'
  }
}

resource mayPublish 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: topic
  name: guid(topic.id, appPrincipalId, roles.eventGridDataSender)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.eventGridDataSender)
  }
}

output endpoint string = topic.properties.endpoint
output topicId string = topic.id
