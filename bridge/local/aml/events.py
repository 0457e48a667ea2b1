"""The events that a workspace publishes, in the Event Grid schema.

Casing and fields follow captures of the real service (azure-docs PR 59351): run events have camelCase data, those of
models PascalCase. Subjects: learn.microsoft.com, "Azure Machine Learning as an Event Grid source".
"""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bridge.local.aml.endpoints import Deployment
from bridge.local.aml.jobs import Job, experiment_id
from bridge.local.aml.lifecycle import TERMINAL, Passage
from bridge.local.aml.models import Model

PREFIX = "Microsoft.MachineLearningServices."
#: Of each type, the subject made of the data's fields.
_SUBJECTS = {
    "ModelRegistered": "models/{modelname}:{modelversion}",
    "ModelDeployed": "endpoints/{servicename}",
    "RunCompleted": "experiments/{experimentid}/runs/{runid}",
    "RunStatusChanged": "experiments/{experimentid}/runs/{runid}",
    "DatasetDriftDetected": "datadrift/{datadriftid}/runs/{runid}",
}
_BREACHED_TAG = "azureml_modelmonitor_threshold_breached"
_BREACHED_TEXT = "The signal '{}' has failed due to one or more features violating metric thresholds."


def event(scope: str, name: str, data: Mapping[str, Any], at: datetime, subject: str | None = None) -> dict[str, Any]:
    """An event of the workspace; without a subject it has the one that this type has in the service."""
    return {
        "topic": scope,
        "subject": subject or _subject(name, data),
        "eventType": name if "." in name else PREFIX + name,
        "eventTime": time_text(at),
        "id": str(uuid.uuid4()),
        "dataVersion": "",
        "metadataVersion": "1",
        "data": dict(data),
    }


def events_of(job: Job, passage: Passage, steps: int = 0) -> list[dict[str, Any]]:
    """What the workspace tells when the job enters a status: first of its steps, then of itself."""
    events = []
    if passage.status == "Running" or passage.status in TERMINAL:
        for number in range(steps):
            is_good = passage.status == "Failed" and number < steps - 1  # the last step is the one that failed
            events += _told(job, replace(passage, status="Completed") if is_good else passage, _step(job, number))
    return events + _told(job, passage, _run(job))


def model_registered(model: Model) -> dict[str, Any]:
    data = {
        "ModelName": model.name,
        "ModelVersion": model.version,
        "ModelTags": model.tags,
        "ModelProperties": model.properties,
    }
    return event(model.scope, "ModelRegistered", data, model.created_at)


def model_deployed(deployment: Deployment, at: datetime) -> dict[str, Any]:
    data = {
        "ServiceName": deployment.endpoint.name,
        "ServiceComputeType": "Managed",
        "ModelIds": deployment.model.reference if deployment.model else "",
        "ServiceTags": deployment.tags,
        "ServiceProperties": {},
    }
    return event(deployment.endpoint.scope, "ModelDeployed", data, at)


def monitor_breach(scope: str, monitor: str, given: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """A run of a model monitor that found its thresholds violated: no job of this emulator, told by a tag.

    Source of the tag and its text: learn.microsoft.com, "Monitor the performance of models deployed to production", and
    the monitor's own component in Azure/azureml-assets, which ends well and tags the run of its step. Whether the event
    of that step or of its pipeline carries the tag is not documented: status and run_type can be chosen.
    """
    experiment = str(given.get("experiment") or monitor)
    signal = f"{monitor}_{given.get('signal') or 'data_drift'}"
    run_type = str(given.get("run_type") or "azureml.PipelineRun")
    data = {
        "experimentId": experiment_id(scope, experiment),
        "experimentName": experiment,
        "runId": str(given.get("run_id") or uuid.uuid4()),
        "runType": run_type,
        "createdBy": "emulator",
        "runTags": {_BREACHED_TAG: _BREACHED_TEXT.format(signal), **(given.get("tags") or {})},
        "runProperties": {"azureml.runsource": run_type, "runType": "Schedule"},
        "runStatus": str(given.get("status") or "Completed"),
    }
    return event(scope, "RunStatusChanged", data, at)


def time_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _told(job: Job, passage: Passage, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    events = [event(job.scope, "RunStatusChanged", {**data, "runStatus": passage.status}, passage.at)]
    if passage.status == "Completed":
        events.append(event(job.scope, "RunCompleted", data, passage.at))
    return events


def _run(job: Job) -> dict[str, Any]:
    return {
        "experimentId": job.experiment_id,
        "experimentName": job.experiment,
        "runId": job.name,
        "runType": "azureml.PipelineRun",
        "createdBy": "emulator",
        "runTags": job.tags,
        "runProperties": {"azureml.runsource": "azureml.PipelineRun", "runType": "HTTP"},
    }


def _step(job: Job, number: int) -> dict[str, Any]:
    """A step has an id of its own and none of its root's tags; nothing in the event leads to its root."""
    return _run(job) | {
        "runId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{job.scope}/{job.name}/steps/{number}")),
        "runType": "azureml.StepRun",
        "runTags": {},
        "runProperties": {"azureml.runsource": "azureml.StepRun", "StepType": "PythonScriptStep"},
    }


def _subject(name: str, data: Mapping[str, Any]) -> str:
    fields = {key.lower(): value for key, value in data.items()}
    try:
        return _SUBJECTS[name.removeprefix(PREFIX)].format_map(fields)
    except KeyError:
        return "emulator"
