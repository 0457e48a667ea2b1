"""Managed online endpoints and their deployments: how they look, and what a request for one must be like."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.local.aml.arm import REGION, system_data, user_error
from bridge.local.aml.models import Model
from bridge.local.aml.operations import Provisioning

_NAME = re.compile(r"^[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]$")
_TYPE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
_AUTH_MODES = ("Key", "AMLToken", "AADToken")
#: The container that is logged when a deployment fails without another reason.
CRASHED = {
    "code": "ResourceNotReady",
    "message": "User container has crashed or terminated: see the deployment's logs.",
}


@dataclass
class Endpoint:
    """One endpoint of a workspace."""

    scope: str
    name: str
    created_at: datetime
    life: Provisioning
    properties: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    identity: dict[str, Any] = field(default_factory=dict)
    #: What is in force; what was asked for gets there when its operation ends.
    traffic: dict[str, int] = field(default_factory=dict)
    deployments: dict[str, "Deployment"] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.scope}/onlineEndpoints/{self.name}"

    def resource(self) -> dict[str, Any]:
        host = f"https://{self.name}.{REGION}.inference.ml.azure.com"
        properties = {
            "authMode": "Key",
            "description": None,
            "properties": {},
            "publicNetworkAccess": "Enabled",
            "mirrorTraffic": {},
            **self.properties,
            "traffic": self.traffic,
            "provisioningState": self.life.state,
            "scoringUri": f"{host}/score",
            "swaggerUri": f"{host}/swagger.json",
        }
        return {
            "id": self.id,
            "name": self.name,
            "type": _TYPE,
            "location": REGION,
            "kind": "Managed",
            "tags": self.tags,
            "identity": {"type": "SystemAssigned", **self.identity},
            "properties": properties,
            "systemData": system_data(self.created_at),
        }


@dataclass
class Deployment:
    """One deployment of an endpoint."""

    endpoint: Endpoint
    name: str
    created_at: datetime
    life: Provisioning
    properties: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    sku: dict[str, Any] = field(default_factory=dict)
    model: Model | None = None
    #: How often a PUT of this name was accepted.
    puts: int = 0

    def resource(self) -> dict[str, Any]:
        """Nothing in it says why a deployment failed: that is told by the operation and by the logs."""
        properties = {
            "endpointComputeType": "Managed",
            "description": None,
            "properties": {},
            "environmentVariables": {},
            "appInsightsEnabled": False,
            "scaleSettings": {"scaleType": "Default"},
            **{key: value for key, value in self.properties.items() if value is not None},
            "provisioningState": self.life.state,
        }
        return {
            "id": f"{self.endpoint.id}/deployments/{self.name}",
            "name": self.name,
            "type": f"{_TYPE}/deployments",
            "location": REGION,
            "kind": "Managed",
            "tags": self.tags,
            "sku": {"name": "Default", "capacity": 1, **self.sku},
            "properties": properties,
            "systemData": system_data(self.created_at),
        }

    def logs(self) -> str:
        error = self.life.error
        return f"{error['code']}: {error['message']}\n" if error else "ready to serve\n"


def checked_body(kind: str, name: str, body: Any) -> dict[str, Any]:
    """The properties of a request that creates or changes an endpoint or a deployment."""
    if not _NAME.match(name):
        raise user_error(f"The name of an {kind} has 3 to 32 letters, digits and dashes: {name}")
    properties: Any = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict) or not body.get("location"):
        raise user_error(f"location and properties of an {kind} are required")
    return properties


def checked_endpoint(name: str, body: Any) -> dict[str, Any]:
    properties = checked_body("online endpoint", name, body)
    if properties.get("authMode") not in _AUTH_MODES:
        raise user_error(f"authMode must be one of {', '.join(_AUTH_MODES)}")
    return properties


def checked_deployment(name: str, body: Any) -> dict[str, Any]:
    properties = checked_body("online deployment", name, body)
    if properties.get("endpointComputeType") != "Managed":
        raise user_error("only endpointComputeType Managed is emulated")
    capacity = (body.get("sku") or {}).get("capacity")
    if not properties.get("instanceType") or not isinstance(capacity, int) or capacity < 1:
        raise user_error("instanceType and sku.capacity, the number of instances, are required")
    return properties


def checked_traffic(endpoint: Endpoint, properties: Mapping[str, Any]) -> dict[str, int]:
    """The shares asked for: of deployments that exist, and of everything or of nothing."""
    traffic: dict[str, int] = properties.get("traffic") or {}
    unknown = sorted(set(traffic) - set(endpoint.deployments))
    if unknown:
        raise user_error(f"The traffic names deployments that do not exist: {', '.join(unknown)}")
    if any(share < 0 for share in traffic.values()) or sum(traffic.values()) not in (0, 100):
        raise user_error(f"The traffic of endpoint {endpoint.name} must add up to 0 or 100: {traffic}")
    return {name: share for name, share in traffic.items() if share}
