"""Times, error and outputs of a run: through the SDK's own run history client, and with azure-core alone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core import PipelineClient
from azure.core.exceptions import ResourceNotFoundError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest

from tests.emulators.aml_service import SCOPE, SDK_WARNINGS, AmlService, pipeline
from tests.emulators.loopback import LocalCredential

pytestmark = pytest.mark.filterwarnings(SDK_WARNINGS)
ARM = "https://management.azure.com"


@pytest.fixture(scope="module")
def running() -> Iterator[AmlService]:
    with AmlService() as service:
        yield service


@pytest.fixture
def service(running: AmlService) -> AmlService:
    running.begin()
    return running


@pytest.fixture
def jobs(service: AmlService) -> Any:
    return service.client().jobs


def ended(service: AmlService, jobs: Any, **more: Any) -> Any:
    """The details of a job that has come to its end."""
    jobs.create_or_update(pipeline("r-1", **more), skip_validation=True)
    service.advance(3)
    return jobs._runs_operations.get_run_details("r-1")


def test_a_completed_run_has_times_and_outputs_and_no_error(service: AmlService, jobs: Any) -> None:
    before = datetime.now(UTC)
    details = ended(service, jobs)

    assert details.status == "Completed"
    assert before <= details.start_time_utc <= details.end_time_utc <= datetime.now(UTC)
    assert details.error is None
    assert details.outputs["model"].asset_id.endswith("/azureml_r-1_output_data_model/versions/1")


def test_a_running_run_has_a_start_and_no_end(service: AmlService, jobs: Any) -> None:
    jobs.create_or_update(pipeline("r-1"), skip_validation=True)
    waiting = jobs._runs_operations.get_run_details("r-1")
    service.advance(1)
    running = jobs._runs_operations.get_run_details("r-1")

    assert waiting.start_time_utc is None
    assert running.start_time_utc is not None
    assert (running.end_time_utc, running.outputs) == (None, None)


def test_a_failed_run_says_why(service: AmlService, jobs: Any) -> None:
    details = ended(service, jobs, tags={"emulator.outcome": "failed"})

    assert (details.status, details.error.error.code) == ("Failed", "UserError")
    assert details.error.error.message == "Execution failed. User process 'python' exited with status code 1."
    assert details.outputs is None


def test_a_component_can_be_seeded_to_fail_with_its_own_error(service: AmlService, jobs: Any) -> None:
    error = {"code": "ServiceError", "message": "the cluster is gone"}
    service.seed("broken", emulator={"outcome": "failed", "error": error})
    details = ended(service, jobs, component="broken")

    assert (details.error.error.code, details.error.error.message) == ("ServiceError", "the cluster is gone")


def test_a_forced_failure_can_bring_its_error(service: AmlService, jobs: Any) -> None:
    jobs.create_or_update(pipeline("r-1"), skip_validation=True)
    service.tell("/jobs/r-1/status", status="Failed", error={"code": "UserError", "message": "out of memory"})

    assert jobs._runs_operations.get_run_details("r-1").error.error.message == "out of memory"


def test_a_run_is_its_own_root_and_carries_the_jobs_tags(service: AmlService, jobs: Any) -> None:
    ended(service, jobs, tags={"bridge": "b"})
    run = jobs._runs_operations.get_run("r-1")

    assert (run.run_id, run.root_run_id, run.parent_run_id) == ("r-1", "r-1", None)
    assert run.run_type == "azureml.PipelineRun"
    assert run.tags == {"bridge": "b"}


def test_a_job_has_no_children(service: AmlService, jobs: Any) -> None:
    ended(service, jobs)

    assert list(jobs.list(parent_job_name="r-1")) == []


def test_an_unknown_run_is_not_found(jobs: Any) -> None:
    with pytest.raises(ResourceNotFoundError):
        jobs._runs_operations.get_run_details("nobody")


def test_run_history_can_be_read_with_azure_core_alone(service: AmlService, jobs: Any) -> None:
    ended(service, jobs)
    policy = BearerTokenCredentialPolicy(LocalCredential(), f"{ARM}/.default")
    client: Any = PipelineClient(ARM, policies=[policy], transport=service.transport)

    def get(url: str) -> Any:
        answer = client.send_request(HttpRequest("GET", url))
        answer.raise_for_status()
        return answer.json()

    workspace = get(f"{ARM}{SCOPE}?api-version=2024-10-01-preview")
    api = get(workspace["properties"]["discoveryUrl"])["api"]
    details = get(f"{api}/history/v1.0{SCOPE}/runs/r-1/details?api-version=v1.0")

    assert api == ARM
    assert details["status"] == "Completed"
    assert datetime.fromisoformat(details["startTimeUtc"]) <= datetime.fromisoformat(details["endTimeUtc"])
