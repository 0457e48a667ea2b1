"""Azure ML's limits and a pipeline's own: with the app's real processes, on a stack that has both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from benchmarks.pacing import Figures, measure, settings
from bridge.local.processes import ROOT
from bridge.local.stack import Stack, host_names, local_stack
from tests.e2e.conftest import set_queues
from tests.e2e.driver import Driver
from tests.eventually import eventually

#: Of the documented limits: 40 writes at once, 2 a second.
SCALE = 0.2
HOSTS = 2
SECOND = host_names(HOSTS)[1]
RUNS = 60


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One run of `churn-scoring` may be active; its jobs do not end until they are told to."""
    file: Path = tmp_path_factory.mktemp("capacity") / "pipelines.yaml"
    content = yaml.safe_load((ROOT / "pipelines.yaml").read_text(encoding="utf-8"))
    content["pipelines"]["churn-scoring"] |= {"max_active_runs": 1, "tags": {"emulator.timeline": "hold"}}
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    own = settings(HOSTS, writes_per_second=2) | {"PIPELINES_FILE": str(file)}
    with local_stack(hosts=HOSTS, settings=own) as running:
        running.processes[SECOND].stop()
        set_queues(running)
        yield running


@pytest.fixture
def second_host(stack: Stack) -> Iterator[None]:
    """For one test: the places of a pipeline are shared softly, so a second instance might take the last one."""
    stack.start_host(SECOND)
    yield
    stack.processes[SECOND].stop()


@pytest.fixture(scope="module")
def driver(stack: Stack) -> Iterator[Driver]:
    with Driver(stack) as driver:
        yield driver


@pytest.mark.timeout(300)
def test_a_run_waits_while_its_pipeline_is_full_and_can_be_cancelled_meanwhile(driver: Driver) -> None:
    first = start(driver, "A")
    eventually(lambda: first in driver.jobs(), 30)
    second = start(driver, "B")
    assert_waits(driver, second)
    finish(driver, first)
    eventually(lambda: second in driver.jobs(), 90)  # what is known of a pipeline counts for half a minute

    third = start(driver, "C")
    assert_waits(driver, third)
    assert driver.http.post(f"/runs/{third}/cancel").status_code == 202
    finish(driver, second)
    eventually(lambda: third in driver.jobs(), 90)
    eventually(lambda: driver.scheduled("run-control"), 30)
    driver.stack.advance(120)  # the cancel looks for the job every minute
    driver.wait_for(third, "CANCELED")

    driver.wait_for(second, "COMPLETED")
    for run_id in (second, third):
        assert driver.history(run_id).count("WAITING") == 1
        assert driver.jobs()[run_id]["puts"] == 1


def start(driver: Driver, table: str) -> str:
    return driver.create("churn-scoring", model="churn:4", table=table)


def assert_waits(driver: Driver, run_id: str) -> None:
    eventually(lambda: "WAITING" in driver.history(run_id), 60)
    driver.wait_for(run_id, "SUBMITTING")
    assert run_id not in driver.jobs()


def finish(driver: Driver, run_id: str) -> None:
    driver.stack.call("azure_ml", "POST", f"/jobs/{run_id}/status", {"status": "Completed"})


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("second_host")
def test_azure_ml_refuses_almost_nothing_of_what_two_hosts_submit_at_full_load(stack: Stack) -> None:
    figures: Figures = measure(stack, RUNS, within=150, scale=SCALE)

    assert figures.jobs == RUNS, figures
    assert figures.percent <= 5, figures
    assert figures.most_waiting > 0, "it was full load"
