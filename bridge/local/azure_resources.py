"""What Azure's management API shows of the laptop: who may do what, and the subscription that brings events."""

import json
from collections.abc import Mapping
from typing import Any

from bridge.local import endpoints
from bridge.local.processes import ROOT

_EVENTS = ("RunStatusChanged", "RunCompleted", "ModelRegistered", "ModelDeployed", "DatasetDriftDetected")
_STORAGE = (
    f"/subscriptions/{endpoints.SUBSCRIPTION}/resourceGroups/{endpoints.RESOURCE_GROUP}"
    "/providers/Microsoft.Storage/storageAccounts/laptop"
)


def resources(settings: Mapping[str, str]) -> dict[str, Any]:
    """As SECURITY.md wants it: least privilege, and the events of the workspace to the queue `inbound-events`."""
    role = json.loads((ROOT / "examples" / "azure" / "azureml_role.json").read_text(encoding="utf-8"))
    sender: dict[str, Any] = {
        "name": "Azure Service Bus Data Sender",
        "dataActions": ["Microsoft.ServiceBus/*/send/action"],
    }
    receiver: dict[str, Any] = {
        "name": "Azure Service Bus Data Receiver",
        "actions": ["Microsoft.ServiceBus/*/queues/read"],
        "dataActions": ["Microsoft.ServiceBus/*/receive/action"],
    }
    queues = [f"{endpoints.SERVICE_BUS_ID}/queues/{name}" for name in endpoints.QUEUES.values()]
    return {
        "roles": [{"name": role["Name"], "actions": role["Actions"]}, sender, receiver],
        "assignments": [
            _assignment(role["Name"], endpoints.WORKSPACE_ID),
            *(_assignment(each["name"], queue) for queue in queues for each in (sender, receiver)),
        ],
        "system_topics": [
            {"name": "aml-events", "source": endpoints.WORKSPACE_ID, "subscriptions": [_subscription()]},
        ],
        "sites": [_site(settings)],
    }


def _site(settings: Mapping[str, str]) -> dict[str, Any]:
    """The app; it is reached at an address of its own here."""
    group = f"/subscriptions/{endpoints.SUBSCRIPTION}/resourceGroups/{endpoints.RESOURCE_GROUP}"
    return {
        "id": f"{group}/providers/Microsoft.Web/sites/{endpoints.APP_HOST.partition('.')[0]}",
        "host": endpoints.APP_HOST,
        "identity": {"type": "SystemAssigned", "principalId": endpoints.APP_IDENTITY_ID},
        "settings": dict(settings),
    }


def _assignment(role: str, scope: str) -> dict[str, str]:
    return {"role": role, "principal": endpoints.APP_IDENTITY_ID, "scope": scope}


def _subscription() -> dict[str, Any]:
    """As infra/workspace_events.bicep makes it."""
    mapping = {"name": "bridge_door", "type": "Static", "properties": {"value": "workspace", "isSecret": False}}
    queue = f"{endpoints.SERVICE_BUS_ID}/queues/{endpoints.QUEUES['INBOUND_EVENTS_QUEUE']}"
    identity = {"type": "SystemAssigned"}
    return {
        "name": "bridge",
        "properties": {
            "eventDeliverySchema": "EventGridSchema",
            "filter": {"includedEventTypes": [f"Microsoft.MachineLearningServices.{name}" for name in _EVENTS]},
            "deliveryWithResourceIdentity": {
                "identity": identity,
                "destination": {
                    "endpointType": "ServiceBusQueue",
                    "properties": {"resourceId": queue, "deliveryAttributeMappings": [mapping]},
                },
            },
            "deadLetterWithResourceIdentity": {
                "identity": identity,
                "deadLetterDestination": {
                    "endpointType": "StorageBlob",
                    "properties": {"resourceId": _STORAGE, "blobContainerName": "dead-events"},
                },
            },
        },
    }
