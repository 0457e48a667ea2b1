// A topic whose events come in by a door of its own: `custom` for publish_event and other systems, `snowflake` for
// Snowflake's notifications. One topic a door, or the doors could not be told apart.
param location string
param tags object
param name string
@allowed([ 'custom', 'snowflake' ])
param door string
param serviceBusNamespace string
param storageAccount string
param deadLetterContainer string = 'dead-events'
@description('Object ids of the identities that may publish.')
param publisherIds array

var roleIds = loadJsonContent('role_ids.json')

resource topic 'Microsoft.EventGrid/topics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    inputSchema: 'EventGridSchema'
    disableLocalAuth: true
    minimumTlsVersionAllowed: '1.2'
  }
}

resource mayPublish 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for id in publisherIds: {
  scope: topic
  name: guid(topic.id, id, roleIds.eventGridDataSender)
  properties: {
    principalId: id
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.eventGridDataSender)
  }
}]

module roles 'event_roles.bicep' = {
  name: '${door}-event-roles'
  params: {
    principalId: topic.identity.principalId
    namespaceName: serviceBusNamespace
    storageName: storageAccount
    containerName: deadLetterContainer
  }
}

resource subscriptionOfBridge 'Microsoft.EventGrid/topics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'bridge'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    deliveryWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      destination: {
        endpointType: 'ServiceBusQueue'
        properties: {
          resourceId: roles.outputs.queueId
          deliveryAttributeMappings: [
            { name: 'bridge_door', type: 'Static', properties: { value: door, isSecret: false } }
          ]
        }
      }
    }
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: { resourceId: roles.outputs.storageId, blobContainerName: deadLetterContainer }
      }
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
  }
}

output endpoint string = topic.properties.endpoint
output host string = split(topic.properties.endpoint, '/')[2]
