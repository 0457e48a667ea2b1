"""Submitting: one job a run, whatever fails and however often a message comes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.domain.commands import CheckRun, SubmitRun
from bridge.domain.errors import AccessDenied, ServiceUnavailable, SubmissionRejected, Throttled
from bridge.domain.queues import Queue
from bridge.ports import Bridge, Message
from bridge.services.submit_run import submit_request, submit_run
from tests.unit.requests import accepted, put_aside, reported, request, statuses


def test_a_command_becomes_a_job_with_our_tags(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    command = accepted(bridge, queues)

    submit_run(command, bridge)

    job = jobs.jobs[command.run_id].request
    assert job.inputs == {"as_of": "2026-11-01", "rows": "1000"}
    assert (job.tags["bridge"], job.tags["bridge-train"]) == ("bridge", "1")
    assert job.tags["bridge_fingerprint"] == command.fingerprint
    assert statuses(queues) == ["ACCEPTED", "SUBMITTED"]


def test_a_submitted_run_is_followed(bridge: Bridge, queues: MemoryQueues, clock: MemoryClock) -> None:
    submit_run(accepted(bridge, queues), bridge)

    (message,) = queues.sent[Queue.RUN_CONTROL]
    assert isinstance(message.body, CheckRun)
    assert (message.body.step, message.due) == (1, clock.now() + timedelta(minutes=2))


def test_five_deliveries_make_one_job(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    command = accepted(bridge, queues)

    for delivery in range(5):
        submit_run(command, bridge, redelivered=delivery > 0)

    assert list(jobs.jobs) == [command.run_id]
    assert jobs.jobs[command.run_id].puts == 1
    assert len({event.event_id for event in reported(queues) if event.status == "SUBMITTED"}) == 1
    assert len({message.message_id for message in queues.sent[Queue.RUN_CONTROL]}) == 1


def test_a_submit_whose_answer_was_lost_is_found_again(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    jobs.lost_answers.append(ServiceUnavailable())
    submit_run(accepted(bridge, queues), bridge)
    retry = queues.sent[Queue.RUN_COMMANDS].pop().body
    assert isinstance(retry, SubmitRun)

    submit_run(retry, bridge)

    assert jobs.jobs[retry.run_id].puts == 1
    assert statuses(queues)[-1] == "SUBMITTED"


def test_a_throttled_submit_waits_as_long_as_it_was_asked_to(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, clock: MemoryClock
) -> None:
    jobs.failures.append(("submit", Throttled(retry_after=timedelta(minutes=7))))
    command = accepted(bridge, queues)

    submit_run(command, bridge)

    (copy,) = queues.sent[Queue.RUN_COMMANDS]
    assert copy.due == clock.now() + timedelta(minutes=7)
    assert copy.message_id != command.message_id, "duplicate detection would drop the retry"
    assert statuses(queues) == ["ACCEPTED", "SUBMITTING", "RETRY_SCHEDULED"]


def test_a_retry_that_cannot_be_reported_is_still_one_retry(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = accepted(bridge, queues)
    jobs.failures.append(("submit", Throttled()))
    send = queues.send

    def refuse_reports(queue: Queue, messages: Sequence[Message]) -> None:
        if queue is Queue.RUN_EVENTS:
            raise ServiceUnavailable
        send(queue, messages)

    monkeypatch.setattr(queues, "send", refuse_reports)

    submit_run(command, bridge)

    assert len(queues.sent[Queue.RUN_COMMANDS]) == 1


def test_giving_up_ends_the_run_and_keeps_a_dead_letter(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    jobs.failures.append(("submit", Throttled()))
    command = replace(accepted(bridge, queues), try_=2)

    submit_run(command, bridge)

    (letter,) = put_aside(queues)
    assert (letter.run_id, letter.reason) == (command.run_id, "GAVE_UP")
    assert statuses(queues)[-1] == "FAILED"
    assert not queues.sent[Queue.RUN_COMMANDS]


def test_it_does_not_give_up_while_azure_ml_does_not_say_that_there_is_no_job(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    jobs.failures += [("get", ServiceUnavailable()), ("get", ServiceUnavailable())]
    command = replace(accepted(bridge, queues), try_=2)

    submit_run(command, bridge)

    assert "FAILED" not in statuses(queues)
    assert len(queues.sent[Queue.RUN_COMMANDS]) == 1


def test_it_does_not_fail_a_run_whose_job_azure_ml_may_not_show(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    command = accepted(bridge, queues)
    submit_run(command, bridge)
    jobs.failures.append(("get", AccessDenied("no role", code="ACCESS_DENIED")))

    submit_run(command, bridge, redelivered=True)

    assert "FAILED" not in statuses(queues)
    assert len(queues.sent[Queue.RUN_COMMANDS]) == 1


def test_inputs_posted_as_null_or_in_another_spelling_are_submitted_as_they_were_checked(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    command = replace(accepted(bridge, queues), inputs={"as_of": "2026-11-01", "rows": None})

    submit_run(command, bridge)

    assert jobs.jobs[command.run_id].request.inputs == {"as_of": "2026-11-01", "rows": "1000"}


def test_giving_up_finds_a_job_that_was_made_after_all(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    command = accepted(bridge, queues)
    submit_run(command, bridge)
    jobs.failures += [("get", ServiceUnavailable())]

    submit_run(replace(command, try_=2), bridge)

    assert statuses(queues) == ["ACCEPTED", "SUBMITTED", "SUBMITTED"]


def test_other_work_under_the_same_key_leaves_the_job_alone(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    first = accepted(bridge, queues)
    submit_run(first, bridge)
    second = accepted(bridge, queues, request(as_of="2026-11-02"))

    submit_run(second, bridge)

    assert first.run_id == second.run_id
    assert jobs.jobs[first.run_id].request.inputs["as_of"] == "2026-11-01"
    assert statuses(queues)[-1] == "CONFLICT"


@pytest.mark.parametrize("redelivered", [True, False])
def test_a_conflict_is_found_on_every_delivery(bridge: Bridge, queues: MemoryQueues, *, redelivered: bool) -> None:
    submit_run(accepted(bridge, queues), bridge)

    submit_run(accepted(bridge, queues, request(as_of="2026-11-02")), bridge, redelivered=redelivered)

    assert statuses(queues)[-1] == "CONFLICT"


def test_a_job_that_azure_ml_refuses_ends_the_run_with_its_reason(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    jobs.failures.append(("submit", SubmissionRejected("no such component", code="USER_ERROR")))

    submit_run(accepted(bridge, queues), bridge)

    last = reported(queues)[-1]
    assert (last.status, last.error_code, last.error_message) == ("FAILED", "USER_ERROR", "no such component")
    assert not queues.sent[Queue.RUN_CONTROL]


@pytest.mark.parametrize(
    "change",
    [{"component": "azureml:evil:1"}, {"workspace": "other"}, {"pipeline": "unknown"}, {"inputs": {"rows": 1}}],
)
def test_the_queue_is_not_trusted(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs, change: dict[str, object]
) -> None:
    command = replace(accepted(bridge, queues), **change)  # type: ignore[arg-type]

    submit_run(command, bridge)

    assert not jobs.jobs
    assert statuses(queues)[-1] == "FAILED"


def test_a_newer_pinned_version_does_not_change_what_was_accepted(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    command = replace(accepted(bridge, queues), component="azureml:churn:2")

    submit_run(command, bridge)

    assert jobs.jobs[command.run_id].request.component == "azureml:churn:2"


def test_a_request_posted_to_the_queue_is_checked_and_submitted(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    wanted = request("posted")
    wanted = replace(wanted, origin=replace(wanted.origin, source="queue:run-commands", principal="queue:run-commands"))

    submit_request(wanted, bridge)

    assert len(jobs.jobs) == 1
    assert reported(queues)[-1].principal == "queue:run-commands"


def test_a_bad_request_posted_to_the_queue_is_rejected(bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs) -> None:
    submit_request(request("posted", rows="many"), bridge)

    assert not jobs.jobs
    assert statuses(queues) == ["REJECTED"]


def test_when_the_queues_fail_the_broker_is_left_to_deliver_again(
    bridge: Bridge, queues: MemoryQueues, jobs: MemoryJobs
) -> None:
    command = accepted(bridge, queues)
    queues.failures.append(ServiceUnavailable())

    with pytest.raises(ServiceUnavailable):
        submit_run(command, bridge)

    submit_run(command, bridge, redelivered=True)
    assert jobs.jobs[command.run_id].puts == 1
    assert statuses(queues)[-1] == "SUBMITTED"
