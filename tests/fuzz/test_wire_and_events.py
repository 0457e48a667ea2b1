"""Snowflake's wire format and inbound events, however odd: read, or refused as documented, in little work."""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.adapters.memory import MemoryQueues
from bridge.domain.errors import PoisonMessage
from bridge.domain.inbound import InboundEvent
from bridge.domain.queues import Queue
from bridge.handlers import lifecycle
from bridge.payloads import bodies, event_grid, lossless, snowflake_notifications
from bridge.payloads.control import read_control
from bridge.payloads.event_grid import UnreadableEvent
from bridge.payloads.external_function import UnusableRequest, WireRow, read_context, read_rows, unpack, write_rows
from bridge.ports import Bridge
from tests.fuzz import strategies
from tests.fuzz.strategies import as_json, changed
from tests.unit.invocations import BATCH_ID, batch, document

often = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: gzip.compress(body, mtime=0),
    "deflate": zlib.compress,
    "x-gzip": lambda body: gzip.compress(body, mtime=0)[:-1],
    "GZIP": bytes,
    "br": bytes,
    "gzip, gzip": bytes,
    "": bytes,
}
DOORS = ("workspace", "snowflake", "custom", "bridge", "unknown")
EVENT: dict[str, Any] = {
    "id": "e", "eventType": "Team.Done", "subject": "s", "eventTime": "2026-11-20T10:00:00Z", "topic": "t",
    "data": {"a": 1},
}  # fmt: skip
CLOUD_EVENT = {"specversion": "1.0", "id": "e", "type": "Team.Done", "source": "s", "time": "2026-11-20T10:00:00Z"}
NOTIFICATION = {**EVENT, "eventType": "eventgrid-notification", "data": '{"type": "Bridge.SubmitRun", "data": {}}'}
rows = st.lists(
    st.tuples(st.sampled_from(strategies.NUMBERS) | st.integers(-(10**17), 10**17), strategies.values).map(list),
    max_size=5,
)


# wire format


@given(body=strategies.bodies | rows.map(lambda found: as_json({"data": found}).encode()))
@often
def test_any_body_is_rows_or_is_refused_in_plain_words(body: bytes) -> None:
    found = rows_or_refusal(body)

    if isinstance(found, UnusableRequest):
        assert found.status == 400
        assert str(found).isprintable()
        assert len(str(found)) < 300
    else:
        assert all(type(row.number) is int and abs(row.number) < 10**18 for row in found)


def rows_or_refusal(body: bytes) -> list[WireRow] | UnusableRequest:
    try:
        return read_rows(body)
    except UnusableRequest as error:
        return error


@given(
    rows=st.lists(
        st.tuples(st.integers(-(10**17), 10**17), st.recursive(exact := st.none() | st.booleans() | st.integers()
        | strategies.whole_text | st.decimals(-(10**30), 10**30, allow_nan=False), st.lists, max_leaves=4)), max_size=5
    )
)  # fmt: skip
@often
def test_what_is_answered_is_read_as_the_same_rows(rows: list[tuple[int, Any]]) -> None:
    again = read_rows(write_rows(rows).encode())

    assert [(row.number, row.arguments) for row in again] == [(number, [value]) for number, value in rows]


@given(body=st.binary(max_size=100), claimed=st.sampled_from([*PACKERS]), real=st.sampled_from([*PACKERS]))
@often
def test_any_packing_is_undone_or_refused(body: bytes, claimed: str, real: str) -> None:
    try:
        unpacked = unpack(PACKERS[real](body), claimed)
    except UnusableRequest as error:
        assert error.status in {400, 415}  # noqa: PT017 - which of the two is said elsewhere
    else:
        assert unpacked == body or real != claimed


@given(headers=st.dictionaries(
    st.sampled_from(["sf-external-function-query-batch-id", "sf-external-function-current-query-id"]),
    strategies.whole_text,
))  # fmt: skip
@often
def test_any_context_is_ids_or_is_refused(headers: dict[str, str]) -> None:
    try:
        context = read_context(headers)
    except UnusableRequest as error:
        assert error.status == 400  # noqa: PT017
    else:
        assert all(one is None or len(one) <= 200 for one in (context.query_id, context.query_batch_id))


def test_a_row_number_that_no_batch_has_is_refused_before_a_message_is_made_of_it(
    bridge: Bridge, queues: MemoryQueues
) -> None:
    """The cancel was promised, and its message was then too long to be read."""
    longest, beyond = "9" * 18, "1" + "0" * 18
    run_id = "r-" + "a" * 26

    def answered(number: str) -> Any:
        body = f'{{"data": [[{number}, "{run_id}"]]}}'
        return lifecycle.cancel_run(batch(body=body), lambda: bridge)

    refused = answered(beyond)
    assert refused.status_code == 400
    assert "at most 18 digits" in document(refused)["detail"]
    assert answered("9" * 4300).status_code == 400
    assert not queues.sent[Queue.RUN_CONTROL]

    assert document(answered(longest))["data"][0][1]["status"] == "CANCEL_REQUESTED"
    (sent,) = queues.sent[Queue.RUN_CONTROL]
    assert len(sent.message_id) <= 128
    assert getattr(read_control(bodies.write(sent.body)), "origin", "") == f"{BATCH_ID}:{longest}"


# events


@given(
    body=strategies.bodies
    | st.sampled_from([EVENT, CLOUD_EVENT, NOTIFICATION]).flatmap(changed).map(lambda one: as_json(one).encode())
    | st.lists(changed(EVENT), max_size=3).map(lambda several: as_json(several).encode()),
    door=st.sampled_from(DOORS),
)
@often
def test_any_events_are_read_one_by_one_and_written_as_the_same(body: bytes, door: str) -> None:
    try:
        found = event_grid.read_each(body, door)
    except PoisonMessage as error:
        assert str(error).isprintable()  # noqa: PT017
        return
    for event in found:
        if isinstance(event, UnreadableEvent):
            lossless.loads(event.text, depth=lossless.OWN_DEPTH)
            assert event.reason
        elif event.event_type.lower() != snowflake_notifications.EVENT_TYPE:
            # What a notification had inside is not unwrapped a second time.
            text = bodies.write(InboundEvent(event=event, try_=0))
            assert event_grid.read_events(text, door) == [event]


@given(data=strategies.values, layers=st.integers(0, 6))
@often
def test_any_notification_is_unwrapped_or_left_as_it_is(data: Any, layers: int) -> None:
    for layer in range(layers):
        data = {"data": data} if layer % 2 else as_json(data)

    snowflake_notifications.unwrapped(data)


def test_text_in_text_in_text_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each layer doubles the escapes, so there are few layers in a message, and each is read once."""
    read: list[int] = []
    loads = lossless.loads

    def counted(text: str) -> Any:
        read.append(len(text))
        return loads(text)

    monkeypatch.setattr(lossless, "loads", counted)
    data: Any = {"type": "Team.Done", "data": {"a": 1}}
    while len(json.dumps(data)) < 200_000:
        data = json.dumps(data)

    snowflake_notifications.unwrapped(data)

    assert len(read) < 40
    assert sum(read) < 3 * len(data)
