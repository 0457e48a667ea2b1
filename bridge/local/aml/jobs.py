"""Pipeline jobs: what a submission must look like, what may change later, and how a job looks in an answer."""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bridge.local.aml.arm import ArmError, part, user_error
from bridge.local.aml.clock import service_time
from bridge.local.aml.lifecycle import Ending, Life

#: The SDK's run history client carries this pattern.
_NAME = re.compile(r"^[a-zA-Z0-9][\w-]{0,255}$", re.ASCII)
_MUTABLE = frozenset({"description", "tags", "displayName", "properties", "isArchived"})
_OUTCOMES = ("completed", "failed", "canceled")


@dataclass
class Job:
    """One submitted pipeline job."""

    scope: str
    name: str
    #: The order of creation, which the list is sorted by.
    number: int
    properties: dict[str, Any]
    created_at: datetime
    life: Life
    ending: Ending
    #: How often a PUT of this name was accepted.
    puts: int = 1

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.properties.get("tags") or {})

    @property
    def experiment(self) -> str:
        return str(self.properties.get("experimentName") or "Default")

    @property
    def experiment_id(self) -> str:
        return experiment_id(self.scope, self.experiment)

    @property
    def component_id(self) -> str | None:
        return self.properties.get("componentId")

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs by name: a literal's value, or the whole input."""
        given: dict[str, Any] = self.properties.get("inputs") or {}
        return {name: value.get("value", value) if isinstance(value, dict) else value for name, value in given.items()}

    @property
    def run_properties(self) -> dict[str, str]:
        """What the service adds to the properties that the client sent."""
        added = {
            "azureml.DevPlatv2": "true",
            "azureml.runsource": "azureml.PipelineRun",
            "runSource": "MFE",
            "runType": "HTTP",
            "azureml.parameters": json.dumps(self.inputs),
            "azureml.pipelineComponent": "pipelinerun",
        }
        return added | {key: str(value) for key, value in (self.properties.get("properties") or {}).items()}

    @property
    def studio_url(self) -> str:
        subscription, group = part(self.scope, "subscriptions"), part(self.scope, "resourceGroups")
        workspace = part(self.scope, "workspaces")
        wsid = f"/subscriptions/{subscription}/resourcegroups/{group}/workspaces/{workspace}"
        return f"https://ml.azure.com/runs/{self.name}?wsid={wsid}"

    def end_with(self, error: Mapping[str, Any] | None) -> None:
        """Change the error that a failure would show."""
        if error:
            code, message = error.get("code"), error.get("message")
            self.ending = replace(
                self.ending,
                error_code=str(code or self.ending.error_code),
                error_message=str(message or self.ending.error_message),
            )

    def update(self, properties: Mapping[str, Any]) -> None:
        """Take over what may change; everything else must be as it was."""
        changed = sorted(key for key in _immutable(properties) if differs(key, self.properties, properties))
        if changed:
            raise user_error(
                "A job with this name already exists. If you are trying to create a new job, use a different name. "
                "If you are trying to update an existing job, the existing job's "
                f"{', '.join(changed)} cannot be changed. Only description, tags, displayName, properties, and "
                "isArchived can be updated.",
                inner={"code": "Immutable", "innerError": {"code": "JobPropertyImmutable"}},
            )
        kept = self.properties.get("properties") or {}
        self.properties |= {key: properties[key] for key in _MUTABLE - {"properties"} if key in properties}
        self.properties["properties"] = {**(properties.get("properties") or {}), **kept}
        self.puts += 1

    def resource(self) -> dict[str, Any]:
        """The job as the control plane shows it: a status, but neither times nor an error."""
        sent = self.properties
        services = {
            "Tracking": _service("Tracking", f"azureml://westeurope.api.azureml.ms/mlflow/v1.0{self.scope}?"),
            "Studio": _service("Studio", self.studio_url),
        }
        properties: dict[str, Any] = {
            "description": None,
            "displayName": self.name,
            "isArchived": False,
            "computeId": None,
            "identity": None,
            "componentId": None,
            "settings": {},
            "jobs": {},
            "inputs": {},
            "outputs": {},
            "sourceJobId": None,
        }
        properties |= {key: value for key, value in sent.items() if value is not None}
        properties |= {
            "tags": self.tags,
            "properties": self.run_properties,
            "status": self.life.status,
            "experimentName": self.experiment,
            "services": services,
        }
        return {
            "id": f"{self.scope}/jobs/{self.name}",
            "name": self.name,
            "type": "Microsoft.MachineLearningServices/workspaces/jobs",
            "properties": properties,
            "systemData": {
                "createdAt": service_time(self.created_at),
                "createdBy": "emulator",
                "createdByType": "Application",
            },
        }


def experiment_id(scope: str, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}/{name}"))


def _service(kind: str, endpoint: str) -> dict[str, Any]:
    unset = dict.fromkeys(("port", "status", "errorMessage", "properties", "nodes"))
    return {"jobServiceType": kind, "endpoint": endpoint, **unset}


def _immutable(properties: Mapping[str, Any]) -> set[str]:
    return set(properties) - _MUTABLE - {"services", "status"}


def differs(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Absent, null and empty say the same."""
    return (old.get(key) or None) != (new.get(key) or None)


def checked_submission(name: str, body: Any) -> dict[str, Any]:
    """The properties of an acceptable submission; limits: learn.microsoft.com, "Azure Machine Learning quotas"."""
    if not _NAME.match(name):
        raise user_error(f"Invalid job name '{name}'.")
    properties: Any = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict) or "jobType" not in properties:
        raise user_error("properties.jobType is required")
    if properties["jobType"] != "Pipeline":
        raise ArmError(501, "NotEmulated", f"not emulated: jobType {properties['jobType']}")
    for key in ("displayName", "experimentName"):
        if len(properties.get(key) or "") > 256:
            raise user_error(f"{key} is longer than 256 characters")
    tags = properties.get("tags") or {}
    if len(tags) > 50 or any(len(key) > 100 or len(str(value)) > 1000 for key, value in tags.items()):
        raise user_error("more than 50 tags, or a key over 100 or a value over 1000 characters")
    if len(properties.get("properties") or {}) > 50:
        raise user_error("more than 50 properties")
    return properties


def ending_of(properties: Mapping[str, Any], component: Mapping[str, Any] | None) -> Ending:
    """How the job is to end: by its tags, else by its inputs, else by what its component was seeded with."""
    tags = properties.get("tags") or {}
    inputs = properties.get("inputs") or {}
    seeded = dict(component or {})

    def steer(what: str) -> str:
        given = (inputs.get(f"emulator_{what}") or {}).get("value")
        return str(tags.get(f"emulator.{what}") or given or seeded.get(what) or "").lower()

    outcome = steer("outcome")
    error = seeded.get("error") or {}
    return Ending(
        outcome=outcome if outcome in _OUTCOMES else "completed",
        held=steer("timeline") == "hold",
        error_code=str(error.get("code") or Ending.error_code),
        error_message=str(error.get("message") or Ending.error_message),
    )


def has_tag(job: Job, wanted: str) -> bool:
    """Whether the list's `tag` parameter lets this job through: a key or, beyond what is documented, key=value."""
    key, equals, value = wanted.partition("=")
    return wanted in job.tags or (bool(equals) and job.tags.get(key) == value)
