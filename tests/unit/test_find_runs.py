"""Looking a run up: live where there is a job, else from the ledger, and from whichever answers."""

import pytest

from bridge.adapters.memory import MemoryJobs, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain.errors import ServiceUnavailable
from bridge.domain.jobs import JobDetails
from bridge.domain.records import Records
from bridge.domain.statuses import JobStatus
from bridge.ports import Bridge
from bridge.services.find_runs import find_run
from bridge.services.submit_run import submit_run
from tests.unit.requests import accepted, reported


@pytest.fixture
def run_id(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> str:
    """A submitted run that the ledger knows as well."""
    command = accepted(bridge, queues)
    submit_run(command, bridge)
    ledger.write(Records(run_events=tuple(reported(queues))))
    return command.run_id


def test_a_job_is_shown_as_azure_ml_sees_it(run_id: str, bridge: Bridge, jobs: MemoryJobs) -> None:
    jobs.jobs[run_id].status = JobStatus.FAILED
    jobs.jobs[run_id].details = JobDetails(error_code="UserError", error_message="boom")

    found = find_run(run_id, bridge)

    assert found is not None
    assert (found["status"], found["error_message"], found["pipeline"]) == ("FAILED", "boom", "train")


def test_when_azure_ml_does_not_answer_the_ledger_does(run_id: str, bridge: Bridge, jobs: MemoryJobs) -> None:
    jobs.failures.append(("get", ServiceUnavailable()))

    found = find_run(run_id, bridge)

    assert found is not None
    assert found["status"] == "SUBMITTED"


def test_a_run_without_a_job_is_in_the_ledger(bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger) -> None:
    command = accepted(bridge, queues)
    ledger.write(Records(run_events=tuple(reported(queues))))

    found = find_run(command.run_id, bridge)

    assert found is not None
    assert found["status"] == "ACCEPTED"


def test_what_is_no_run_id_is_not_looked_up(bridge: Bridge, jobs: MemoryJobs) -> None:
    assert find_run("../../etc/passwd", bridge) is None
    assert jobs.calls == []
