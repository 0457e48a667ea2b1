"""`max_active_runs`: a full pipeline's runs wait without failing, and start when others have ended."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.adapters.pacing import Pace
from bridge.domain import events
from bridge.domain.commands import CancelRun, SubmitRun
from bridge.domain.errors import AccessDenied, Paced, ServiceUnavailable, SubmissionRejected, Throttled
from bridge.domain.jobs import Job
from bridge.domain.pipelines import Catalogue
from bridge.domain.places import Places
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.domain.statuses import BridgeStatus, JobStatus
from bridge.ports import Bridge
from bridge.services.accept_runs import accept_runs
from bridge.services.active_runs import PAGES
from bridge.services.cancel_run import cancel_run, request_cancel
from bridge.services.submit_run import submit_run
from tests.conftest import pipeline
from tests.unit.requests import KEY, accepted, put_aside, reported, request, statuses

LIMIT = 2


@pytest.fixture
def bridge(bridge: Bridge) -> Bridge:
    """Two runs of `train` may be active; `limited` has no limit of runs."""
    limited = replace(pipeline("train"), max_active_runs=LIMIT)
    return replace(bridge, catalogue=Catalogue([limited, pipeline("limited", timeout=timedelta(hours=1))]))


def start(bridge: Bridge, queues: MemoryQueues, key: str) -> SubmitRun:
    """Accept a run and execute its command once."""
    command = accepted(bridge, queues, request(key))
    submit_run(command, bridge)
    return command


def waiting(queues: MemoryQueues) -> list[SubmitRun]:
    """Take the copies that wait."""
    bodies = [message.body for message in queues.sent[Queue.RUN_COMMANDS]]
    queues.sent[Queue.RUN_COMMANDS].clear()
    return [body for body in bodies if isinstance(body, SubmitRun)]


def end(jobs: MemoryJobs, command: SubmitRun) -> None:
    jobs.jobs[command.run_id].status = JobStatus.COMPLETED


def test_a_run_waits_while_its_pipeline_is_full(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    first, second, third = [start(bridge, queues, key) for key in "abc"]

    assert set(jobs.jobs) == {first.run_id, second.run_id}
    (copy,) = queues.sent[Queue.RUN_COMMANDS]
    assert copy.due == bridge.clock.now() + timedelta(seconds=30)
    assert copy.message_id != third.message_id, "duplicate detection would drop it"


def test_the_history_says_that_it_waits_once(bridge: Bridge, queues: MemoryQueues, clock: MemoryClock) -> None:
    commands = [start(bridge, queues, key) for key in "abc"]
    for _ in range(20):
        clock.advance(timedelta(minutes=1))
        (copy,) = waiting(queues)
        submit_run(copy, bridge)

    notes = [event for event in reported(queues) if event.status == "WAITING"]
    assert [note.run_id for note in notes] == [commands[2].run_id]
    assert notes[0].payload is not None
    assert notes[0].payload["message"] == "2 runs of train are active"
    assert statuses(queues).count("SUBMITTING") == 1, "a run that came by a queue has a row while it waits"


def test_waiting_for_weeks_is_no_failure(bridge: Bridge, queues: MemoryQueues, clock: MemoryClock) -> None:
    for key in "abc":
        start(bridge, queues, key)
    for _ in range(bridge.retry.tries * 10):
        clock.advance(timedelta(days=1))
        (copy,) = waiting(queues)
        submit_run(copy, bridge)

    (copy,) = waiting(queues)
    assert (copy.try_, copy.waits) == (0, 31)
    assert put_aside(queues) == []
    assert "FAILED" not in statuses(queues)


def test_a_run_that_waited_starts_when_another_has_ended(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    first, _, third = [start(bridge, queues, key) for key in "abc"]
    end(jobs, first)
    (copy,) = waiting(queues)

    submit_run(copy, bridge)
    assert third.run_id not in jobs.jobs, "what was known half a minute ago still counts"
    clock.advance(timedelta(seconds=30))
    (copy,) = waiting(queues)
    submit_run(copy, bridge)

    assert third.run_id in jobs.jobs
    assert statuses(queues)[-1] == "SUBMITTED"


def test_a_hundred_runs_never_exceed_the_limit_and_all_of_them_run(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    accept_runs([request(str(number)) for number in range(100)], bridge)
    most = 0
    for _ in range(200):
        for command in waiting(queues):
            submit_run(command, bridge)
        active = [job for job in jobs.jobs.values() if job.status != JobStatus.COMPLETED]
        most = max(most, len(active))
        for job in active:
            job.status = JobStatus.COMPLETED
        clock.advance(timedelta(minutes=1))

    assert (len(jobs.jobs), most) == (100, LIMIT)


def test_azure_ml_is_asked_once_in_half_a_minute_and_only_where_there_is_a_limit(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    for key in "abcdef":
        start(bridge, queues, key)
    assert jobs.calls.count("tagged") == 1
    clock.advance(timedelta(seconds=30))
    start(bridge, queues, "g")
    assert jobs.calls.count("tagged") == 2

    submit_run(accepted(bridge, queues, request("h", pipeline="limited")), bridge)
    assert jobs.calls.count("tagged") == 2


def test_several_processes_share_what_is_free(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    wide = replace(bridge, catalogue=Catalogue([replace(pipeline("train"), max_active_runs=8)]))
    processes = [replace(wide, places=Places(4)) for _ in range(4)]
    started = []
    for period in range(4):
        for number in range(40):
            start(processes[number % 4], queues, f"{period}.{number}")
        started.append(len(jobs.jobs))
        clock.advance(timedelta(seconds=30))

    assert started == [5, 8, 8, 8]


def test_jobs_of_another_bridge_take_no_place(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    for key in "ab":
        command = start(bridge, queues, key)
        job = jobs.jobs[command.run_id]
        job.request = replace(job.request, tags={**job.request.tags, "bridge": "another"})
    fresh = replace(bridge, places=Places())

    command = start(fresh, queues, "c")

    assert command.run_id in jobs.jobs


def test_a_place_is_free_again_when_no_job_was_made(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    refusal = SubmissionRejected("no such component", code="USER_ERROR")
    jobs.failures += [("submit", refusal), ("submit", Throttled()), ("submit", Paced(retry_after=timedelta(1)))]
    for key in "xyz":
        start(bridge, queues, key)

    first, second = start(bridge, queues, "a"), start(bridge, queues, "b")

    assert set(jobs.jobs) == {first.run_id, second.run_id}


def test_a_place_is_kept_while_it_is_not_known_whether_a_job_was_made(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    jobs.failures += [("submit", ServiceUnavailable()), ("submit", ServiceUnavailable())]
    lost = [start(bridge, queues, key) for key in "xy"]
    copies = waiting(queues)
    other = start(bridge, queues, "z")
    assert other.run_id not in jobs.jobs

    for copy in copies:
        submit_run(copy, bridge)

    assert set(jobs.jobs) == {command.run_id for command in lost}


def test_a_run_whose_job_exists_needs_no_place(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    first = start(bridge, queues, "a")
    start(bridge, queues, "b")

    submit_run(first, replace(bridge, places=Places()), redelivered=True)  # another process, for which it is full

    assert waiting(queues) == []
    assert statuses(queues)[-1] == "SUBMITTED"


def test_a_second_message_of_a_run_does_not_wait_for_its_own_job(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    first = start(bridge, queues, "a")
    start(bridge, queues, "b")

    submit_run(first, replace(bridge, places=Places()))  # another process, for which it is full

    assert waiting(queues) == []
    assert statuses(queues)[-1] == "SUBMITTED"
    assert len(jobs.jobs) == LIMIT


@pytest.mark.parametrize("error", [ServiceUnavailable(), AccessDenied("no", code="ACCESS_DENIED")])
def test_while_azure_ml_does_not_say_how_many_are_active_nothing_starts_and_nothing_fails(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, error: Exception
) -> None:
    jobs.failures.append(("tagged", error))

    start(bridge, queues, "a")

    (copy,) = waiting(queues)
    assert (copy.try_, jobs.jobs) == (1, {})
    assert statuses(queues) == ["ACCEPTED", "SUBMITTING", "RETRY_SCHEDULED"]


class Recording(MemoryJobs):
    """Remembers how far it was asked to look back."""

    asked: tuple[datetime, int] | None = None
    read = 0

    def tagged(self, workspace: str, tag: str, *, since: datetime, pages: int) -> Iterable[Job]:
        self.asked = (since, pages)
        for job in super().tagged(workspace, tag, since=since, pages=pages):
            self.read += 1
            yield job


@pytest.mark.parametrize(("timeout", "back"), [(None, timedelta(days=31)), (timedelta(hours=1), timedelta(hours=3))])
def test_the_search_is_bounded_by_pages_by_age_and_by_the_limit(
    bridge: Bridge, queues: MemoryQueues, clock: MemoryClock, timeout: timedelta | None, back: timedelta
) -> None:
    jobs = Recording(clock)
    limited = replace(pipeline("train", timeout=timeout), max_active_runs=LIMIT)
    without = replace(bridge, jobs=jobs, catalogue=Catalogue([replace(limited, max_active_runs=None)]))
    for number in range(10):
        start(without, queues, str(number))

    start(replace(without, catalogue=Catalogue([limited])), queues, "late")

    assert jobs.asked == (clock.now() - back, PAGES)
    assert (jobs.read, len(jobs.jobs)) == (LIMIT, 10)


def test_a_run_that_is_cancelled_while_it_waits_is_cancelled_as_soon_as_its_job_exists(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    first, _, third = [start(bridge, queues, key) for key in "abc"]
    queues.sent[Queue.RUN_CONTROL].clear()
    request_cancel(third.run_id, KEY, bridge)
    cancel = take_cancel(queues)
    cancel_run(cancel, bridge)
    cancel = take_cancel(queues)
    end(jobs, first)
    clock.advance(timedelta(minutes=1))
    (copy,) = waiting(queues)
    submit_run(copy, bridge)
    queues.sent[Queue.RUN_CONTROL].clear()

    cancel_run(cancel, bridge)

    assert jobs.jobs[third.run_id].status == JobStatus.CANCEL_REQUESTED


def test_a_cancel_waits_as_long_as_its_run(
    bridge: Bridge, queues: MemoryQueues, ledger: MemoryLedger, clock: MemoryClock
) -> None:
    command = accepted(bridge, queues)
    fact = events.bridge_fact(command.run_id, BridgeStatus.SUBMITTING, 1, clock.now())
    ledger.write(Records(run_events=(fact,)))
    request_cancel(command.run_id, KEY, bridge)
    cancel = take_cancel(queues)
    for _ in range(29):
        clock.advance(timedelta(days=1))
        cancel_run(cancel, bridge)
        cancel = take_cancel(queues)
    assert "CANCEL_IGNORED" not in statuses(queues)

    clock.advance(timedelta(days=2))
    cancel_run(cancel, bridge)

    assert statuses(queues)[-1] == "CANCEL_IGNORED"


def test_a_cancel_of_a_run_that_waits_for_days_survives_one_answer_that_did_not_come(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, ledger: MemoryLedger, clock: MemoryClock
) -> None:
    command = accepted(bridge, queues)
    ledger.write(Records(run_events=(events.bridge_fact(command.run_id, BridgeStatus.SUBMITTING, 1, clock.now()),)))
    request_cancel(command.run_id, KEY, bridge)
    cancel = take_cancel(queues)
    clock.advance(timedelta(days=3))
    jobs.failures.append(("get", ServiceUnavailable()))

    cancel_run(cancel, bridge)

    assert not jobs.failures, "it struck"
    assert take_cancel(queues).try_ == cancel.try_ + 1
    assert "CANCEL_IGNORED" not in statuses(queues)


def take_cancel(queues: MemoryQueues) -> CancelRun:
    body = queues.sent[Queue.RUN_CONTROL].pop().body
    assert isinstance(body, CancelRun)
    return body


def test_waiting_for_the_pace_leaves_no_row_counts_as_no_try_and_comes_when_told(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    command = replace(accepted(bridge, queues), try_=bridge.retry.tries - 1)
    jobs.failures.append(("submit", Paced(retry_after=timedelta(hours=2))))
    told = len(statuses(queues))

    submit_run(command, bridge)

    (copy,) = queues.sent[Queue.RUN_COMMANDS]
    assert copy.due == clock.now() + timedelta(hours=2), "no back-off on top, and no ceiling"
    assert isinstance(copy.body, SubmitRun)
    assert (copy.body.try_, copy.body.waits) == (command.try_, 1)
    assert statuses(queues)[told:] == []


def test_a_cancel_check_or_action_that_waits_for_the_pace_is_never_given_up_for_it(bridge: Bridge) -> None:
    paced = Paced(retry_after=timedelta(seconds=3))

    assert bridge.retry.gives_up(1000, ServiceUnavailable())
    assert not bridge.retry.gives_up(1000, paced)
    assert bridge.retry.wait(1000, paced) == timedelta(seconds=3)


def test_after_a_failure_the_next_try_begins_to_wait_anew(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    first, _, third = [start(bridge, queues, key) for key in "abc"]
    end(jobs, first)
    clock.advance(timedelta(minutes=1))
    jobs.failures.append(("submit", ServiceUnavailable()))
    (copy,) = waiting(queues)

    submit_run(copy, bridge)

    (again,) = waiting(queues)
    assert (again.run_id, again.try_, again.waits, again.waiting_since) == (third.run_id, 1, 0, None)


def test_one_429_has_the_other_messages_wait_instead_of_asking(
    bridge: Bridge, queues: MemoryQueues, clock: MemoryClock
) -> None:
    pace = Pace(writes_per_second=10, now=lambda: 0.0, sleep=lambda _: None)
    jobs = MemoryJobs(clock, pace)
    jobs.failures.append(("submit", Throttled(retry_after=timedelta(seconds=30))))
    paced = replace(bridge, jobs=jobs)

    for number in range(50):
        submit_run(accepted(paced, queues, request(str(number), pipeline="limited")), paced)

    assert jobs.calls.count("submit") == 1
    assert len({message.due for message in queues.sent[Queue.RUN_COMMANDS]}) >= 49
    assert statuses(queues).count("RETRY_SCHEDULED") == 1
