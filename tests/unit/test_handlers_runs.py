"""The other REST routes: lists, one run, cancelling, the catalogue, health."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest

from bridge import __version__
from bridge.adapters.memory import MemoryJobs, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events
from bridge.domain.commands import CancelRun
from bridge.domain.errors import ConfigurationError, ServiceUnavailable, Throttled
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.domain.statuses import JobStatus
from bridge.handlers import runs
from bridge.ports import Bridge, RunFilter
from bridge.services.submit_run import submit_run
from tests.unit.invocations import document, http, problem
from tests.unit.requests import accepted

RUN_ID = "r-" + "a" * 26
NO_RUN_IDS = ["", "r-short", RUN_ID.upper(), RUN_ID + "a", RUN_ID + "\n", "../health", "x" * 5000, "' OR 1=1 --", "🙂"]


@dataclass
class AskedLedger(MemoryLedger):
    """Remembers how it was asked."""

    asked: list[RunFilter]

    def __init__(self) -> None:
        super().__init__()
        self.asked = []

    def runs(self, wanted: RunFilter) -> Any:
        self.asked.append(wanted)
        return super().runs(wanted)


def asked(bridge: Bridge, **params: str) -> RunFilter:
    """How the ledger is asked for a list with this query."""
    ledger = AskedLedger()
    response = runs.listing(http("GET", params=params), lambda: replace(bridge, ledger=ledger))
    assert response.status_code == 200, response.get_body()
    (wanted,) = ledger.asked
    return wanted


# lists


def test_runs_are_listed_from_the_ledger(bridge: Bridge, ledger: MemoryLedger) -> None:
    at = bridge.clock.now()
    facts = [events.job_fact(run_id, JobStatus.RUNNING, at, pipeline="train") for run_id in ("r-1", "r-2", "r-3")]
    ledger.write(Records(run_events=tuple(facts)))

    response = runs.listing(http("GET", params={"limit": "2", "offset": "1"}), lambda: bridge)

    found = document(response)
    assert response.mimetype == "application/json"
    assert [row["run_id"] for row in found["runs"]] == ["r-2", "r-1"]
    assert (found["limit"], found["offset"]) == (2, 1)
    assert found["runs"][0]["occurred_at"] == at.isoformat()


def test_without_a_query_the_newest_are_listed(bridge: Bridge) -> None:
    assert asked(bridge) == RunFilter(limit=50, offset=0)


def test_a_query_restricts_the_list(bridge: Bridge) -> None:
    wanted = asked(bridge, status="completed", pipeline="train", query_batch_id="b:1", limit="500", offset="1000000")

    assert wanted == RunFilter(status="COMPLETED", pipeline="train", query_batch_id="b:1", limit=500, offset=1_000_000)


@pytest.mark.parametrize("since", ["2026-11-20T10:00:00", "2026-11-20T10:00:00Z", "2026-11-20T12:00:00+02:00"])
def test_a_time_without_offset_counts_as_utc(bridge: Bridge, since: str) -> None:
    assert asked(bridge, since=since).since == datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def test_the_functions_key_in_the_query_is_no_parameter(bridge: Bridge) -> None:
    assert asked(bridge, code="the-key", limit="7").limit == 7


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"limit": "abc"}, "limit: Input should be a valid integer"),
        ({"limit": "0"}, "limit: Input should be greater than or equal to 1"),
        ({"limit": "501"}, "limit: Input should be less than or equal to 500"),
        ({"limit": "1,2"}, "limit: Input should be a valid integer"),  # how the platform hands on limit=1&limit=2
        ({"limit": "9" * 5000}, "limit: "),
        ({"offset": "-1"}, "offset: "),
        ({"status": "a b"}, "status: String should match pattern"),
        ({"status": "COMPLETED,FAILED"}, "status: "),
        ({"status": "A\n"}, "status: "),
        ({"pipeline": "x" * 201}, "pipeline: "),
        ({"since": "yesterday"}, "since: Input should be a valid datetime"),
        ({"since": "9999-12-31T23:59:59-14:00"}, "since: Value error, the calendar has no such time in UTC"),
        ({"Limit": "5"}, "Limit: Extra inputs are not permitted"),
        ({"user": "x"}, "user: Extra inputs are not permitted"),
    ],
)
def test_a_query_that_is_none_is_refused_by_its_parameter(
    bridge: Bridge, params: dict[str, str], expected: str
) -> None:
    found = problem(runs.listing(http("GET", params=params), lambda: bridge), 400)

    assert found["detail"].startswith(f"query: {expected}")
    assert len(found["detail"]) < 300


# one run


def test_a_run_with_a_job_is_shown_live(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    command = accepted(bridge, queues)
    submit_run(command, bridge)
    jobs.jobs[command.run_id].status = JobStatus.RUNNING

    found = document(runs.show(http("GET", run_id=command.run_id), lambda: bridge))

    assert (found["run_id"], found["status"], found["job_name"]) == (command.run_id, "RUNNING", command.run_id)
    assert found["fingerprint"] == command.fingerprint


def test_a_run_without_a_job_is_shown_from_the_ledger(bridge: Bridge, ledger: MemoryLedger) -> None:
    fact = events.job_fact(RUN_ID, JobStatus.FAILED, bridge.clock.now(), error_code="JOB_DELETED")
    ledger.write(Records(run_events=(fact,)))

    found = document(runs.show(http("GET", run_id=RUN_ID), lambda: bridge))

    assert (found["status"], found["error_code"]) == ("FAILED", "JOB_DELETED")


def test_an_unknown_run_may_just_not_be_recorded_yet(bridge: Bridge) -> None:
    found = problem(runs.show(http("GET", run_id=RUN_ID), lambda: bridge), 404)

    assert "within about 60 seconds" in found["detail"]


@pytest.mark.parametrize("run_id", NO_RUN_IDS)
def test_what_is_no_run_id_is_not_looked_for(bridge: Bridge, jobs: MemoryJobs, run_id: str) -> None:
    found = problem(runs.show(http("GET", run_id=run_id), lambda: bridge), 404)

    assert "ids look like r-" in found["detail"]
    assert len(found["detail"]) < 300
    assert not jobs.calls


class AwayLedger(MemoryLedger):
    """Cannot be asked."""

    def run(self, run_id: str) -> NoReturn:  # noqa: ARG002 - overrides
        raise Throttled(retry_after=timedelta(seconds=7))


def test_a_run_that_nobody_can_tell_of_now_can_be_asked_for_later(bridge: Bridge, jobs: MemoryJobs) -> None:
    jobs.failures.append(("get", ServiceUnavailable()))

    response = runs.show(http("GET", run_id=RUN_ID), lambda: replace(bridge, ledger=AwayLedger()))

    problem(response, 429)
    assert response.headers["Retry-After"] == "7"


# cancelling


def test_a_cancel_is_queued_for_the_run(bridge: Bridge, queues: MemoryQueues) -> None:
    response = runs.cancel(http(run_id=RUN_ID, headers={"x-correlation-id": "c-1"}), lambda: bridge)

    (message,) = queues.sent[Queue.RUN_CONTROL]
    assert response.status_code == 202
    assert document(response) == {"run_id": RUN_ID, "status": "CANCEL_REQUESTED", "correlation_id": "c-1"}
    assert isinstance(message.body, CancelRun)
    assert (message.body.run_id, message.body.principal) == (RUN_ID, "key")


@pytest.mark.parametrize("run_id", NO_RUN_IDS)
def test_what_is_no_run_id_cannot_be_cancelled(bridge: Bridge, queues: MemoryQueues, run_id: str) -> None:
    found = problem(runs.cancel(http(run_id=run_id), lambda: bridge), 404)

    assert len(found["detail"]) < 300
    assert not any(queues.sent.values())


def test_a_cancel_that_could_not_be_queued_can_be_asked_for_again(bridge: Bridge, queues: MemoryQueues) -> None:
    queues.failures.append(ServiceUnavailable())

    problem(runs.cancel(http(run_id=RUN_ID), lambda: bridge), 503)


# catalogue and health


def test_the_catalogue_tells_each_pipeline_and_its_inputs(bridge: Bridge) -> None:
    found = document(runs.pipelines(http("GET"), lambda: bridge))

    assert [pipeline["name"] for pipeline in found] == ["train", "limited"]
    assert found[0]["inputs_schema"]["required"] == ["as_of"]
    assert found[0]["inputs_schema"]["properties"]["rows"]["default"] == 1000


def test_a_healthy_app_tells_its_version() -> None:
    response = runs.health(http("GET"), lambda: None)

    assert (response.status_code, document(response)) == (200, {"status": "ok", "version": __version__})


@pytest.mark.parametrize(
    ("problems", "count"),
    [(["AML_WORKSPACE is hunter2"], "1 problem in"), (["BRIDGE_NAME: hunter2", "x: y"], "2 problems in")],
)
def test_an_app_that_is_set_up_wrongly_counts_its_problems_and_keeps_them(problems: list[str], count: str) -> None:
    found = problem(runs.health(http("GET"), lambda: ConfigurationError(problems)), 503)

    assert found["detail"].startswith(f"{count} the configuration; ")
    assert "hunter2" not in str(found)
