"""Spans of what triggers bring: whose children they are, what they say, and what they never say."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest
from opentelemetry import context as contexts
from opentelemetry import trace as api
from opentelemetry.trace import SpanKind

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues
from bridge.domain import masking, signals
from bridge.domain.commands import CheckRun, SubmitRun
from bridge.domain.errors import ConfigurationError, PermanentError
from bridge.domain.queues import Queue
from bridge.domain.trace import Trace
from bridge.handlers import queues as queue_handlers
from bridge.handlers import runs, snowflake
from bridge.payloads import bodies
from bridge.ports import Bridge
from tests.unit.invocations import SNOWFLAKE_HEADERS, batch, document, http, message
from tests.unit.recorded import Recorded, parent_id, span_id, trace_id
from tests.unit.requests import reported

CALLER = Trace(trace_id="0af7651916cd43dd8448eb211c80319c", span_id="b7ad6b7169203331")
QUERY = Trace.derived(SNOWFLAKE_HEADERS["sf-external-function-current-query-id"])
GOOD = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}, "idempotency_key": "k1"}
ROW = [0, "train", {"as_of": "2026-11-01"}, "k1"]
ROUTE = "POST /api/v1"


@pytest.fixture
def told() -> Recorded:
    return Recorded()


@pytest.fixture
def told_of(bridge: Bridge, told: Recorded) -> Bridge:
    return replace(bridge, telemetry=told.telemetry)


def create(bridge: Bridge, **headers: str) -> func.HttpResponse:
    return runs.create(http(body=GOOD, headers=headers), lambda: bridge)


def command(queues: MemoryQueues) -> SubmitRun:
    body = queues.sent[Queue.RUN_COMMANDS][-1].body
    assert isinstance(body, SubmitRun)
    return body


@pytest.fixture
def around() -> Iterator[Trace]:
    """A span of the platform's round the call, as its worker hands it on."""
    span = api.NonRecordingSpan(
        api.SpanContext(int("c" * 32, 16), int("d" * 16, 16), is_remote=True, trace_flags=api.TraceFlags(1))
    )
    token = contexts.attach(api.set_span_in_context(span))
    yield Trace(trace_id="c" * 32, span_id="d" * 16)
    contexts.detach(token)


# Where a request belongs


def test_a_request_goes_on_in_its_callers_trace(told_of: Bridge, told: Recorded, queues: MemoryQueues) -> None:
    answer = create(told_of, traceparent=CALLER.traceparent)

    span = told.span(ROUTE)
    assert (span.kind, trace_id(span), parent_id(span)) == (SpanKind.SERVER, CALLER.trace_id, CALLER.span_id)
    assert answer.headers["x-trace-id"] == document(answer)["trace_id"] == CALLER.trace_id
    assert Trace.read(command(queues).origin.traceparent) == Trace(trace_id=CALLER.trace_id, span_id=span_id(span))
    assert {event.trace_id for event in reported(queues)} == {CALLER.trace_id}


@pytest.mark.parametrize("header", ["", CALLER.traceparent], ids=["none", "the gateway's"])
def test_every_batch_of_a_query_is_in_the_querys_trace(
    told_of: Bridge, told: Recorded, queues: MemoryQueues, header: str
) -> None:
    for number in "12":
        snowflake.submit_run(
            batch(ROW, traceparent=header, sf_external_function_query_batch_id=number), lambda: told_of
        )

    first, second = told.spans
    assert trace_id(first) == trace_id(second) == command(queues).origin.trace_id == QUERY.trace_id
    assert first.parent is None
    assert [f"{link.context.trace_id:032x}" for link in first.links] == ([CALLER.trace_id] if header else [])


def test_without_anybodys_trace_a_request_begins_one(told_of: Bridge, told: Recorded) -> None:
    answers = [create(told_of, x_correlation_id="c"), create(told_of)]

    assert [trace_id(span) for span in told.spans] == [answer.headers["x-trace-id"] for answer in answers]
    assert len({trace_id(span) for span in told.spans}) == 2


def test_the_platforms_span_is_not_told_a_second_time(told_of: Bridge, told: Recorded, around: Trace) -> None:
    create(told_of)
    create(told_of, traceparent=f"00-{around.trace_id}-{'e' * 16}-01")
    snowflake.submit_run(batch(ROW), lambda: told_of)

    adopted, continued, of_query = told.spans
    for span in (adopted, continued):
        assert (span.kind, parent_id(span), trace_id(span)) == (SpanKind.INTERNAL, around.span_id, around.trace_id)
    assert (of_query.kind, trace_id(of_query)) == (SpanKind.SERVER, QUERY.trace_id)
    assert [f"{link.context.trace_id:032x}" for link in of_query.links] == [around.trace_id]


def test_a_trace_that_is_not_sampled_stays_so(told_of: Bridge, told: Recorded, queues: MemoryQueues) -> None:
    create(told_of, traceparent=replace(CALLER, sampled=False).traceparent)

    assert told.spans == []
    assert (command(queues).origin.traceparent or "").endswith("-00")


def test_without_telemetry_the_trace_is_the_same(bridge: Bridge, queues: MemoryQueues) -> None:
    create(bridge, traceparent=CALLER.traceparent)
    with_caller = command(queues).origin
    snowflake.submit_run(batch(ROW), lambda: bridge)

    assert with_caller.traceparent == CALLER.traceparent
    assert command(queues).origin.traceparent == QUERY.traceparent


def test_wrong_settings_are_answered_without_telemetry() -> None:
    def broken() -> Bridge:
        raise ConfigurationError(["A is not set"])

    answer = runs.create(http(body=GOOD, headers={"traceparent": CALLER.traceparent}), broken)

    assert (answer.status_code, answer.headers["x-trace-id"]) == (503, CALLER.trace_id)


# What goes on from it


def test_a_runs_messages_stay_in_its_trace(told_of: Bridge, told: Recorded, queues: MemoryQueues) -> None:
    create(told_of, traceparent=CALLER.traceparent)
    sent = command(queues)
    queue_handlers.execute(message(bodies.write(sent)), told_of)
    check = queues.sent[Queue.RUN_CONTROL][-1].body
    assert isinstance(check, CheckRun)
    queue_handlers.control(message(bodies.write(check)), told_of)

    accept, execute, control = told.spans
    assert [span.name for span in told.spans] == [ROUTE, "process run-commands", "process run-control"]
    assert {trace_id(span) for span in told.spans} == {CALLER.trace_id}
    assert (execute.kind, parent_id(execute)) == (SpanKind.CONSUMER, span_id(accept))
    assert (control.attributes or {})[signals.RUN_ID] == sent.run_id
    assert {event.trace_id for event in reported(queues)} == {CALLER.trace_id}


def test_a_message_goes_on_where_it_was_sent(told_of: Bridge, told: Recorded) -> None:
    check = bodies.write(CheckRun(run_id="r-" + "a" * 26, workspace="ws1", step=1))
    properties = {"Diagnostic-Id": CALLER.traceparent}

    queue_handlers.control(message(check, application_properties=properties), told_of)

    assert parent_id(told.span("process run-control")) == CALLER.span_id


def test_a_posted_request_has_its_senders_trace_or_one_of_its_own(
    told_of: Bridge, jobs: MemoryJobs, told: Recorded
) -> None:
    posted = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}}
    queue_handlers.execute(
        message(posted, message_id="with", application_properties={"traceparent": CALLER.traceparent}), told_of
    )
    for delivery in (1, 2):
        queue_handlers.execute(message(posted, message_id="without", delivery_count=delivery), told_of)

    tags = [job.request.tags["bridge_trace_id"] for job in jobs.jobs.values()]
    assert tags == [CALLER.trace_id, Trace.derived("without").trace_id]
    assert [trace_id(span) for span in told.spans] == [tags[0], tags[1], tags[1]]


def test_a_batch_of_rows_is_linked_to_the_traces_that_they_came_from(
    told_of: Bridge, told: Recorded, clock: MemoryClock
) -> None:
    others = [Trace.derived(text) for text in "aab"]
    early = clock.now() - timedelta(seconds=90)
    body = '{"run_events":[],"schema_version":1,"try":0}'

    queue_handlers.record(
        [
            message(body, application_properties={"traceparent": each.traceparent}, enqueued_time_utc=early)
            for each in others
        ],
        told_of,
    )

    span = told.span("process run-events")
    assert span.parent is None
    assert {f"{link.context.trace_id:032x}" for link in span.links} == {each.trace_id for each in others}
    told_here = span.attributes or {}
    assert (told_here["messaging.batch.message_count"], told_here["bridge.queue.lag"]) == (3, 90)
    ((_, size),) = told.points(signals.BATCH_SIZE.name)
    ((attributes, lag),) = told.points(signals.QUEUE_LAG.name)
    assert (size.sum, size.count) == (3, 1)
    assert (attributes, lag.sum) == ({"bridge.queue": "run-events"}, 90)


def test_how_late_the_ledger_is_is_told_of_every_fact(
    told_of: Bridge, told: Recorded, queues: MemoryQueues, clock: MemoryClock
) -> None:
    create(told_of)
    sent = [message(bodies.write(each.body)) for each in queues.sent[Queue.RUN_EVENTS]]
    clock.advance(timedelta(seconds=40))

    queue_handlers.record(sent, told_of)

    ((_, lag),) = told.points(signals.RECORD_LAG.name)
    assert (lag.sum, lag.count) == (40, 1)


# What spans say


def test_a_span_says_what_was_asked_and_how_it_was_answered(told_of: Bridge, told: Recorded) -> None:
    snowflake.submit_run(batch(ROW), lambda: told_of)
    runs.show(http("GET", run_id="r-x", headers={"x-correlation-id": "c"}), lambda: told_of)

    assert dict(told.spans[0].attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/api/v1",
        "http.response.status_code": 200,
        "bridge.correlation_id": SNOWFLAKE_HEADERS["sf-external-function-query-batch-id"],
        "snowflake.query_id": SNOWFLAKE_HEADERS["sf-external-function-current-query-id"],
    }
    assert (told.spans[1].attributes or {})["http.response.status_code"] == 404
    assert told.spans[1].status.is_unset, "who asks for what is not there has no fault of ours"


@pytest.mark.parametrize(
    ("url", "given", "route"),
    [
        ("http://h/api/v1/dashboard", {"path": ""}, "/api/v1/dashboard"),
        ("http://h/api/v1/dashboard/runs/r-1", {"path": "runs/r-1"}, "/api/v1/dashboard/{path}"),
        ("http://h/api/v1/dead-letters/a%20b/replay", {"id": "a b"}, "/api/v1/dead-letters/{id}/replay"),
        ("http://[h/api/v1/runs", {}, ""),
    ],
)
def test_a_route_has_names_in_the_place_of_what_differs(
    told_of: Bridge, told: Recorded, url: str, given: dict[str, str], route: str
) -> None:
    request = func.HttpRequest(method="GET", url=url, headers={}, params={}, route_params=given, body=b"")

    runs.pipelines(request, lambda: told_of)

    assert (told.spans[0].attributes or {})["http.route"] == route


def test_an_unreadable_message_is_told_too(told_of: Bridge, told: Recorded) -> None:
    queue_handlers.execute(message("{"), told_of)

    assert told.span("process run-commands").status.is_unset


SECRET = "planted/secret+value=="


@pytest.fixture
def hidden() -> Iterator[None]:
    kept = masking._HIDDEN[:]
    masking.hide([SECRET])
    yield
    masking._HIDDEN[:] = kept


@pytest.mark.usefixtures("hidden")
def test_no_signal_tells_a_secret(told: Recorded) -> None:
    def fail() -> None:
        attributes: dict[str, Any] = {"a": f"x {SECRET}", "n": 5}
        with told.telemetry.span(f"call {SECRET}", signals.SpanKind.CLIENT, attributes=attributes) as span:
            span.tell({"b": SECRET, "c": "https://x/y?sig=abcdef12"})
            raise PermanentError(f"refused {SECRET}", code="REFUSED")

    with pytest.raises(PermanentError):
        fail()
    told.telemetry.count(signals.RETRIES, 1, {signals.OPERATION: SECRET})
    told.telemetry.measure(signals.QUEUE_LAG, 1, {signals.QUEUE: SECRET})
    with told.tracers.get_tracer("a library").start_as_current_span(f"GET {SECRET}") as foreign:
        foreign.set_attribute("url.full", f"https://hook/{SECRET}")
        foreign.set_attribute("texts", [SECRET])
        foreign.add_event("exception", {"exception.message": SECRET})
        foreign.set_status(api.StatusCode.ERROR, SECRET)

    ours, others = told.spans
    text = "".join(span.to_json() for span in told.spans)
    text += str([told.points(name) for name in (signals.RETRIES.name, signals.QUEUE_LAG.name)])
    assert SECRET not in text
    assert "abcdef12" not in text
    assert (ours.name, dict(ours.attributes or {})["n"]) == ("call ***", 5)
    assert dict(ours.attributes or {})["error.type"] == "REFUSED"
    assert not ours.status.is_ok
    assert ours.events == (), "an exception's text may hold an input"
    assert others.name == "GET ***"


@pytest.mark.usefixtures("hidden")
def test_a_failure_passes_and_leaves_the_work_as_it_was(told: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ZeroDivisionError), told.telemetry.span("work", signals.SpanKind.INTERNAL):
        1 / 0  # noqa: B018 - it fails

    assert (told.span("work").attributes or {})["error.type"] == "ZeroDivisionError"
    assert told.telemetry.around() is None
    assert caplog.record_tuples == []
    assert logging.getLogger("opentelemetry").level == logging.NOTSET
