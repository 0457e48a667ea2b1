"""What can be made to go wrong: each fault does what it says, once, and says that it struck."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

from tests.emulators.aml_service import SCOPE, SDK_WARNINGS, AmlService, pipeline

pytestmark = pytest.mark.filterwarnings(SDK_WARNINGS)
PUT = {"operation": "put_job"}


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


def submit(jobs: Any, name: str = "r-1") -> Any:
    return jobs.create_or_update(pipeline(name), skip_validation=True)


def names(service: AmlService) -> list[str]:
    return [job["name"] for job in service.ask("/jobs")]


def test_a_status_is_answered_instead_of_the_work(service: AmlService, jobs: Any) -> None:
    fault = service.fault("status", PUT, status=429, retry_after=7, code="TooManyRequests")
    with pytest.raises(HttpResponseError) as refused:
        submit(jobs)

    answer: Any = refused.value.response
    error: Any = refused.value.error
    assert (answer.status_code, answer.headers["Retry-After"], error.code) == (429, "7", "TooManyRequests")
    assert (service.struck(fault), names(service)) == (1, [])
    submit(jobs)
    assert names(service) == ["r-1"]


def test_a_status_can_come_after_the_work_was_done(service: AmlService, jobs: Any) -> None:
    fault = service.fault("status", PUT, status=500, after_commit=True)
    with pytest.raises(HttpResponseError):
        submit(jobs)

    assert (service.struck(fault), names(service)) == (1, ["r-1"])


def test_a_dropped_connection_has_no_answer_at_all(service: AmlService, jobs: Any) -> None:
    fault = service.fault("disconnect", PUT)
    with pytest.raises(ServiceResponseError, match="without response"):
        submit(jobs)

    assert (service.struck(fault), names(service)) == (1, [])
    assert service.ask("/requests")["statuses"] == {"disconnected": 1}


def test_a_connection_can_drop_after_the_work_was_done(service: AmlService, jobs: Any) -> None:
    service.fault("disconnect", PUT, after_commit=True)
    with pytest.raises(ServiceResponseError):
        submit(jobs)

    assert names(service) == ["r-1"]


def impatient(service: AmlService) -> int:
    """Submit with a client that gives up at once, and say how many jobs came of it."""
    with pytest.raises(httpx.ReadTimeout):
        service.http.put(f"{SCOPE}/jobs/r-1", json={"properties": {"jobType": "Pipeline"}}, timeout=0.1)
    service.wait_for_requests("put_job", 1)
    return len(names(service))


def test_a_client_that_gives_up_leaves_no_job(service: AmlService) -> None:
    service.fault("timeout", PUT, seconds=30)

    assert impatient(service) == 0


def test_a_client_can_give_up_on_work_that_was_done(service: AmlService) -> None:
    service.fault("timeout", PUT, seconds=30, after_commit=True)

    assert impatient(service) == 1


@pytest.mark.parametrize("is_committed", [False, True])
def test_a_patient_client_gets_its_answer_late(service: AmlService, jobs: Any, is_committed: bool) -> None:
    fault = service.fault("timeout", PUT, seconds=0.05, after_commit=is_committed)

    assert submit(jobs).name == "r-1"
    assert service.struck(fault) == 1


def test_a_fault_strikes_only_what_it_matches(service: AmlService, jobs: Any) -> None:
    fault = service.fault("status", {"job": "r-2", "method": "PUT"}, status=500)
    submit(jobs, "r-1")
    jobs.get("r-1")
    assert service.struck(fault) == 0

    with pytest.raises(HttpResponseError):
        submit(jobs, "r-2")


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("get_job", lambda jobs: jobs.get("r-1")),
        ("list_jobs", lambda jobs: list(jobs.list())),
        ("cancel_job", lambda jobs: jobs.begin_cancel("r-1", polling=False)),
        ("run_history", lambda jobs: jobs._runs_operations.get_run("r-1")),
    ],
)
def test_every_operation_can_be_struck(service: AmlService, jobs: Any, operation: str, call: Any) -> None:
    submit(jobs)
    fault = service.fault("status", {"operation": operation}, status=503)
    with pytest.raises(HttpResponseError):
        call(jobs)

    assert service.struck(fault) == 1
    call(jobs)


def test_a_component_can_be_struck(service: AmlService) -> None:
    fault = service.fault("status", {"operation": "component"}, status=503)
    with pytest.raises(HttpResponseError):
        service.client().components.get("train", "1")

    assert service.struck(fault) == 1


def test_while_the_service_is_away_connections_are_refused(service: AmlService, jobs: Any) -> None:
    submit(jobs)
    service.tell("/outage", down=True)
    with pytest.raises(ServiceRequestError):
        jobs.get("r-1")
    service.tell("/outage", down=False)

    assert jobs.get("r-1").name == "r-1"


def test_latency_is_added_to_every_request(service: AmlService) -> None:
    service.tell("/latency", ms=80)
    service.http.get(f"{SCOPE}/jobs")
    service.tell("/latency", ms=0)

    assert service.ask("/requests")["requests"][0]["milliseconds"] >= 80


def test_requests_are_counted_by_operation_and_status(service: AmlService, jobs: Any) -> None:
    submit(jobs)
    jobs.get("r-1")
    service.http.get(f"{SCOPE}/jobs/nobody")

    seen = service.ask("/requests")
    assert seen["operations"] == {"put_job": 1, "get_job": 2}
    assert seen["statuses"] == {"201": 1, "200": 1, "404": 1}
    assert seen["answers"] == {"put_job": {"201": 1}, "get_job": {"200": 1, "404": 1}}
    assert [request["job"] for request in seen["requests"]] == ["r-1", "r-1", "nobody"]


def test_the_documented_limits_can_be_switched_on() -> None:
    """250 reads at once and 25 a second, whatever the machine makes of a second."""
    with AmlService("--limits") as service:
        started, passed = time.monotonic(), 0
        while (answer := service.http.get(f"{SCOPE}/jobs")).status_code == 200:
            passed += 1
        seconds = time.monotonic() - started
        writes = service.http.put(f"{SCOPE}/jobs/r-1", json={"properties": {"jobType": "Pipeline"}})

        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
        assert 250 <= passed <= 250 + 25 * seconds
        assert writes.status_code == 201


def test_the_limits_can_be_switched_on_and_off_while_it_runs_and_made_smaller(service: AmlService) -> None:
    def throttled() -> int:
        return sum(service.http.get(f"{SCOPE}/jobs").status_code == 429 for _ in range(60))

    service.tell("/limits", on=True, scale=0.1)
    assert throttled()
    service.tell("/limits", on=False)
    assert not throttled()


def test_an_unknown_component_can_be_answered_as_once_recorded() -> None:
    with AmlService("--missing-component-status", "404") as service:
        properties = {"jobType": "Pipeline", "componentId": f"{SCOPE}/components/nowhere/versions/1"}
        answer = service.http.put(f"{SCOPE}/jobs/r-1", json={"properties": properties})

        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NotFound")
