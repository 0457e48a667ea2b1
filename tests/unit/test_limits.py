"""How much a caller may send: each limit at its edge and one beyond, and what the largest that is allowed costs."""

import gzip
import json
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from bridge.adapters.memory import MemoryQueues
from bridge.domain.errors import PoisonMessage
from bridge.domain.inputs import MAX_LENGTH
from bridge.domain.pipelines import MAX_INPUTS
from bridge.domain.records import Records
from bridge.handlers import lifecycle, outbound, queues, runs, snowflake, triggers
from bridge.payloads import commands, control, event_grid, limits, lossless, records
from bridge.payloads.external_function import UnusableRequest, read_rows, unpack
from bridge.ports import Bridge
from bridge.services import accept_runs, report, send_outbound
from tests.unit.invocations import SNOWFLAKE_HEADERS, document, http, message, problem
from tests.unit.requests import put_aside, reported

ROOT = Path(__file__).parents[2]


def rows_of(count: int) -> bytes:
    return json.dumps({"data": [[number] for number in range(count)]}).encode()


def test_a_batch_may_have_so_many_rows_and_not_one_more() -> None:
    assert len(read_rows(rows_of(limits.ROWS))) == limits.ROWS

    with pytest.raises(UnusableRequest, match=r"10,001 rows, 10,000 is the limit") as caught:
        read_rows(rows_of(limits.ROWS + 1))
    assert (caught.value.status, caught.value.code) == (413, "TOO_LARGE")


def test_no_row_of_a_batch_that_is_too_large_is_done(bridge: Bridge, queues: MemoryQueues) -> None:
    rows = [[number, "train", {"as_of": "2026-11-01"}, None] for number in range(limits.ROWS + 1)]
    request = http(body=json.dumps({"data": rows}), headers=SNOWFLAKE_HEADERS)

    found = problem(snowflake.submit_run(request, lambda: bridge), 413)

    assert found["code"] == "TOO_LARGE"
    assert not any(queues.sent.values())


def test_a_body_may_have_so_many_bytes_and_not_one_more() -> None:
    assert len(unpack(b" " * limits.BODY_BYTES, None)) == limits.BODY_BYTES
    packed = gzip.compress(b" " * limits.UNPACKED_BYTES, compresslevel=1)
    assert len(unpack(packed, "gzip")) == limits.UNPACKED_BYTES

    for body, encoding in (
        (b" " * (limits.BODY_BYTES + 1), None),
        (bytes(limits.BODY_BYTES + 1), "gzip"),
        (gzip.compress(b" " * (limits.UNPACKED_BYTES + 1), compresslevel=1), "gzip"),
    ):
        with pytest.raises(UnusableRequest, match="bytes: send less in one request") as caught:
            unpack(body, encoding)
        assert (caught.value.status, caught.value.code) == (413, "TOO_LARGE")


#: Documents with so many parts each.
SHAPES: dict[str, Callable[[int], str]] = {
    "numbers": lambda parts: "[" + "1," * (parts - 1) + "1]",
    "lists": lambda parts: "[" + "[]," * ((parts - 2) // 2) + "[]" + ",1" * (parts % 2) + "]",
    "objects": lambda parts: "[" + "{}," * ((parts - 2) // 2) + "{}" + ",1" * (parts % 2) + "]",
    "fields": lambda parts: "{" + ",".join(f'"k{number}":1' for number in range(parts)) + "}",
    "small objects": lambda parts: "[" + '{"a":1},' * ((parts - 2) // 2) + '{"a":1}' + ",1" * (parts % 2) + "]",
    "fractions": lambda parts: "[" + "0.1," * (parts - 1) + "0.1]",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_document_may_have_so_many_values_and_not_one_more(monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    monkeypatch.setattr(limits, "PARTS", 1_001)

    lossless.loads(SHAPES[shape](1_001))
    with pytest.raises(ValueError, match=r"more than 1,001 values"):
        lossless.loads(SHAPES[shape](1_002))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("shape", ["lists", "small objects"])
def test_what_the_largest_document_takes_of_memory(shape: str) -> None:
    """Measured, not hoped: an instance has 512 MB at least, and reads one such document at a time in most minutes."""
    text = SHAPES[shape](limits.PARTS)

    tracemalloc.start()
    lossless.loads(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 200_000_000


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + closing * depth


DOORS: dict[str, Callable[[func.HttpRequest, Callable[[], Bridge]], func.HttpResponse]] = {
    "submit_run": snowflake.submit_run,
    "ping": snowflake.ping,
    "cancel_run": lifecycle.cancel_run,
    "rerun": lifecycle.rerun,
    "replay": lifecycle.replay,
    "publish_event": outbound.publish_event,
    "send_message": outbound.send_message,
    "POST runs": runs.create,
    "POST events": outbound.create_event,
    "POST messages": outbound.create_message,
}


@pytest.mark.parametrize("depth", [101, 1_000, 10_000, 400_000])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_a_body_that_is_nested_too_deeply_is_a_clear_400(
    bridge: Bridge, door: str, depth: int, brackets: tuple[str, str]
) -> None:
    middle = "1" if brackets[0] != "[" else ""
    body = brackets[0] * depth + middle + brackets[1] * depth

    found = problem(DOORS[door](http(body=body, headers=SNOWFLAKE_HEADERS), lambda: bridge), 400)

    assert "nested too deeply" in found["detail"]


@pytest.mark.parametrize("depth", [121, 10_000, 400_000])
@pytest.mark.parametrize("read", [commands.read_submit, control.read_control, records.read_records])
def test_a_message_that_is_nested_too_deeply_is_put_aside(read: Callable[[str], Any], depth: int) -> None:
    with pytest.raises(PoisonMessage, match="nested too deeply"):
        read(nested(depth))


@pytest.mark.parametrize("depth", [98, 99, 500, 5_000])
def test_an_event_by_webhook_that_is_nested_too_deeply_fails_nothing(bridge: Bridge, depth: int) -> None:
    data: Any = 1
    for _ in range(depth):
        data = [data]
    event = func.EventGridEvent(
        id="e", data={"deep": data}, topic="t", subject="s", event_type="T", event_time=None, data_version="1"
    )

    triggers.workspace_event(event, bridge)


def test_inputs_as_deep_as_a_request_allows_reach_the_ledger_and_are_read_there(
    bridge: Bridge, queues: MemoryQueues
) -> None:
    """The request wraps them once, the ledger's message some times more."""
    body = f'{{"pipeline": "train", "inputs": {{"as_of": {nested(97)}}}}}'

    problem(runs.create(http(body=body), lambda: bridge), 422)

    (event,) = reported(queues)
    text = lossless.dumps(records.write_records(Records(run_events=(event,))))
    assert records.read_records(text).run_events == (event,)


def test_a_message_may_have_so_many_bytes_and_not_one_more(bridge: Bridge, queues: MemoryQueues) -> None:
    fits = json.dumps([{"x": "y" * (limits.MESSAGE_BYTES - 11)}]).encode()
    assert len(fits) == limits.MESSAGE_BYTES
    queues_handlers_ingest(fits, bridge)
    queues_handlers_ingest(fits[:-2] + b" }]", bridge)

    first, second = put_aside(queues)
    assert "an event names its type" in first.description
    assert second.description == "not usable: 2,097,153 bytes, 2,097,152 is the limit of a message"
    assert max(len(letter.body) for letter in (first, second)) <= 60_000


def queues_handlers_ingest(body: bytes, bridge: Bridge) -> None:
    queues.ingest(message(body, application_properties={"bridge_door": "custom"}), bridge)


def test_a_message_may_have_so_many_events_and_not_one_more() -> None:
    def events(count: int) -> str:
        return json.dumps([{"eventType": "T", "id": str(number)} for number in range(count)])

    assert len(event_grid.read_each(events(limits.EVENTS), "custom")) == limits.EVENTS
    with pytest.raises(PoisonMessage, match="5,001 events, 5,000 is the limit"):
        event_grid.read_each(events(limits.EVENTS + 1), "custom")


HEADERS = [
    "authorization", "content-encoding", "content-type", "idempotency-key", "sf-external-function-current-query-id",
    "sf-external-function-query-batch-id", "traceparent", "x-bridge-source", "x-correlation-id", "x-forwarded-host",
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize(
    "value",
    ["x" * 100_000, "a\r\nx-evil: 1", "a\nb", "\x00", "ü" * 50, "\ud800"],
    ids=["long", "crlf", "lf", "nul", "foreign", "half"],
)
def test_no_header_breaks_a_request_or_is_repeated_at_length(
    bridge: Bridge, queues: MemoryQueues, header: str, value: str
) -> None:
    body = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}}

    answer = runs.create(http(body=body, headers={header: value}), lambda: bridge)

    assert answer.status_code in {202, 400, 415}
    assert len(answer.get_body()) < 2_000
    for name, sent in answer.headers.items():
        assert sent.isprintable(), name
        assert len(sent) <= 200, name
    for event in reported(queues):
        assert len(lossless.dumps(records.row(event))) < 2_000


def test_many_headers_and_parameters_break_nothing(bridge: Bridge) -> None:
    headers = {f"x-{number}": "y" * 100 for number in range(10_000)}
    params = {f"p{number}": "y" for number in range(10_000)}

    assert runs.pipelines(http("GET", headers=headers, params=params), lambda: bridge).status_code == 200
    found = problem(runs.listing(http("GET", headers=headers, params=params), lambda: bridge), 400)
    assert len(found["detail"]) < 2_000


def test_the_largest_answer_of_a_batch_is_one_that_snowflake_takes(bridge: Bridge) -> None:
    """10 MB; every row is refused for as many reasons as there can be, in as many words."""
    inputs = {f"{'n' * 150}{number}": "\x01" * 10 for number in range(20)}
    rows = [[number, "train", {**inputs, "as_of": "x" * 4_000, "rows": "y" * 4_000}, None] for number in range(100)]

    answer = snowflake.submit_run(http(body=json.dumps({"data": rows}), headers=SNOWFLAKE_HEADERS), lambda: bridge)

    assert answer.status_code == 200
    assert len(document(answer)["data"]) == 100
    assert len(answer.get_body()) < 10_000_000


#: The table of SECURITY.md: what it says of each limit, and the constant that holds it.
DOCUMENTED = {
    "a request's body": (limits.BODY_BYTES // 1024**2, limits.UNPACKED_BYTES // 1024**2),
    "values in a document": (limits.PARTS,),
    "nesting": (lossless.FOREIGN_DEPTH,),
    "digits of a number": (lossless.MAX_DIGITS,),
    "rows of a batch": (limits.ROWS,),
    "a message of a queue": (limits.MESSAGE_BYTES // 1024**2, limits.EVENTS),
    "a run's request": (report.MESSAGE_LIMIT_BYTES // 1024,),
    "inputs": (MAX_INPUTS, MAX_LENGTH),
    "an idempotency key, a pipeline's name": (accept_runs.KEY_LIMIT, accept_runs.NAME_LIMIT),
    "an event": (send_outbound.EVENT_LIMIT_BYTES // 1000, send_outbound.TYPE_LIMIT, send_outbound.SUBJECT_LIMIT),
}  # fmt: skip


def test_security_md_tells_the_limits_as_they_are() -> None:
    section = (ROOT / "SECURITY.md").read_text().partition("## Limits")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", section, re.MULTILINE))

    for name, numbers in DOCUMENTED.items():
        told = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", rows[name])]
        assert told[: len(numbers)] == list(numbers), name
