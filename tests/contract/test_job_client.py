"""What the services may expect of a JobClient, in memory and through azure-ai-ml on the emulator alike."""

import gc
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import pytest

from bridge.adapters.azureml import AmlJobs
from bridge.adapters.memory import MemoryClock, MemoryJobs
from bridge.adapters.pacing import Pace
from bridge.domain.errors import JobExists, Paced, ServiceUnavailable, SubmissionRejected, Throttled
from bridge.domain.jobs import JobDetails, JobRequest
from bridge.local.endpoints import WORKSPACE
from bridge.local.stack import Stack
from bridge.ports import JobClient
from bridge.settings.app_settings import Settings
from tests.contract.azure_clients import aml_clients, clients_at

COMPONENT = "azureml:churn_training:3"


class Steering(Protocol):
    """What a test does to the far side."""

    def end(self, name: str, status: str, error: tuple[str, str] | None = None) -> None: ...
    def throttle_submit(self, retry_after: timedelta) -> None: ...
    def throttle_get(self, retry_after: timedelta) -> None: ...
    def asked(self) -> int: ...
    def lose_answer_of_submit(self) -> None: ...
    def inputs(self, name: str) -> dict[str, str]: ...


@dataclass
class MemorySteering:
    jobs: MemoryJobs
    clock: MemoryClock

    def end(self, name: str, status: str, error: tuple[str, str] | None = None) -> None:
        code, message = error or (None, None)
        job = self.jobs.jobs[name]
        job.status = status.upper()
        now = self.clock.now()
        job.details = JobDetails(started_at=now, ended_at=now, error_code=code, error_message=message)

    def throttle_submit(self, retry_after: timedelta) -> None:
        self.jobs.failures.append(("submit", Throttled(retry_after=retry_after)))

    def throttle_get(self, retry_after: timedelta) -> None:
        self.jobs.failures.append(("get", Throttled(retry_after=retry_after)))

    def asked(self) -> int:
        return len(self.jobs.calls)

    def lose_answer_of_submit(self) -> None:
        self.jobs.lost_answers.append(ServiceUnavailable())

    def inputs(self, name: str) -> dict[str, str]:
        return dict(self.jobs.jobs[name].request.inputs)


@dataclass
class EmulatorSteering:
    stack: Stack

    def end(self, name: str, status: str, error: tuple[str, str] | None = None) -> None:
        body: dict[str, object] = {"status": status}
        if error:
            body["error"] = {"code": error[0], "message": error[1]}
        self.stack.call("azure_ml", "POST", f"/jobs/{name}/status", {"status": "Running"})
        self.stack.call("azure_ml", "POST", f"/jobs/{name}/status", body)

    def throttle_submit(self, retry_after: timedelta) -> None:
        params = {"status": 429, "retry_after": int(retry_after.total_seconds())}
        self.stack.plan_fault("azure_ml", "status", match={"operation": "put_job"}, params=params)

    def throttle_get(self, retry_after: timedelta) -> None:
        params = {"status": 429, "retry_after": int(retry_after.total_seconds())}
        self.stack.plan_fault("azure_ml", "status", match={"operation": "get_job"}, params=params)

    def asked(self) -> int:
        return sum(self.stack.call("azure_ml", "GET", "/requests")["operations"].values())

    def lose_answer_of_submit(self) -> None:
        params = {"status": 500, "after_commit": True}
        self.stack.plan_fault("azure_ml", "status", match={"operation": "put_job"}, params=params)

    def inputs(self, name: str) -> dict[str, str]:
        found: dict[str, str] = self.stack.call("azure_ml", "GET", f"/jobs/{name}")["inputs"]
        return found


Pair = tuple[JobClient, Steering]
#: Eight writes at once, then fewer than one a second: nobody waits for so long.
PACE = partial(Pace, writes_per_second=0.8)


@pytest.fixture(params=["memory", "azure-ai-ml"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    if request.param == "memory":
        clock = MemoryClock(datetime.now(UTC))
        jobs = MemoryJobs(clock, PACE())
        jobs.components = frozenset({COMPONENT})
        yield jobs, MemorySteering(jobs, clock)
        return
    stack: Stack = request.getfixturevalue("emulators")
    settings: Settings = request.getfixturevalue("settings")
    with aml_clients(settings, PACE()) as clients:
        yield AmlJobs(clients), EmulatorSteering(stack)


def job_request(**change: object) -> JobRequest:
    whole = JobRequest(
        name="r-" + uuid.uuid4().hex.translate(str.maketrans("0189", "abcd"))[:26],
        workspace=WORKSPACE,
        component=COMPONENT,
        experiment="churn",
        display_name="churn",
        inputs={
            "as_of": "2026-11-01",
            "rows": "0",
            "learning_rate": "0.0",
            "dry": "False",
            "note": "",
            "segment": "all",
        },
        tags={"bridge": "contract", "bridge_fingerprint": "f"},
    )
    return replace(whole, **change)  # type: ignore[arg-type]


def test_a_submitted_job_can_be_found(pair: Pair) -> None:
    jobs, _ = pair
    request = job_request()

    job = jobs.submit(request)

    assert job.name == request.name
    assert job.created_at is not None
    assert abs(datetime.now(UTC) - job.created_at) < timedelta(minutes=5)
    found = jobs.get(WORKSPACE, request.name)
    assert found is not None
    assert found.tags["bridge_fingerprint"] == "f"
    assert str(found.studio_url).startswith("https://ml.azure.com/runs/")


def test_zero_false_and_empty_inputs_arrive(pair: Pair) -> None:
    jobs, steering = pair
    request = job_request()

    jobs.submit(request)

    assert steering.inputs(request.name) == dict(request.inputs)


def test_the_same_job_again_is_the_same_job(pair: Pair) -> None:
    jobs, _ = pair
    request = job_request()

    first, second = jobs.submit(request), jobs.submit(request)

    assert first.name == second.name
    assert first.created_at == second.created_at


def test_another_job_of_the_same_name_is_refused_and_changes_nothing(pair: Pair) -> None:
    jobs, steering = pair
    request = job_request()
    jobs.submit(request)

    with pytest.raises(JobExists):
        jobs.submit(replace(request, inputs={**request.inputs, "rows": "1"}))

    assert steering.inputs(request.name)["rows"] == "0"


def test_a_component_that_does_not_exist_is_a_refusal(pair: Pair) -> None:
    jobs, _ = pair

    with pytest.raises(SubmissionRejected, match=r"[Nn]ot found"):
        jobs.submit(job_request(component="azureml:no_such_thing:1"))


def test_a_name_that_azure_ml_does_not_know_is_none(pair: Pair) -> None:
    jobs, _ = pair
    name = job_request().name

    assert jobs.get(WORKSPACE, name) is None
    assert jobs.details(WORKSPACE, name) == JobDetails()


def test_throttling_says_how_long_to_wait_and_is_not_retried_inside(pair: Pair) -> None:
    jobs, steering = pair
    request = job_request()
    steering.throttle_submit(timedelta(seconds=17))

    with pytest.raises(Throttled) as caught:
        jobs.submit(request)

    assert caught.value.retry_after == timedelta(seconds=17)
    assert jobs.get(WORKSPACE, request.name) is None


def test_throttling_pauses_every_write_and_no_read(pair: Pair) -> None:
    jobs, steering = pair
    held = job_request(tags={"bridge": "contract", "emulator.timeline": "hold"})
    jobs.submit(held)
    steering.throttle_submit(timedelta(seconds=60))
    with pytest.raises(Throttled):
        jobs.submit(job_request())
    before = steering.asked()

    for write in (lambda: jobs.submit(job_request()), lambda: jobs.cancel(WORKSPACE, held.name)):
        with pytest.raises(Paced) as paced:
            write()
        assert paced.value.retry_after is not None
        assert timedelta(seconds=50) < paced.value.retry_after < timedelta(seconds=70)

    assert steering.asked() == before, "nobody asks during a pause"
    assert jobs.get(WORKSPACE, held.name) is not None


def test_throttling_of_a_read_pauses_every_read_and_no_write(pair: Pair) -> None:
    jobs, steering = pair
    request = job_request()
    jobs.submit(request)
    steering.throttle_get(timedelta(seconds=60))
    with pytest.raises(Throttled):
        jobs.get(WORKSPACE, request.name)
    before = steering.asked()

    with pytest.raises(Paced):
        jobs.get(WORKSPACE, request.name)
    with pytest.raises(Paced):
        list(jobs.tagged(WORKSPACE, "bridge", since=datetime.now(UTC), pages=1))

    assert steering.asked() == before
    jobs.submit(job_request())


def test_a_process_that_has_used_up_its_share_asks_no_more(pair: Pair) -> None:
    jobs, steering = pair
    before = steering.asked()
    made: list[str] = []
    waits: list[datetime] = []
    while len(waits) < 3:
        request = job_request()
        try:
            jobs.submit(request)
            made.append(request.name)
        except Paced as paced:
            waits.append(datetime.now(UTC) + (paced.retry_after or timedelta()))

    assert len(made) >= 8
    assert steering.asked() - before == len(made)
    apart = [later - earlier for earlier, later in pairwise(waits)]
    assert all(timedelta(seconds=1) < gap < timedelta(seconds=5) for gap in apart), "each has a time of its own"


def test_a_job_whose_answer_was_lost_exists(pair: Pair) -> None:
    jobs, steering = pair
    request = job_request()
    steering.lose_answer_of_submit()

    with pytest.raises(ServiceUnavailable):
        jobs.submit(request)

    assert jobs.get(WORKSPACE, request.name) is not None


def test_times_and_error_come_from_the_run_history(pair: Pair) -> None:
    jobs, steering = pair
    request = job_request()
    jobs.submit(request)
    steering.end(request.name, "Failed", ("UserError", "the step failed"))

    details = jobs.details(WORKSPACE, request.name)

    job = jobs.get(WORKSPACE, request.name)
    assert job is not None
    assert job.status == "FAILED"
    assert (details.error_code, details.error_message) == ("UserError", "the step failed")
    assert details.started_at is not None
    assert details.ended_at is not None
    assert details.started_at <= details.ended_at


def test_a_cancelled_job_says_so(pair: Pair) -> None:
    jobs, _ = pair
    request = job_request(tags={"bridge": "contract", "emulator.timeline": "hold"})
    jobs.submit(request)

    jobs.cancel(WORKSPACE, request.name)

    job = jobs.get(WORKSPACE, request.name)
    assert job is not None
    assert job.status in {"CANCEL_REQUESTED", "CANCELED"}


def test_jobs_are_listed_by_tag_newest_first(pair: Pair) -> None:
    jobs, _ = pair
    mark = uuid.uuid4().hex
    names = []
    for _ in range(3):
        request = job_request(tags={mark: "1"})
        jobs.submit(request)
        names.append(request.name)
    jobs.submit(job_request(tags={"other": mark}))

    since = datetime.now(UTC) - timedelta(days=1)
    found = [job.name for job in jobs.tagged(WORKSPACE, mark, since=since, pages=5)]

    assert sorted(found) == sorted(names)


def test_older_jobs_are_not_listed(pair: Pair) -> None:
    jobs, _ = pair
    mark = uuid.uuid4().hex
    jobs.submit(job_request(tags={mark: "1"}))

    future = datetime.now(UTC) + timedelta(hours=1)

    assert list(jobs.tagged(WORKSPACE, mark, since=future, pages=5)) == []


def test_a_submission_starts_no_git(
    emulators: Stack, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK would ask git on each submission, and tell Azure ML about this repository."""
    witness = tmp_path / "called"
    git = tmp_path / "git"
    git.write_text(f"#!/bin/sh\ntouch {witness}\nexit 1\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    request = job_request()

    with aml_clients(settings) as clients:
        AmlJobs(clients).submit(request)

    assert not witness.exists()
    assert request.name in {job["name"] for job in emulators.call("azure_ml", "GET", "/jobs")}
    subprocess.run(["git", "status"], check=False)
    assert witness.exists(), "the witness works"


def test_the_sdks_modules_are_spared_by_garbage_collection() -> None:
    with clients_at("http://127.0.0.1:9") as clients:
        clients.sdk("w")

    assert gc.get_freeze_count() > 50_000
