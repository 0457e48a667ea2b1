"""Run history: the only place where a job's times, its error and its outputs can be read.

Source of the shapes: the run history models of azure-ai-ml 1.35 (`Run`, `RunDetails`) and the SDK's recordings.
"""

import uuid
from datetime import datetime
from typing import Any

from bridge.local.aml.arm import REGION
from bridge.local.aml.clock import service_time
from bridge.local.aml.components import Component
from bridge.local.aml.jobs import Job

_ASSET_TYPES = {"uri_folder": "UriFolder", "uri_file": "UriFile", "mltable": "MLTable", "mlflow_model": "MLFlowModel"}
_USER = {"userObjectId": None, "userTenantId": None, "userName": "emulator", "upn": None}


def workspace_id(scope: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, scope.lower()))


def run_document(job: Job, component: Component | None) -> dict[str, Any]:
    """What `GET .../runs/{id}` answers."""
    return {
        **_common(job, component),
        "createdUtc": service_time(job.created_at),
        "token": None,
        "tokenExpiryTimeUtc": None,
        "cancelationReason": None,
        "scheduleId": None,
        "displayName": job.properties.get("displayName") or job.name,
        "name": component.name if component else None,
        "description": job.properties.get("description"),
        "hidden": False,
        "runType": "azureml.PipelineRun",
        "actionUris": {},
        "scriptName": None,
        "uniqueChildRunComputeTargets": [],
        "jobSpecification": None,
        "primaryMetricName": None,
        "createdFrom": None,
        "retainForLifetimeOfWorkspace": None,
        "queueingInfo": None,
    }


def details_document(job: Job, component: Component | None) -> dict[str, Any]:
    """What `GET .../runs/{id}/details` answers."""
    return {
        **_common(job, component),
        "createdTimeUtc": service_time(job.created_at),
        "logFiles": {},
        "jobCost": None,
    }


def _common(job: Job, component: Component | None) -> dict[str, Any]:
    run_uuid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{job.scope}/runs/{job.name}"))
    started, ended = job.life.started_at, job.life.ended_at
    lasted = _span(started, ended)
    passed = job.life.passed
    compute = (job.properties.get("settings") or {}).get("default_compute")
    return {
        "runId": job.name,
        "rootRunId": job.name,
        "parentRunId": None,
        "runUuid": run_uuid,
        "rootRunUuid": run_uuid,
        "parentRunUuid": None,
        "runNumber": job.number,
        "experimentId": job.experiment_id,
        "dataContainerId": f"dcid.{job.name}",
        "status": job.life.status,
        "startTimeUtc": _time(started),
        "endTimeUtc": _time(ended),
        "lastStartTimeUtc": _time(started) if ended is None else None,
        "effectiveStartTimeUtc": _time(started) if ended is None else None,
        "currentComputeTime": None,
        "computeDuration": lasted,
        "duration": lasted,
        "error": _error(job),
        "warnings": None,
        "tags": job.tags,
        "properties": job.run_properties,
        "parameters": {},
        "services": {},
        "settings": {},
        "inputDatasets": [],
        "outputDatasets": [],
        "runDefinition": None,
        "target": compute,
        "compute": None,
        "computeRequest": None,
        "runTypeV2": {"orchestrator": "Pipelines", "traits": ["Pipeline"], "attribution": None, "computeType": None},
        "revision": len(passed),
        "statusRevision": max(len(passed) - 1, 0),
        "createdBy": _USER,
        "userId": None,
        "lastModifiedBy": _USER,
        "lastModifiedUtc": _time(passed[-1].at if passed else job.created_at),
        "inputs": None,
        "outputs": _outputs(job, component),
        "currentAttemptId": 1,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else service_time(moment)


def _span(started: datetime | None, ended: datetime | None) -> str | None:
    """A .NET time span."""
    if started is None or ended is None:
        return None
    seconds = (ended - started).total_seconds()
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours:02}:{minutes:02}:{rest:010.7f}"


def _error(job: Job) -> dict[str, Any] | None:
    if job.life.status != "Failed":
        return None
    root: dict[str, Any] = dict.fromkeys(("severity", "messageFormat", "referenceCode", "detailsUri", "target"))
    root |= {"code": job.ending.error_code, "message": job.ending.error_message}
    root |= {"messageParameters": {}, "details": [], "innerError": None, "additionalInfo": None}
    return {
        "error": root,
        "correlation": {"operation": uuid.uuid5(uuid.NAMESPACE_URL, job.name).hex, "request": job.name[:16]},
        "environment": REGION,
        "location": REGION,
        "time": _time(job.life.ended_at),
        "componentName": "globaljobdispatcher",
    }


def _outputs(job: Job, component: Component | None) -> dict[str, Any] | None:
    """Made-up references, as there is nothing behind them; a job that has not completed has none."""
    if job.life.status != "Completed":
        return None
    declared: dict[str, Any] = dict(component.spec.get("outputs") or {}) if component else {}
    for name, output in (job.properties.get("outputs") or {}).items():
        declared.setdefault(name, {"type": output.get("jobOutputType", "uri_folder")})
    place = f"azureml://locations/{REGION}/workspaces/{workspace_id(job.scope)}/data"
    return {
        name: {
            "assetId": f"{place}/azureml_{job.name}_output_data_{name}/versions/1",
            "type": _ASSET_TYPES.get(str(output.get("type")), "UriFolder"),
        }
        for name, output in declared.items()
    }
