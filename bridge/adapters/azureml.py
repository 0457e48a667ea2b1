"""Azure ML's jobs: submitted through azure-ai-ml, all else by plain calls, so that only executors load the SDK."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from bridge.adapters.arm import segment, translated
from bridge.adapters.azureml_clients import AmlClients
from bridge.domain import statuses
from bridge.domain.errors import JobExists, PermanentError, RetryableError, SubmissionRejected
from bridge.domain.jobs import Job, JobDetails, JobRequest
from bridge.domain.masking import masked

#: The version that azure-ai-ml 1.35 uses for pipeline jobs.
JOBS_API = {"api-version": "2024-01-01-preview"}
WORKSPACE_API = {"api-version": "2024-10-01"}
HISTORY_API = {"api-version": "v1.0"}
#: Stands for an empty text until the job is built; the SDK wants some value for each name.
PLACEHOLDER = "-"


class AmlJobs:
    """JobClient over Azure ML; connects on first use."""

    def __init__(self, clients: AmlClients) -> None:
        self._clients = clients
        self._arm = clients.arm
        self._history_urls: dict[str, str] = {}

    def prepare(self, workspace: str) -> None:
        self._clients.sdk(workspace)

    def submit(self, request: JobRequest) -> Job:
        with _submission(request):
            created = self._clients.sdk(request.workspace).jobs.create_or_update(
                _pipeline_job(request, self._clients.path(request.workspace)), skip_validation=True
            )
        return Job(
            name=str(created.name),
            status=statuses.job_status(str(getattr(created.status, "value", created.status))),
            tags=dict(created.tags or {}),
            created_at=_utc(created.creation_context.created_at) if created.creation_context else None,
            studio_url=created.studio_url,
            experiment=created.experiment_name,
        )

    def get(self, workspace: str, name: str) -> Job | None:
        resource = self._arm.get(self._clients.url(workspace) + f"/jobs/{segment(name)}", JOBS_API)
        return _job(resource) if resource is not None else None

    def details(self, workspace: str, name: str) -> JobDetails:
        run = self._arm.get(f"{self._history_url(workspace)}/runs/{segment(name)}/details", HISTORY_API)
        return _details(run) if run is not None else JobDetails()

    def cancel(self, workspace: str, name: str) -> None:
        url = self._clients.url(workspace) + f"/jobs/{segment(name)}/cancel"
        if self._arm.post(url, JOBS_API) is None:
            raise PermanentError(f"no job named {name}", code="NOT_FOUND")

    def tagged(self, workspace: str, tag: str, *, since: datetime, pages: int) -> Iterator[Job]:
        url = self._clients.url(workspace) + "/jobs"
        params: Mapping[str, str] = {**JOBS_API, "listViewType": "All", "tag": tag}
        for _ in range(pages):
            page = self._arm.get(url, params)
            for resource in (page or {}).get("value") or []:
                job = _job(resource) if resource else None
                if job is not None and job.created_at is not None and job.created_at < since:
                    return
                if job is not None:
                    yield job
            following = (page or {}).get("nextLink")
            if not following:
                return
            url, params = following, {}

    def _history_url(self, workspace: str) -> str:
        """The run history of the workspace's region, which the workspace itself names."""
        if workspace not in self._history_urls:
            resource = self._arm.get(self._clients.url(workspace), WORKSPACE_API)
            if resource is None:
                raise PermanentError(f"no workspace named {workspace}", code="NOT_FOUND")
            services = self._arm.get(resource["properties"]["discoveryUrl"], {}) or {}
            self._history_urls[workspace] = f"{services['api']}/history/v1.0{self._clients.path(workspace)}"
        return self._history_urls[workspace]


def _pipeline_job(request: JobRequest, workspace_path: str) -> Any:
    """By the component's ARM id, so that nothing has to be read before the one PUT."""
    from azure.ai.ml import Input
    from azure.ai.ml.entities import PipelineJob, PipelineJobSettings

    component, _, version = request.component.removeprefix("azureml:").rpartition(":")
    data = {name: Input(type=kind, path=path) for name, (kind, path) in request.data_inputs.items()}
    job = PipelineJob(
        name=request.name,
        component=f"{workspace_path}/components/{segment(component)}/versions/{segment(version)}",
        inputs={**{name: value or PLACEHOLDER for name, value in request.inputs.items()}, **data},
        experiment_name=request.experiment,
        display_name=request.display_name,
        tags=dict(request.tags),
        settings=PipelineJobSettings(default_compute=request.compute) if request.compute else None,
    )
    for name, value in request.inputs.items():
        if value == "":
            setattr(job.inputs, name, {"value": ""})  # the constructor drops empty text, an assignment keeps it
    return job


@contextmanager
def _submission(request: JobRequest) -> Iterator[None]:
    """A name that is taken is an answer of its own; every other refusal means that this job will never be taken."""
    try:
        with translated(f"Azure ML, submission of {request.name}"):
            yield
    except (RetryableError, PermanentError) as error:
        cause = error.__cause__
        if _name_is_taken(cause):
            raise _exists(request) from error
        if _is_the_jobs_own(cause):
            raise SubmissionRejected(f"the job cannot be built: {cause}", code="INVALID_JOB") from error
        if type(error) is PermanentError:
            raise SubmissionRejected(str(error), code=error.code) from error
        raise


def _name_is_taken(error: BaseException | None) -> bool:
    """AML answers a changed PUT with 400 and this text; the code says only UserError (azure-docs issue 122250)."""
    from azure.core.exceptions import HttpResponseError

    if not isinstance(error, HttpResponseError):
        return False
    return error.status_code == 409 or (error.status_code == 400 and "already exists" in str(error.message).lower())


def _is_the_jobs_own(error: BaseException | None) -> bool:
    """Whether the SDK itself refused, before it asked Azure ML."""
    from azure.ai.ml.exceptions import MlException

    return isinstance(error, MlException)


def _exists(request: JobRequest) -> JobExists:
    return JobExists(f"a job named {request.name} exists with other contents", code="CONFLICT")


def _job(resource: Mapping[str, Any]) -> Job:
    properties = resource["properties"]
    studio = ((properties.get("services") or {}).get("Studio") or {}).get("endpoint")
    return Job(
        name=resource["name"],
        status=statuses.job_status(properties.get("status") or "UNKNOWN"),
        tags={name: value for name, value in (properties.get("tags") or {}).items() if value is not None},
        created_at=_time((resource.get("systemData") or {}).get("createdAt")),
        studio_url=studio,
        experiment=properties.get("experimentName"),
    )


def _details(run: Mapping[str, Any]) -> JobDetails:
    error = (run.get("error") or {}).get("error") or {}
    message = error.get("message")
    return JobDetails(
        started_at=_time(run.get("startTimeUtc")),
        ended_at=_time(run.get("endTimeUtc")),
        error_code=error.get("code"),
        error_message=masked(str(message)) if message else None,  # whatever the job's own code wrote
        outputs=run.get("outputs") or None,
    )


def _time(text: str | None) -> datetime | None:
    try:
        return _utc(datetime.fromisoformat(text)) if text else None
    except ValueError:
        return None


def _utc(moment: datetime) -> datetime:
    """AML means UTC where it names no offset."""
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
