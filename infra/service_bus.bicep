// The four queues. docs/architecture.md has the reason of each number; tests/infra holds them equal to the laptop's.
param location string
param tags object
param namespaceName string
@description('Whether procedures in Snowflake send with a key (door service_bus_key). Without it the namespace knows no keys.')
param snowflakeSendKey bool

var queues = {
  'run-commands': { lock: 'PT1M', detectsDuplicates: false }
  'run-control': { lock: 'PT1M', detectsDuplicates: true }
  'run-events': { lock: 'PT5M', detectsDuplicates: false }
  'inbound-events': { lock: 'PT1M', detectsDuplicates: false }
}

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: namespaceName
  location: location
  tags: tags
  sku: { name: 'Standard', tier: 'Standard' }
  properties: {
    disableLocalAuth: !snowflakeSendKey
    minimumTlsVersion: '1.2'
  }
}

resource queue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [for each in items(queues): {
  parent: namespace
  name: each.key
  properties: {
    lockDuration: each.value.lock
    requiresDuplicateDetection: each.value.detectsDuplicates
    duplicateDetectionHistoryTimeWindow: 'PT10M'
    maxDeliveryCount: 10
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
    requiresSession: false
  }
}]

resource runCommands 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = {
  parent: namespace
  name: 'run-commands'
}

// Of one queue and with Send alone: whoever has it can ask for runs that pipelines.yaml allows to queue:run-commands.
resource sendKey 'Microsoft.ServiceBus/namespaces/queues/authorizationRules@2024-01-01' = if (snowflakeSendKey) {
  parent: runCommands
  name: 'send-commands'
  dependsOn: [ queue ]
  properties: {
    rights: [ 'Send' ]
  }
}

output namespaceId string = namespace.id
output namespaceName string = namespace.name
output host string = '${namespace.name}.servicebus.windows.net'
output queueNames array = [for each in items(queues): each.key]
