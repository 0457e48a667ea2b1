// What somebody should be told of: docs/deploy.md says what each alert sees, and what it does not.
param location string
param tags object
param token string
param namespaceId string
param logWorkspaceId string
@description('Who gets mail; empty: nobody, the alerts are seen in the portal only.')
param email string
@description('Ids of action groups that are there already.')
param actionGroupIds array
@description('Seconds after which a message that was handled counts as late.')
param lateSeconds int

// More than these, all the time, means that a queue is not worked off. `record` takes up to 1,000 at once.
var waiting = {
  'run-commands': 0
  'run-control': 0
  'inbound-events': 0
  'run-events': 2000
}
var groupIds = union(actionGroupIds, empty(email) ? [] : [ people.id ])
var metricActions = [for id in groupIds: { actionGroupId: id }]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'bridge-${token}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'bridge'
    emailReceivers: [ { name: 'operators', emailAddress: email, useCommonAlertSchema: true } ]
  }
}

resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'bridge-dead-letters-${token}'
  location: 'global'
  tags: tags
  properties: {
    description: 'A message could not be handled. The app moves it into the table DEAD_LETTERS: look there for the reason.'
    severity: 2
    enabled: true
    scopes: [ namespaceId ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead-letters'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'DeadletteredMessages'
          dimensions: [
            { name: 'EntityName', operator: 'Include', values: [ 'run-commands', 'run-control', 'inbound-events' ] }
          ]
          operator: 'GreaterThan'
          threshold: 0
          timeAggregation: 'Maximum'
        }
      ]
    }
    actions: metricActions
  }
}

resource lostRows 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'bridge-run-events-dead-letters-${token}'
  location: 'global'
  tags: tags
  properties: {
    description: 'Rows of the ledger wait in run-events/$deadletterqueue. Nothing reads that queue: they have to be sent again.'
    severity: 1
    enabled: true
    scopes: [ namespaceId ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead-letters'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'DeadletteredMessages'
          dimensions: [ { name: 'EntityName', operator: 'Include', values: [ 'run-events' ] } ]
          operator: 'GreaterThan'
          threshold: 0
          timeAggregation: 'Maximum'
        }
      ]
    }
    actions: metricActions
  }
}

// The Standard tier has no metric for the age of the oldest message. A queue that was never empty for half an hour is the
// nearest to it that does not need the app to be alive.
resource backlog 'Microsoft.Insights/metricAlerts@2018-03-01' = [for each in items(waiting): {
  name: 'bridge-${each.key}-backlog-${token}'
  location: 'global'
  tags: tags
  properties: {
    description: 'Messages waited in ${each.key} during all of the last 30 minutes: the app is away, or too slow.'
    severity: 2
    enabled: true
    scopes: [ namespaceId ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT30M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'backlog'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'ActiveMessages'
          dimensions: [ { name: 'EntityName', operator: 'Include', values: [ each.key ] } ]
          operator: 'GreaterThan'
          threshold: each.value
          timeAggregation: 'Minimum'
        }
      ]
    }
    actions: metricActions
  }
}]

resource late 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'bridge-late-messages-${token}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    description: 'A message was older than ${lateSeconds} seconds when the app took it.'
    severity: 2
    enabled: true
    scopes: [ logWorkspaceId ]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT15M'
    // The tables come with the first telemetry.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          // A new workspace has no such table until the first metric comes: the second leg is empty, and there.
          query: '''
            union isfuzzy=true AppMetrics, (print Name = "", Max = 0.0 | where false)
            | where Name == "bridge.queue.lag"
            | summarize Oldest = max(Max)
          '''
          metricMeasureColumn: 'Oldest'
          timeAggregation: 'Maximum'
          operator: 'GreaterThan'
          threshold: lateSeconds
        }
      ]
    }
    actions: { actionGroups: groupIds }
  }
}

resource failures 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'bridge-failures-${token}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    description: 'More than 5% of at least 20 invocations and requests failed. Answers 4xx are the caller\'s, and do not count.'
    severity: 2
    enabled: true
    scopes: [ logWorkspaceId ]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT15M'
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: '''
            union isfuzzy=true AppRequests, (print ItemCount = int(0), Success = true, ResultCode = "" | where false)
            | summarize Total = sum(ItemCount), Failed = sumif(ItemCount, not(Success) and not(ResultCode startswith "4"))
            | where Total >= 20 and Failed * 20 > Total
          '''
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: { actionGroups: groupIds }
  }
}
