"""A trace's place in a text, and the trace that a query's id stands for."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.commands import Origin
from bridge.domain.trace import Trace

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("03", True), ("02", False)])
def test_a_traceparent_is_read_and_written(flags: str, sampled: bool) -> None:
    trace = Trace.read(f"00-{TRACE_ID}-{SPAN_ID}-{flags}")

    assert trace == Trace(trace_id=TRACE_ID, span_id=SPAN_ID, sampled=sampled)
    assert trace.traceparent == f"00-{TRACE_ID}-{SPAN_ID}-{int(sampled):02}"


def test_what_later_versions_add_is_left_alone() -> None:
    assert Trace.read(f"01-{TRACE_ID}-{SPAN_ID}-01-what-the-future-adds") is not None


@pytest.mark.parametrize(
    "text",
    [
        None, "", "x" * 3000, "00-xyz-1-2", "a-b-c-d", f"ff-{TRACE_ID}-{SPAN_ID}-01", f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01", f"00-{TRACE_ID.upper()}-{SPAN_ID}-01", f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{TRACE_ID}-{SPAN_ID}", f"00-{TRACE_ID}-{SPAN_ID}-01\n",
    ],
)  # fmt: skip
def test_what_is_no_traceparent_names_no_place(text: str | None) -> None:
    assert Trace.read(text) is None


@given(st.text(max_size=300))
def test_any_text_stands_for_one_trace(text: str) -> None:
    trace = Trace.derived(text)

    assert trace == Trace.derived(text)
    assert trace.trace_id == hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
    assert Trace.read(trace.traceparent) is not None
    assert Trace.of_id(trace.trace_id) is not None


@pytest.mark.parametrize("text", [None, "", "0" * 32, "xyz", TRACE_ID.upper(), TRACE_ID + "0"])
def test_what_is_no_id_of_a_trace_names_none(text: str | None) -> None:
    assert Trace.of_id(text) is None


@pytest.mark.parametrize(
    ("traceparent", "query_id", "expected"),
    [
        (f"00-{TRACE_ID}-{SPAN_ID}-01", "q1", TRACE_ID),
        ("garbage", "q1", Trace.derived("q1").trace_id),
        (None, "q1", Trace.derived("q1").trace_id),
        (None, None, Trace.derived("c1").trace_id),
    ],
)
def test_a_request_always_has_a_trace(traceparent: str | None, query_id: str | None, expected: str) -> None:
    origin = Origin(source="s", principal="p", correlation_id="c1", query_id=query_id, traceparent=traceparent)

    assert origin.trace_id == expected
