// The workspace's events, by its system topic, to the queue inbound-events, with the topic's own identity.
// In the workspace's resource group; the namespace and the storage account may be in another one.
param workspaceName string
@description('Region of the workspace. A parameter, because where a resource is has to be known before any other is asked.')
param location string
@description('A workspace can have one system topic. If it has one, give its name: it is kept, and gets an identity.')
param topicName string = 'aml-events'
param bridgeSubscriptionId string = subscription().subscriptionId
param bridgeResourceGroup string
param serviceBusNamespace string
param storageAccount string
param deadLetterContainer string = 'dead-events'

resource workspace 'Microsoft.MachineLearningServices/workspaces@2024-04-01' existing = {
  name: workspaceName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: topicName
  location: location
  identity: { type: 'SystemAssigned' }
  properties: {
    source: workspace.id
    topicType: 'Microsoft.MachineLearningServices.Workspaces'
  }
}

module roles 'event_roles.bicep' = {
  name: 'workspace-event-roles'
  scope: resourceGroup(bridgeSubscriptionId, bridgeResourceGroup)
  params: {
    principalId: topic.identity.principalId
    namespaceName: serviceBusNamespace
    storageName: storageAccount
    containerName: deadLetterContainer
  }
}

resource subscriptionOfBridge 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'bridge'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: [
        'Microsoft.MachineLearningServices.RunStatusChanged'
        'Microsoft.MachineLearningServices.RunCompleted'
        'Microsoft.MachineLearningServices.ModelRegistered'
        'Microsoft.MachineLearningServices.ModelDeployed'
        'Microsoft.MachineLearningServices.DatasetDriftDetected'
      ]
      advancedFilters: [
        { operatorType: 'StringNotIn', key: 'data.runType', values: [ 'azureml.StepRun' ] }
      ]
    }
    deliveryWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      destination: {
        endpointType: 'ServiceBusQueue'
        properties: {
          resourceId: roles.outputs.queueId
          deliveryAttributeMappings: [
            { name: 'bridge_door', type: 'Static', properties: { value: 'workspace', isSecret: false } }
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
