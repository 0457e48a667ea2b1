"""What holds for every request and every message, however odd: an answer or a rest in DEAD_LETTERS, never a crash."""

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import azure.functions as func
from azure.functions.servicebus import ServiceBusMessage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.adapters.memory import MemoryJobs, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain.queues import Queue
from bridge.handlers import queues as handlers
from bridge.handlers import runs, snowflake
from bridge.ports import Bridge
from tests.unit.invocations import SNOWFLAKE_HEADERS, document, http, message

any_request = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
words = ["train", "as_of", "2026-11-01", "rows", "k", "data", "pipeline", "inputs", "idempotency_key", "dry_run", "op"]
words += ["check", "cancel", "run_id", "r-" + "a" * 26, "workspace", "ws1", "eventType", "\ud800", "\x00", "ä😀", "try"]
texts = st.sampled_from(words) | st.text(max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.just(10**40)


def nested(scalars: st.SearchStrategy[Any], texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
    )


values = nested(scalars, texts)
inputs = st.fixed_dictionaries({"as_of": st.just("2026-11-01") | values}) | st.dictionaries(texts, values, max_size=3)
requests = st.fixed_dictionaries(
    {"pipeline": st.just("train") | values},
    optional={"inputs": inputs | values, "idempotency_key": texts, "dry_run": values},
)
#: What JSON has, and no more: neither NaN nor half characters.
whole = texts.filter(lambda text: text != "\ud800")
plain = nested(st.none() | st.booleans() | st.integers() | st.floats(-1e30, 1e30) | whole, whole)
plain_inputs = st.dictionaries(whole, plain, max_size=3) | st.just({"as_of": "2026-11-01"})
call = st.tuples(st.just("train") | plain, plain_inputs | plain, whole | plain).map(list)
arguments = call | st.lists(plain, max_size=4)
rows = st.lists(st.tuples(st.integers(-5, 10**17), arguments).map(lambda row: [row[0], *row[1]]), max_size=6)
fragments = st.lists(st.sampled_from([*'{}[],:"01-.eE\\u', "data", "pipeline", '"train"', "null", "\ud83d", " "]))
bodies = st.one_of(
    st.binary(max_size=40),
    fragments.map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass")),
    (values | requests | st.fixed_dictionaries({"data": rows | values})).map(lambda value: json.dumps(value).encode()),
)
encodings: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": bytes,
    "GZIP": bytes,
}


def emptied(bridge: Bridge) -> Bridge:
    """The bridge with nothing in its queues and in AML: one example does not see another one's traces."""
    return replace(bridge, sender=MemoryQueues(), jobs=MemoryJobs(bridge.clock), ledger=MemoryLedger())  # type: ignore[arg-type]


def answered(response: func.HttpResponse) -> Any:
    """The answer's document; a crash, a 5xx or a problem of another shape fails the test."""
    assert response.status_code in {200, 202} or 400 <= response.status_code < 500, response.get_body()
    found = document(response)
    if response.status_code >= 400:
        assert response.mimetype == "application/problem+json"
        assert set(found) >= {"type", "title", "status", "detail", "correlation_id"}
    return found


@given(body=bodies, encoding=st.sampled_from(list(encodings)))
@any_request
def test_any_body_is_answered_at_every_door(bridge: Bridge, body: bytes, encoding: str) -> None:
    bridge = emptied(bridge)
    headers = {**SNOWFLAKE_HEADERS, "content-encoding": encoding}
    packed = encodings[encoding](body)

    for handle in (snowflake.submit_run, snowflake.ping, runs.create):
        answered(handle(http(body=packed, headers=headers), lambda: bridge))


@given(rows=rows)
@any_request
def test_any_rows_are_answered_each_once_in_their_order(bridge: Bridge, rows: list[list[Any]]) -> None:
    bridge = emptied(bridge)
    response = snowflake.submit_run(http(body=json.dumps({"data": rows}), headers=SNOWFLAKE_HEADERS), lambda: bridge)

    found = answered(response)["data"]

    assert [row[0] for row in found] == [row[0] for row in rows]
    assert all(len(row) == 2 and row[1]["status"] in {"ACCEPTED", "REJECTED"} for row in found)
    assert all(("error" in row[1]) == (row[1]["status"] == "REJECTED") for row in found)


@given(body=requests)
@any_request
def test_any_run_request_is_accepted_or_told_why_not(bridge: Bridge, body: dict[str, Any]) -> None:
    bridge = emptied(bridge)

    answered(runs.create(http(body=json.dumps(body)), lambda: bridge))


@given(
    params=st.dictionaries(
        st.sampled_from(["status", "pipeline", "query_batch_id", "since", "limit", "offset", "x", "code"]),
        st.text(max_size=8) | st.integers().map(str) | st.datetimes(timezones=st.none() | st.timezones()).map(str),
    )
)
@any_request
def test_any_query_is_answered(bridge: Bridge, params: dict[str, str]) -> None:
    answered(runs.listing(http("GET", params=params), lambda: bridge))


@given(run_id=st.text(max_size=40))
@any_request
def test_any_run_id_is_answered(bridge: Bridge, run_id: str) -> None:
    for handle in (runs.show, runs.cancel):
        answered(handle(http("GET", run_id=run_id), lambda: bridge))


@given(body=bodies, delivery=st.integers(0, 12), message_id=st.text(max_size=10))
@any_request
def test_no_body_of_a_message_makes_a_handler_raise(
    bridge: Bridge, body: bytes, delivery: int, message_id: str
) -> None:
    bridge = emptied(bridge)
    arrived: ServiceBusMessage = message(body, delivery_count=delivery, message_id=message_id)

    handlers.execute(arrived, bridge)
    handlers.control(arrived, bridge)
    handlers.ingest(arrived, bridge)
    handlers.record([arrived, arrived], bridge)
    for queue in (Queue.RUN_COMMANDS, Queue.RUN_CONTROL, Queue.INBOUND_EVENTS):
        handlers.dead(arrived, queue, bridge)
