"""The endpoints of all workspaces and what happens to them: every change takes its time and is an operation."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bridge.local.aml.agenda import Agenda
from bridge.local.aml.arm import conflict, not_found, user_error
from bridge.local.aml.endpoints import (
    CRASHED,
    Deployment,
    Endpoint,
    checked_deployment,
    checked_endpoint,
    checked_traffic,
)
from bridge.local.aml.models import Models
from bridge.local.aml.operations import Operation, Operations, Provisioning

DEPLOYMENT_SECONDS = 3.0
ENDPOINT_SECONDS = 1.0
#: The tag of a model that decides what becomes of its deployments: "failed", or "hold" until it is told.
OUTCOME_TAG = "emulator.deployment"


class OnlineEndpoints:
    """All endpoints; those that were seeded are in every workspace."""

    def __init__(
        self, agenda: Agenda, utc: Callable[[], datetime], models: Models, operations: Operations, time_scale: float
    ) -> None:
        self._agenda = agenda
        self._utc = utc
        self._models = models
        self._operations = operations
        self._scale = time_scale
        #: Names of endpoints that every workspace begins with.
        self.seeded: list[str] = []
        self._workspaces: dict[str, dict[str, Endpoint]] = {}
        #: Told of every deployment that has succeeded.
        self.deployed: Callable[[Deployment], None] = lambda _: None

    def all(self) -> list[Endpoint]:
        return [endpoint for endpoints in self._workspaces.values() for endpoint in endpoints.values()]

    def of(self, scope: str) -> dict[str, Endpoint]:
        """The endpoints of a workspace by name."""
        key = scope.lower()
        if key not in self._workspaces:
            self._workspaces[key] = {name: self._endpoint(scope, name) for name in self.seeded}
        return self._workspaces[key]

    def add(self, scope: str, name: str) -> Endpoint:
        """An endpoint that is there at once."""
        return self.of(scope).setdefault(name, self._endpoint(scope, name))

    def get(self, scope: str, name: str) -> Endpoint:
        endpoint = self.of(scope).get(name)
        if endpoint is None:
            raise not_found(f"The online endpoint {name} could not be found.")
        return endpoint

    def put(self, scope: str, name: str, body: Any) -> tuple[Endpoint, Operation, bool]:
        """Create an endpoint or replace what may change of it, its traffic among it; True when it is new."""
        properties = checked_endpoint(name, body)
        existing = self.of(scope).get(name)
        endpoint = existing or self._endpoint(scope, name)
        _require_idle("endpoint", name, endpoint.life)
        traffic = checked_traffic(endpoint, properties)
        self.of(scope)[name] = endpoint
        endpoint.properties = {key: value for key, value in properties.items() if value is not None}
        endpoint.tags = dict(body.get("tags") or {})
        endpoint.identity = dict(body.get("identity") or {})
        operation = self._operations.begin("oe", scope)

        def end() -> None:
            endpoint.traffic = traffic
            endpoint.life.enter("Succeeded")

        endpoint.life.begin("Updating" if existing else "Creating", operation, ENDPOINT_SECONDS * self._scale, end)
        return endpoint, operation, existing is None

    def patch(self, scope: str, name: str, body: Mapping[str, Any]) -> Endpoint:
        """Change tags and identity, which is all that may be changed like this."""
        endpoint = self.get(scope, name)
        _require_idle("endpoint", name, endpoint.life)
        if set(body) - {"tags", "identity"}:
            raise user_error("A PATCH of an online endpoint takes tags and identity.")
        endpoint.tags |= body.get("tags") or {}
        endpoint.identity |= body.get("identity") or {}
        return endpoint

    def delete(self, scope: str, name: str) -> Operation:
        endpoint = self.get(scope, name)
        _require_idle("endpoint", name, endpoint.life)
        operation = self._operations.begin("oe", scope)

        def end() -> None:
            self.of(scope).pop(name, None)
            endpoint.life.enter("Succeeded")

        endpoint.life.begin("Deleting", operation, ENDPOINT_SECONDS * self._scale, end)
        return operation

    def deployment(self, scope: str, endpoint: str, name: str) -> Deployment:
        deployment = self.get(scope, endpoint).deployments.get(name)
        if deployment is None:
            raise not_found(f"The online deployment {name} of endpoint {endpoint} could not be found.")
        return deployment

    def put_deployment(self, scope: str, endpoint: str, name: str, body: Any) -> tuple[Deployment, Operation, bool]:
        """Begin a deployment, or an update of one; True when it is new."""
        parent = self.get(scope, endpoint)
        if parent.life.state in ("Creating", "Deleting"):
            _require_idle("endpoint", endpoint, parent.life)
        properties = checked_deployment(name, body)
        reference = properties.get("model")
        model = self._models.referenced(scope, reference) if reference else None
        existing = parent.deployments.get(name)
        deployment = existing or Deployment(parent, name, self._utc(), self._provisioning())
        _require_idle("deployment", name, deployment.life)
        parent.deployments[name] = deployment
        deployment.properties, deployment.model = properties, model
        deployment.tags, deployment.sku = dict(body.get("tags") or {}), dict(body.get("sku") or {})
        deployment.puts += 1
        operation = self._operations.begin("od", scope)
        outcome = (model.tags if model else {}).get(OUTCOME_TAG, "").lower()
        seconds = None if outcome == "hold" else DEPLOYMENT_SECONDS * self._scale
        state, error = ("Failed", CRASHED) if outcome == "failed" else ("Succeeded", None)
        deployment.life.begin(
            "Updating" if existing else "Creating", operation, seconds, lambda: self.enter(deployment, state, error)
        )
        return deployment, operation, existing is None

    def delete_deployment(self, scope: str, endpoint: str, name: str) -> Operation:
        deployment = self.deployment(scope, endpoint, name)
        _require_idle("deployment", name, deployment.life)
        if deployment.endpoint.traffic.get(name):
            raise user_error(f"The deployment {name} has traffic: set it to 0 first.")
        operation = self._operations.begin("od", scope)

        def end() -> None:
            deployment.endpoint.deployments.pop(name, None)
            deployment.life.enter("Succeeded")

        deployment.life.begin("Deleting", operation, ENDPOINT_SECONDS * self._scale, end)
        return operation

    def enter(self, deployment: Deployment, state: str, error: dict[str, Any] | None = None) -> None:
        """Bring a deployment into a state, by time or by force."""
        deployment.life.enter(state, (error or CRASHED) if state == "Failed" else None)
        if state == "Succeeded":
            self.deployed(deployment)

    def _endpoint(self, scope: str, name: str) -> Endpoint:
        return Endpoint(scope, name, self._utc(), self._provisioning())

    def _provisioning(self) -> Provisioning:
        return Provisioning(self._agenda, self._operations)


def _require_idle(kind: str, name: str, life: Provisioning) -> None:
    """Source: learn.microsoft.com, "Troubleshooting online endpoints": 409 while an operation is in progress."""
    if life.is_busy:
        raise conflict(f"The {kind} {name} is {life.state}: another operation on it is in progress.")
