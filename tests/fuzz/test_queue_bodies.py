"""Bodies of the queues, however odd: a command or a refusal, and what a command makes the app send is readable."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain.commands import CheckRun
from bridge.domain.errors import PoisonMessage, ServiceUnavailable
from bridge.domain.queues import Queue
from bridge.handlers import queues as handlers
from bridge.payloads import bodies, event_grid, lossless
from bridge.payloads.commands import read_submit
from bridge.payloads.control import read_control, write_control
from bridge.payloads.records import ledger_rows, read_records, write_records
from bridge.ports import Bridge
from bridge.services.check_chain import due_at, schedule_next
from tests.fuzz import strategies
from tests.fuzz.strategies import as_json, changed
from tests.unit.invocations import message

RUN_ID = "r-" + "a" * 26
#: The broker's own.
MESSAGE_ID_LIMIT = 128
OCCASION = {
    "rule": "r",
    "action_id": "a",
    "event_id": "e",
    "event_type": "t",
    "event_time": "2026-11-20T10:00:00Z",
    "correlation_id": "c",
    "run_id": RUN_ID,
}
REQUEST: dict[str, Any] = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}, "idempotency_key": "k"}
COMMAND = {**REQUEST, "run_id": RUN_ID, "workspace": "ws1", "component": "azureml:churn:3", "correlation_id": "c"} | {
    "row_number": 0,
    "batch_rows": 1,
    "accepted_at": "2026-11-20T10:00:00Z",
}
SUBMITS: list[dict[str, Any]] = [REQUEST, COMMAND]
PUBLISHED = {"event_id": "e", "event_type": "t", "subject": "s", "occurred_at": "2026-11-20T10:00:00Z"}
CONTROLS: list[dict[str, Any]] = [
    {"op": "check", "run_id": RUN_ID, "workspace": "ws1", "step": 1, "submitted_at": "2026-11-20T09:59:00Z"},
    {"op": "cancel", "run_id": RUN_ID, "requested_at": "2026-11-20T10:00:00Z", "principal": "key"},
    {"op": "notify", "occasion": OCCASION, "channel": "ops", "title": "t", "text": "x", "event": {"a": 1}},
    {"op": "publish", "topic": "main", "events": [PUBLISHED]},
    {"op": "run_data_factory", "occasion": OCCASION, "factory": "laptop-factory", "pipeline": "copy-scores"},
    {
        "op": "deploy", "occasion": OCCASION, "workspace": "ws1", "endpoint": "churn-online", "deployment": "churn-4",
        "model_name": "churn", "model_version": "4", "instance_type": "Standard_DS3_v2", "step": 0,
    },
]  # fmt: skip
FACT = {"event_id": "e", "run_id": RUN_ID, "is_job_fact": True, "attempt": 0, "status": "RUNNING", "rank": 120}
RECORDS: dict[str, Any] = {"run_events": [{**FACT, "occurred_at": "2026-11-20T10:00:00Z"}]}
READERS: dict[Queue, Callable[[str | bytes], object]] = {
    Queue.RUN_COMMANDS: read_submit,
    Queue.RUN_CONTROL: read_control,
    Queue.RUN_EVENTS: read_records,
    Queue.INBOUND_EVENTS: lambda text: event_grid.read_each(text, "custom"),
}

often = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
#: Numbers above all: they are what a count, a delay or an id is made of.
edges = st.sampled_from(strategies.NUMBERS) | strategies.values


def spoilt(good: list[dict[str, Any]]) -> st.SearchStrategy[str]:
    return st.sampled_from(good).flatmap(lambda body: changed(body, edges)).map(as_json)


def used(bridge: Bridge, *, away: bool) -> Bridge:
    """The bridge with nothing in it; `away`: whatever it asks does not answer."""
    jobs = MemoryJobs(bridge.clock)  # type: ignore[arg-type]
    if away:
        names = ("submit", "get", "details", "cancel")
        jobs.failures += [(name, ServiceUnavailable("away")) for name in names for _ in range(3)]
    return replace(bridge, sender=MemoryQueues(), jobs=jobs, ledger=MemoryLedger())


def assert_readable(bridge: Bridge) -> None:
    """What was sent is read by the one who gets it, and fits into a message."""
    assert isinstance(bridge.sender, MemoryQueues)
    for queue, messages in bridge.sender.sent.items():
        for sent in messages:
            assert len(sent.message_id) <= MESSAGE_ID_LIMIT
            READERS[queue](bodies.write(sent.body))


@given(body=spoilt(SUBMITS), away=st.booleans(), redelivered=st.booleans())
@often
def test_any_submit_is_handled_and_what_it_sends_is_readable(
    bridge: Bridge, body: str, away: bool, redelivered: bool
) -> None:
    bridge = used(bridge, away=away)
    arrived = message(body, delivery_count=1 + redelivered)

    handlers.execute(arrived, bridge)
    handlers.dead(arrived, Queue.RUN_COMMANDS, bridge)

    assert_readable(bridge)


@given(body=spoilt(CONTROLS), away=st.booleans())
@often
def test_any_control_is_handled_and_what_it_sends_is_readable(bridge: Bridge, body: str, away: bool) -> None:
    bridge = used(bridge, away=away)
    arrived = message(body)

    handlers.control(arrived, bridge)
    handlers.dead(arrived, Queue.RUN_CONTROL, bridge)

    assert_readable(bridge)


@given(body=strategies.bodies | spoilt([RECORDS, *SUBMITS, *CONTROLS]).map(str.encode))
@often
def test_any_body_is_read_or_refused_by_every_reader(body: bytes) -> None:
    for read in READERS.values():
        refusal = refused(read, body)
        assert refusal is None or (refusal.isprintable() and len(refusal) < 2000)


def refused(read: Callable[[str | bytes], object], body: bytes) -> str | None:
    try:
        read(body)
    except PoisonMessage as error:
        return str(error)
    return None


@given(body=spoilt(CONTROLS))
@often
def test_a_control_that_is_read_is_written_and_read_as_the_same(body: str) -> None:
    try:
        command = read_control(body)
    except PoisonMessage:
        return

    assert read_control(lossless.dumps(write_control(command))) == command


@given(body=spoilt([RECORDS]))
@often
def test_records_that_are_read_are_written_and_read_as_the_same(body: str) -> None:
    try:
        records = read_records(body)
    except PoisonMessage:
        return

    assert read_records(lossless.dumps(write_records(records))) == records
    with_care = {table: ",".join(texts) for table, texts in ledger_rows(f"{body} ".encode()).items()}
    as_they_came = {table: ",".join(texts) for table, texts in ledger_rows(body.encode()).items()}
    assert {table: lossless.loads(f"[{texts}]") for table, texts in as_they_came.items()} == {
        table: lossless.loads(f"[{texts}]") for table, texts in with_care.items()
    }


# found by the tests above, kept by name

HUGE = "9" * 4300


@pytest.mark.parametrize("name", ["try", "attempt"])
@pytest.mark.parametrize("body", [*SUBMITS, *CONTROLS], ids=lambda body: str(body.get("op", len(body))))
def test_a_count_beyond_all_counting_is_poison_and_not_a_crash_one_try_later(
    bridge: Bridge, body: dict[str, Any], name: str
) -> None:
    """Python reads a number of 4,300 digits and writes none of 4,301: the next try could not be named."""
    bridge = used(bridge, away=True)
    text = json.dumps({**body, name: 0}).replace(f'"{name}": 0', f'"{name}": {HUGE}')
    queue = Queue.RUN_CONTROL if "op" in body else Queue.RUN_COMMANDS
    handle = handlers.control if "op" in body else handlers.execute

    handle(message(text), bridge)
    handlers.dead(message(text), queue, bridge)

    assert_readable(bridge)
    with pytest.raises(PoisonMessage, match=f"{name}: (Input should be less than or equal to|Extra inputs)"):
        READERS[queue](text)


def test_a_check_of_a_job_from_another_century_goes_on_in_one_step(bridge: Bridge) -> None:
    """It was walked there hour by hour, to a step that its own reader then refused."""
    bridge = used(bridge, away=False)
    body = json.dumps({**CONTROLS[0], "submitted_at": "1970-01-01T00:00:00Z"})

    handlers.dead(message(body), Queue.RUN_CONTROL, bridge)

    assert isinstance(bridge.sender, MemoryQueues)
    (check,) = bridge.sender.sent[Queue.RUN_CONTROL]
    assert check.due is not None
    assert timedelta() < check.due - bridge.clock.now() <= timedelta(hours=1)


@given(st.integers(1, 900), st.integers(0, 50_000))
@settings(deadline=None)
def test_the_next_step_is_the_first_one_that_is_ahead(step: int, minutes: int) -> None:
    clock = MemoryClock()
    submitted_at = clock.now() - timedelta(minutes=minutes)
    check = CheckRun(run_id=RUN_ID, workspace="ws1", step=step, submitted_at=submitted_at)
    expected = next(
        later
        for later in (replace(check, step=number) for number in itertools.count(step + 1))
        if due_at(later) > clock.now()
    )

    sent = MemoryQueues()
    schedule_next(check, SimpleNamespace(clock=clock, sender=sent))  # type: ignore[arg-type]

    assert [message.body for message in sent.sent[Queue.RUN_CONTROL]] == [expected]
