"""Registered models: versions that a training job or a person makes, each of which is told as an event."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.local.aml.arm import not_found, system_data, user_error
from bridge.local.aml.jobs import Job

_REFERENCE = re.compile(r"/models/(?P<name>[^/]+)/versions/(?P<version>[^/]+)$", re.IGNORECASE)
#: What a training step copies from the tags of its root run, because the event of a model names no run.
_COPIED_TAGS = ("bridge_correlation_id", "bridge_rule_chain")
_TYPE = "Microsoft.MachineLearningServices/workspaces/models"


@dataclass
class Model:
    """One version of a model."""

    scope: str
    name: str
    version: str
    created_at: datetime
    tags: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    description: str | None = None
    kind: str = "mlflow_model"
    uri: str | None = None
    job: str | None = None

    @property
    def reference(self) -> str:
        return f"{self.name}:{self.version}"

    def resource(self) -> dict[str, Any]:
        return {
            "id": f"{self.scope}/models/{self.name}/versions/{self.version}",
            "name": self.version,
            "type": f"{_TYPE}/versions",
            "properties": {
                "description": self.description,
                "tags": self.tags,
                "properties": self.properties,
                "isArchived": False,
                "isAnonymous": False,
                "flavors": {},
                "modelType": self.kind,
                "modelUri": self.uri,
                "jobName": self.job,
                "stage": None,
                "provisioningState": "Succeeded",
            },
            "systemData": system_data(self.created_at),
        }


class Models:
    """The models of all workspaces."""

    def __init__(self, utc: Callable[[], datetime], registered: Callable[[Model], None]) -> None:
        self._utc = utc
        self._registered = registered
        self._versions: dict[tuple[str, str, str], Model] = {}

    def all(self) -> list[Model]:
        return list(self._versions.values())

    def versions(self, scope: str, name: str) -> list[Model]:
        """Newest first."""
        return [model for model in reversed(self._versions.values()) if _is_of(model, scope) and model.name == name]

    def names(self, scope: str) -> list[str]:
        return list(dict.fromkeys(model.name for model in self._versions.values() if _is_of(model, scope)))

    def get(self, scope: str, name: str, version: str) -> Model:
        model = self._versions.get(_key(scope, name, version))
        if model is None:
            raise not_found(f"Model container with name: {name} and version: {version} not found.")
        return model

    def next_version(self, scope: str, name: str) -> str:
        numbers = [int(model.version) for model in self.versions(scope, name) if model.version.isdecimal()]
        return str(max(numbers, default=0) + 1)

    def register(self, scope: str, name: str, version: str | None = None, **more: Any) -> Model:
        """Keep a new version, the next one unless it is given, and tell of it."""
        number = version or self.next_version(scope, name)
        if _key(scope, name, number) in self._versions:
            raise user_error(f"The model {name}:{number} exists already.")
        model = Model(scope, name, number, self._utc(), **more)
        self._versions[_key(scope, name, number)] = model
        self._registered(model)
        return model

    def put(self, scope: str, name: str, version: str, properties: Mapping[str, Any]) -> tuple[Model, bool]:
        """Register this version, or change what may change of it; True when it is new."""
        model = self._versions.get(_key(scope, name, version))
        changeable = {
            "tags": dict(properties.get("tags") or {}),
            "properties": dict(properties.get("properties") or {}),
            "description": properties.get("description"),
        }
        uri = properties.get("modelUri")
        if model is None:
            kind = str(properties.get("modelType") or "custom_model")
            return self.register(scope, name, version, uri=uri, kind=kind, **changeable), True
        if uri != model.uri:
            raise user_error("A model version's modelUri cannot be changed.")
        for attribute, value in changeable.items():
            setattr(model, attribute, value)
        return model, False

    def referenced(self, scope: str, reference: str) -> Model:
        """The model that a deployment's resource id means."""
        found = _REFERENCE.search(reference)
        model = self._versions.get(_key(scope, found["name"], found["version"])) if found else None
        if model is None:
            raise user_error(f"The model {reference} does not exist in the workspace.")
        return model

    def container(self, scope: str, name: str) -> dict[str, Any]:
        """What is common to the versions of a model."""
        versions = self.versions(scope, name)
        if not versions:
            raise not_found(f"Model container with name: {name} not found.")
        return {
            "id": f"{scope}/models/{name}",
            "name": name,
            "type": _TYPE,
            "properties": {
                "description": None,
                "tags": {},
                "properties": {},
                "isArchived": False,
                "latestVersion": versions[0].version,
                "nextVersion": self.next_version(scope, name),
            },
            "systemData": system_data(versions[-1].created_at),
        }


def model_of_job(job: Job, seeded: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a completed job registers, when its component was seeded with {"registers_model": {name, tags?}}."""
    wanted = seeded.get("registers_model")
    if not wanted:
        return None
    copied = {name: job.tags[name] for name in _COPIED_TAGS if name in job.tags}
    return {
        "name": str(wanted["name"]),
        "tags": {**(wanted.get("tags") or {}), **copied, "bridge_run_id": job.name},
        "properties": dict(wanted.get("properties") or {}),
        "uri": f"azureml://jobs/{job.name}/outputs/{wanted['name']}",
        "job": job.name,
    }


def _is_of(model: Model, scope: str) -> bool:
    return model.scope.lower() == scope.lower()


def _key(scope: str, name: str, version: str) -> tuple[str, str, str]:
    return scope.lower(), name, version
