"""Several bridges may share a workspace: the jobs of another one are left alone by every service."""

from dataclasses import replace

import pytest

from bridge.adapters.memory import MemoryJobs, MemoryQueues
from bridge.domain.commands import CheckRun
from bridge.domain.queues import Queue
from bridge.domain.statuses import JobStatus
from bridge.ports import Bridge
from bridge.services.cancel_run import cancel_run, request_cancel
from bridge.services.check_run import check_run
from bridge.services.find_job import find_job
from bridge.services.find_runs import find_run
from bridge.services.submit_run import submit_run
from bridge.services.sweep_jobs import sweep_jobs
from tests.unit.requests import KEY, accepted, reported


@pytest.fixture
def theirs(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> str:
    """The run id of a running job that another bridge has made in the same workspace."""
    other = replace(bridge, name="other")
    command = accepted(other, queues)
    submit_run(command, other)
    jobs.jobs[command.run_id].status = JobStatus.RUNNING
    for messages in queues.sent.values():
        messages.clear()
    return command.run_id


def test_it_is_not_found(theirs: str, bridge: Bridge) -> None:
    assert find_job(theirs, bridge) is None
    assert find_job(theirs, bridge, workspace="ws1") is None
    assert find_run(theirs, bridge) is None


def test_it_is_not_cancelled(theirs: str, bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    request_cancel(theirs, KEY, bridge)

    cancel_run(queues.sent[Queue.RUN_CONTROL].pop().body, bridge)  # type: ignore[arg-type]

    assert jobs.jobs[theirs].status == JobStatus.RUNNING
    assert not reported(queues)


@pytest.mark.parametrize("step", [1, None])
def test_it_is_not_followed(theirs: str, bridge: Bridge, queues: MemoryQueues, step: int | None) -> None:
    check_run(CheckRun(run_id=theirs, workspace="ws1", step=step, submitted_at=bridge.clock.now()), bridge)

    assert not any(queues.sent.values())


def test_it_is_not_swept(theirs: str, bridge: Bridge, queues: MemoryQueues) -> None:
    result = sweep_jobs(bridge)

    assert (result.jobs, result.checks) == (0, 0)
    assert not any(queues.sent.values())


def test_our_job_is_found_in_whichever_workspace_it_is(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    bridge = replace(bridge, workspace="ws2", workspaces=frozenset({"ws1", "ws2", "ws3"}))
    command = accepted(bridge, queues)
    submit_run(command, bridge)
    jobs.calls.clear()

    found = find_job(command.run_id, bridge)

    assert found is not None
    assert (found[0], found[1].name) == ("ws2", command.run_id)
    assert jobs.calls == ["get", "get"], "the first that has it ends the search"
    assert find_job(command.run_id, bridge, workspace="ws1") is None
