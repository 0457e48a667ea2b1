"""Submitting, reading, listing and cancelling jobs with the real SDK."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.emulators.aml_service import SCOPE, SDK_WARNINGS, AmlService, pipeline

pytestmark = pytest.mark.filterwarnings(SDK_WARNINGS)
HELD = {"emulator.timeline": "hold"}


@pytest.fixture(scope="module")
def running() -> Iterator[AmlService]:
    with AmlService("--page-size", "2") as service:
        yield service


@pytest.fixture
def service(running: AmlService) -> AmlService:
    running.begin()
    return running


@pytest.fixture
def jobs(service: AmlService) -> Any:
    return service.client().jobs


def submit(jobs: Any, name: str, **more: Any) -> Any:
    return jobs.create_or_update(pipeline(name, **more), skip_validation=True)


def test_a_job_passes_its_statuses_as_time_goes_by(service: AmlService, jobs: Any) -> None:
    seen = [submit(jobs, "r-1").status]
    for seconds in (0.3, 0.3, 0.4, 1.0, 0.5):
        service.advance(seconds)
        seen.append(jobs.get("r-1").status)

    assert seen == ["NotStarted", "Preparing", "Queued", "Running", "Finalizing", "Completed"]


def test_a_submission_is_one_request(service: AmlService, jobs: Any) -> None:
    submit(jobs, "r-1", table="T", rows=0)

    assert service.ask("/requests")["operations"] == {"put_job": 1}
    (job,) = service.ask("/jobs")
    assert job["inputs"] == {"table": "T", "rows": "0"}
    assert (job["experimentName"], job["workspace"]) == ("churn", SCOPE)


def test_the_same_submission_again_is_accepted_and_replaces_the_tags(service: AmlService, jobs: Any) -> None:
    submit(jobs, "r-1", tags={"try": "0", "bridge": "b"})
    again = submit(jobs, "r-1", tags={"try": "1"})

    assert again.tags == {"try": "1"}
    (job,) = service.ask("/jobs")
    assert (job["puts"], job["statuses"]) == (2, ["NotStarted"])


def test_other_inputs_under_the_same_name_are_refused(service: AmlService, jobs: Any) -> None:
    submit(jobs, "r-1", table="A")
    with pytest.raises(HttpResponseError) as refused:
        submit(jobs, "r-1", table="B")

    assert refused.value.status_code == 400
    assert "already exists" in str(refused.value)
    assert "JobPropertyImmutable" in str(refused.value)
    (job,) = service.ask("/jobs")
    assert (job["puts"], job["inputs"]) == (1, {"table": "A"})


def test_a_job_of_an_unknown_component_is_refused(service: AmlService, jobs: Any) -> None:
    with pytest.raises(HttpResponseError) as refused:
        submit(jobs, "r-1", component="nowhere")

    assert refused.value.status_code == 400
    assert "Not found component" in str(refused.value)
    assert service.ask("/jobs") == []


def test_a_job_without_a_required_input_is_refused(jobs: Any) -> None:
    with pytest.raises(HttpResponseError, match="missing: table") as refused:
        submit(jobs, "r-1", rows=3)

    assert refused.value.status_code == 400


def test_empty_and_falsy_inputs_can_be_sent(service: AmlService, jobs: Any) -> None:
    job: Any = pipeline("r-1", table="T", zero=0, real=0.0, no=False, empty="placeholder")
    job.inputs.empty = {"value": ""}  # given to PipelineJob itself, an empty text is dropped
    jobs.create_or_update(job, skip_validation=True)

    inputs = service.ask("/jobs/r-1")["inputs"]
    assert inputs == {"table": "T", "zero": "0", "real": "0.0", "no": "False", "empty": ""}


def test_a_fetched_job_has_neither_times_nor_an_error(service: AmlService, jobs: Any) -> None:
    submit(jobs, "r-1", tags={"emulator.outcome": "failed"})
    service.advance(3)

    properties = service.http.get(f"{SCOPE}/jobs/r-1").json()["properties"]
    assert properties["status"] == "Failed"
    assert not [key for key in properties if "time" in key.lower() or "error" in key.lower()]


def test_the_studio_link_is_the_services_answer_with_the_tenant_added(jobs: Any) -> None:
    url = submit(jobs, "r-1").studio_url

    assert url.startswith("https://ml.azure.com/runs/r-1?wsid=/subscriptions/11111111-1111-1111-1111-111111111111/")
    assert url.endswith("/resourcegroups/rg-ml/workspaces/ws1&tid=11111111-2222-3333-4444-555555555555")


@pytest.mark.parametrize(("outcome", "status"), [("failed", "Failed"), ("canceled", "Canceled")])
def test_a_tag_decides_how_a_job_ends(service: AmlService, jobs: Any, outcome: str, status: str) -> None:
    submit(jobs, "r-1", tags={"emulator.outcome": outcome})
    service.advance(3)

    assert jobs.get("r-1").status == status


def test_an_input_decides_how_a_job_ends(service: AmlService, jobs: Any) -> None:
    submit(jobs, "r-1", table="T", emulator_outcome="failed")
    service.advance(3)

    assert jobs.get("r-1").status == "Failed"


def test_a_held_job_runs_until_it_is_told(service: AmlService, jobs: Any) -> None:
    submit(jobs, "r-1", tags=HELD)
    service.advance(1000)
    assert jobs.get("r-1").status == "Running"

    service.tell("/jobs/r-1/status", status="Completed")
    assert jobs.get("r-1").status == "Completed"


def test_a_cancelled_job_is_first_asked_to_stop(service: AmlService, jobs: Any) -> None:
    submit(jobs, "r-1", tags=HELD)
    service.advance(1)
    jobs.begin_cancel("r-1", polling=False)
    assert jobs.get("r-1").status == "CancelRequested"

    service.advance(0.5)
    assert jobs.get("r-1").status == "Canceled"


def test_cancelling_can_be_waited_for(jobs: Any) -> None:
    submit(jobs, "r-1", tags=HELD)

    assert jobs.begin_cancel("r-1").result() is None


def test_a_job_that_is_over_cannot_be_cancelled(service: AmlService, jobs: Any) -> None:
    submit(jobs, "r-1")
    service.advance(3)
    with pytest.raises(HttpResponseError, match="Completed") as refused:
        jobs.begin_cancel("r-1", polling=False)

    assert refused.value.status_code == 400


def test_the_list_is_newest_first_and_comes_in_pages(service: AmlService, jobs: Any) -> None:
    for name in ("r-1", "r-2", "r-3", "r-4", "r-5"):
        submit(jobs, name)
    pages = list(jobs.list().by_page())

    assert [[job.name for job in page] for page in pages] == [["r-5", "r-4"], ["r-3", "r-2"], ["r-1"]]
    assert service.ask("/requests")["operations"]["list_jobs"] == 3


def test_a_page_does_not_repeat_jobs_when_new_ones_arrive(jobs: Any) -> None:
    for name in ("r-1", "r-2", "r-3"):
        submit(jobs, name)
    pages = jobs.list().by_page()
    first = [job.name for job in next(pages)]
    submit(jobs, "r-4")

    assert first + [job.name for job in next(pages)] == ["r-3", "r-2", "r-1"]


@pytest.mark.parametrize("wanted", ["bridge", "bridge=left"])
def test_the_list_can_be_narrowed_to_a_tag(jobs: Any, wanted: str) -> None:
    submit(jobs, "r-1", tags={"bridge": "left"})
    submit(jobs, "r-2", tags={"other": "left"})
    submit(jobs, "r-3", tags={"bridges": "left"})

    assert [job.name for job in jobs.list(tag=wanted)] == ["r-1"]


def test_workspaces_keep_their_jobs_apart(service: AmlService, jobs: Any) -> None:
    submit(jobs, "r-1", table="left")
    others = service.client("ws2").jobs
    assert list(others.list()) == []

    submit(others, "r-1", table="right")
    assert [job["inputs"]["table"] for job in service.ask("/jobs")] == ["right", "left"]


def test_a_deleted_job_is_gone(service: AmlService, jobs: Any) -> None:
    submit(jobs, "r-1")
    assert service.control.delete("/jobs/r-1").status_code == 204

    with pytest.raises(ResourceNotFoundError):
        jobs.get("r-1")


def test_a_component_is_found_by_version_and_as_the_latest(service: AmlService) -> None:
    service.seed("train", version="2")
    components = service.client().components

    assert components.get("train", "1").inputs["rows"].default == 10
    assert components.get("train", label="latest").version == "2"
    with pytest.raises(ResourceNotFoundError):
        components.get("train", "3")


def test_a_component_can_be_registered_with_the_sdk(service: AmlService) -> None:
    from azure.ai.ml.entities import PipelineComponent

    client = service.client()
    client.components.create_or_update(PipelineComponent(name="score", version="7", inputs={"day": {"type": "string"}}))

    assert client.components.get("score", "7").inputs["day"].type == "string"


def test_a_reset_keeps_what_was_seeded_at_the_start(tmp_path: Any) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text('{"components": [{"name": "kept", "version": "3"}]}')
    with AmlService("--seed", str(seed)) as service:
        service.tell("/reset")

        assert [component["name"] for component in service.ask("/components")] == ["kept"]


def test_what_is_not_emulated_says_so(service: AmlService) -> None:
    answer = service.http.get(f"{SCOPE}/environments/e/versions/1")

    assert answer.status_code == 501
    assert answer.json()["error"]["message"] == f"not emulated: GET {SCOPE}/environments/e/versions/1"


def test_a_request_without_a_bearer_token_is_refused(service: AmlService) -> None:
    for header in ("", "Basic abc", "Bearer"):
        assert service.http.get(f"{SCOPE}/jobs", headers={"Authorization": header}).status_code == 401


def test_a_submission_without_the_azure_ml_token_is_refused(service: AmlService) -> None:
    body = {"properties": {"jobType": "Pipeline"}}
    answer = service.http.put(f"{SCOPE}/jobs/r-1", json=body, headers={"x-azureml-token": ""})

    assert answer.status_code == 400
    assert service.http.put(f"{SCOPE}/jobs/r-1", json=body).status_code == 201


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("-begins-with-a-dash", {}),
        ("r-1", {"displayName": "d" * 257}),
        ("r-1", {"tags": {str(number): "" for number in range(51)}}),
        ("r-1", {"tags": {"k": "v" * 1001}}),
    ],
)
def test_what_is_over_the_documented_limits_is_refused(
    service: AmlService, name: str, properties: dict[str, Any]
) -> None:
    body = {"properties": {"jobType": "Pipeline", **properties}}

    assert service.http.put(f"{SCOPE}/jobs/{name}", json=body).status_code == 400
