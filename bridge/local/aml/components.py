"""Registered pipeline components: what a job may be made of and which inputs it then must bring."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.local.aml.arm import ArmError, not_found, system_data, user_error

_REFERENCE = re.compile(r"/components/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?$", re.IGNORECASE)


@dataclass
class Component:
    """One version of a component."""

    name: str
    version: str
    spec: dict[str, Any]
    created_at: datetime
    #: What its jobs do, see jobs.ending_of; never shown to a client.
    emulator: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def required_inputs(self) -> set[str]:
        """Inputs that are neither optional nor have a default."""
        inputs: dict[str, dict[str, Any]] = self.spec.get("inputs") or {}
        return {
            name
            for name, spec in inputs.items()
            if str(spec.get("optional", False)).lower() != "true" and spec.get("default") is None
        }

    def resource(self, scope: str) -> dict[str, Any]:
        return {
            "id": f"{scope}/components/{self.name}/versions/{self.version}",
            "name": self.version,
            "type": "Microsoft.MachineLearningServices/workspaces/components/versions",
            "properties": {
                "description": self.spec.get("description"),
                "tags": self.tags,
                "properties": {},
                "isArchived": False,
                "isAnonymous": False,
                "componentSpec": self.spec,
            },
            "systemData": system_data(self.created_at),
        }


class Registry:
    """All components of the emulator, which every workspace of it has."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str], Component] = {}

    def put(self, component: Component) -> bool:
        """Keep a version; True when it is new."""
        key = (component.name, component.version)
        is_new = key not in self._versions
        self._versions[key] = component
        return is_new

    def find(self, name: str, version: str | None) -> Component | None:
        """This version or, without one, the newest."""
        if version is None:
            return next(iter(self.versions(name)), None)
        return self._versions.get((name, version))

    def get(self, name: str, version: str) -> Component:
        component = self.find(name, version)
        if component is None:
            raise not_found(f"Not found component {name} (version: {version}).")
        return component

    def versions(self, name: str) -> list[Component]:
        """Newest first."""
        return [component for (owner, _), component in reversed(self._versions.items()) if owner == name]

    def all(self) -> list[Component]:
        return list(self._versions.values())

    def used_by(self, properties: Mapping[str, Any], missing_status: int) -> Component | None:
        """The component of a submitted job, after checking that all it refers to exists and gets its inputs."""
        steps: dict[str, Any] = properties.get("jobs") or {}
        for step in steps.values():
            if isinstance(step, dict) and step.get("componentId"):
                self._existing(step["componentId"], missing_status)
        if not properties.get("componentId"):
            return None
        component = self._existing(properties["componentId"], missing_status)
        missing = sorted(component.required_inputs - set(properties.get("inputs") or {}))
        if missing:
            raise user_error(f"Required inputs of component {component.name} are missing: {', '.join(missing)}")
        return component

    def referenced(self, reference: str) -> Component | None:
        """The component that a resource id means; without a version in it, the newest."""
        found = _REFERENCE.search(reference)
        return self.find(found["name"], found["version"]) if found else None

    def _existing(self, reference: str, missing_status: int) -> Component:
        component = self.referenced(reference)
        if component is None:
            code = "NotFound" if missing_status == 404 else "UserError"
            raise ArmError(missing_status, code, f"Key: {reference}, Message: Not found component {reference}.")
        return component


def seeded(entry: Mapping[str, Any], created_at: datetime) -> Component:
    """A component from {name, version, inputs?, outputs?, emulator?}."""
    name, version = str(entry["name"]), str(entry["version"])
    spec = {
        "name": name,
        "version": version,
        "type": "pipeline",
        "display_name": str(entry.get("display_name") or name),
        "description": str(entry.get("description") or ""),
        "inputs": dict(entry.get("inputs") or {}),
        "outputs": dict(entry.get("outputs") or {}),
        "jobs": {},
    }
    return Component(name, version, spec, created_at, emulator=dict(entry.get("emulator") or {}))
