// What the app may do in the workspace. In the workspace's resource group: a role is defined where it is given.
param workspaceName string
@description('Object id of the app\'s identity.')
param principalId string
@description('Whether rules bring models to endpoints (`deploy` in rules.yaml).')
param rulesDeploy bool
@description('Makes the role\'s name unique in the tenant.')
param token string

// The one list of actions, also for whoever makes the role by hand.
var role = loadJsonContent('../examples/azure/azureml_role.json')
var actions = filter(role.Actions, action => rulesDeploy || !contains(action, '/onlineEndpoints/'))

resource workspace 'Microsoft.MachineLearningServices/workspaces@2024-04-01' existing = {
  name: workspaceName
}

resource submitter 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, token, 'bridge-submitter')
  properties: {
    roleName: '${role.Name} (${token})'
    description: role.Description
    type: 'CustomRole'
    assignableScopes: [ resourceGroup().id ]
    permissions: [ { actions: actions } ]
  }
}

resource maySubmit 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: workspace
  name: guid(workspace.id, principalId, submitter.id)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', submitter.name)
  }
}
