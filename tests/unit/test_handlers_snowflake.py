"""`submit_run` as Snowflake calls it: each row is answered as data, only an unusable request is an error."""

import gzip
import json
import zlib
from dataclasses import replace
from decimal import Decimal
from typing import Any

import azure.functions as func
import pytest

from bridge.adapters.memory import MemoryQueues
from bridge.domain.commands import SubmitRun
from bridge.domain.errors import AccessDenied, ServiceUnavailable, Throttled
from bridge.domain.identity import is_run_id
from bridge.domain.inputs import InputSpec, InputType
from bridge.domain.pipelines import Catalogue, Pipeline
from bridge.domain.queues import Queue
from bridge.handlers import snowflake
from bridge.ports import Bridge
from tests.unit.invocations import BATCH_ID, SNOWFLAKE_HEADERS, batch, document, problem
from tests.unit.requests import reported

INPUTS = {"as_of": "2026-11-01"}


def submit(request: func.HttpRequest, bridge: Bridge) -> list[tuple[int, dict[str, Any]]]:
    """The rows of a 200 answer."""
    response = snowflake.submit_run(request, lambda: bridge)
    assert response.status_code == 200, response.get_body()
    assert response.mimetype == "application/json"
    assert response.headers["x-correlation-id"]
    return [(number, value) for number, value in document(response)["data"]]


def commands(queues: MemoryQueues) -> list[SubmitRun]:
    found = [message.body for message in queues.sent[Queue.RUN_COMMANDS]]
    return [body for body in found if isinstance(body, SubmitRun)]


def test_a_row_is_accepted_with_all_that_sql_needs(bridge: Bridge, queues: MemoryQueues) -> None:
    ((number, value),) = submit(batch([0, "train", INPUTS, "k1"]), bridge)

    (command,) = commands(queues)
    assert number == 0
    assert value == {
        "status": "ACCEPTED",
        "run_id": command.run_id,
        "pipeline": "train",
        "fingerprint": command.fingerprint,
        "trace_id": command.origin.trace_id,
    }
    assert is_run_id(command.run_id)


def test_the_run_knows_its_query_batch_and_row(bridge: Bridge, queues: MemoryQueues) -> None:
    submit(batch([4, "train", INPUTS, "a"], [9, "train", INPUTS, "b"]), bridge)

    first, second = (command.origin for command in commands(queues))
    assert (first.source, first.principal) == ("external_function", "key")
    assert (first.query_id, first.query_batch_id) == (
        SNOWFLAKE_HEADERS["sf-external-function-current-query-id"],
        BATCH_ID,
    )
    assert (first.row_number, first.batch_rows, second.row_number) == (4, 2, 9)
    assert first.correlation_id == BATCH_ID
    assert {event.query_batch_id for event in reported(queues)} == {BATCH_ID}


def test_without_keys_a_repeated_batch_is_the_same_runs(bridge: Bridge) -> None:
    rows = [[0, "train", INPUTS, None], [1, "train", INPUTS]]

    first, again = submit(batch(*rows), bridge), submit(batch(*rows), bridge)
    other = submit(batch(*rows, sf_external_function_query_batch_id="other"), bridge)

    assert first == again
    assert len({value["run_id"] for _, value in first + other}) == 4


def test_numbers_come_back_as_they_were_given_even_unsorted_and_repeated(bridge: Bridge) -> None:
    numbers = [5, 3, 3, 0, -1, 10**17, 5]

    rows = submit(batch(*([number, "train", INPUTS, f"k{i}"] for i, number in enumerate(numbers))), bridge)

    assert [number for number, _ in rows] == numbers
    assert len({value["run_id"] for _, value in rows}) == len(numbers)


def test_two_thousand_rows_are_answered_in_order(bridge: Bridge, queues: MemoryQueues) -> None:
    rows = submit(batch(*([i, "train", INPUTS] for i in range(2000))), bridge)

    assert [number for number, _ in rows] == list(range(2000))
    assert {value["status"] for _, value in rows} == {"ACCEPTED"}
    assert [command.run_id for command in commands(queues)] == [value["run_id"] for _, value in rows]


def test_an_empty_batch_is_answered_empty(bridge: Bridge, queues: MemoryQueues) -> None:
    assert submit(batch(), bridge) == []
    assert not any(queues.sent.values())


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_packed_batch_is_understood(bridge: Bridge, encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    body = json.dumps({"data": [[0, "train", INPUTS, "k"]]}).encode()

    rows = submit(batch(body=pack(body), content_encoding=encoding), bridge)

    assert rows == submit(batch(body=body), bridge)


def test_numbers_reach_the_queue_and_the_ledger_without_loss(bridge: Bridge, queues: MemoryQueues) -> None:
    specs = {"n": InputSpec(name="n", type=InputType.INTEGER), "x": InputSpec(name="x", type=InputType.NUMBER)}
    numbers = Pipeline(name="numbers", component="azureml:n:1", experiment="n", inputs=specs)
    body = '{"data": [[0, "numbers", {"n": 99999999999999999999999999999999999999, "x": 0.10000000000000000001}, "k"]]}'

    submit(batch(body=body), replace(bridge, catalogue=Catalogue([numbers])))

    exact = {"n": 10**38 - 1, "x": Decimal("0.10000000000000000001")}
    assert commands(queues)[0].inputs == exact
    assert reported(queues)[0].inputs == exact
    assert '"n":99999999999999999999999999999999999999' in queues.text(commands(queues)[0])


def test_nulls_leave_an_optional_input_and_the_key_out(bridge: Bridge, queues: MemoryQueues) -> None:
    ((_, value),) = submit(batch([0, "train", {"as_of": "2026-11-01", "rows": None}, None]), bridge)

    assert value["status"] == "ACCEPTED"
    assert commands(queues)[0].inputs == {"as_of": "2026-11-01", "rows": 1000}


@pytest.mark.parametrize(
    ("row", "found", "fix"),
    [
        ([], ("BAD_ROW", "arguments"), "0 arguments: give pipeline, inputs and idempotency_key"),
        (["train"], ("BAD_ROW", "arguments"), "1 arguments"),
        (["train", INPUTS, "k", "more"], ("BAD_ROW", "arguments"), "4 arguments"),
        ([None, INPUTS, "k"], ("BAD_ROW", "pipeline"), "give it as text"),
        ([5, INPUTS, "k"], ("BAD_ROW", "pipeline"), "give it as text"),
        (["", INPUTS, "k"], ("BAD_ROW", "pipeline"), "give it as text"),
        (["x" * 201, INPUTS, "k"], ("BAD_ROW", "pipeline"), "201 characters: at most 200"),
        (["trian", INPUTS, "k"], ("UNKNOWN_PIPELINE", None), 'did you mean "train"?'),
        (["train", '{"as_of": "2026-11-01"}', "k"], ("BAD_ROW", "inputs"), "OBJECT_CONSTRUCT_KEEP_NULL"),
        (["train", [INPUTS], "k"], ("BAD_ROW", "inputs"), "OBJECT_CONSTRUCT_KEEP_NULL"),
        (["train", 5, "k"], ("BAD_ROW", "inputs"), "OBJECT_CONSTRUCT_KEEP_NULL"),
        (["train", False, "k"], ("BAD_ROW", "inputs"), "OBJECT_CONSTRUCT_KEEP_NULL"),
        (["train", None, "k"], ("MISSING_INPUT", "as_of"), "give a date"),
        (["train", {"AS_OF": "2026-11-01"}, "k"], ("UNKNOWN_INPUT", "AS_OF"), 'did you mean "as_of"?'),
        (["train", {"as_of": None}, "k"], ("NULL_INPUT", "as_of"), "give a date"),
        (["train", {**INPUTS, "rows": "5"}, "k"], ("WRONG_TYPE", "rows"), "without quotes"),
        (["train", INPUTS, 5], ("BAD_KEY", "idempotency_key"), "must be text of 1 to 500"),
        (["train", INPUTS, ["k"]], ("BAD_KEY", "idempotency_key"), "must be text"),
        (["train", INPUTS, True], ("BAD_KEY", "idempotency_key"), "must be text"),
        (["train", INPUTS, "k" * 501], ("BAD_KEY", "idempotency_key"), "1 to 500"),
        (["train", INPUTS, "a\nb"], ("BAD_KEY", "idempotency_key"), "printable"),
        (["train", INPUTS, "a\u0000"], ("BAD_KEY", "idempotency_key"), "printable"),
    ],
)
def test_a_bad_row_is_rejected_with_a_fix_and_hurts_no_neighbour(
    bridge: Bridge, queues: MemoryQueues, row: list[Any], found: tuple[str, str | None], fix: str
) -> None:
    rows = submit(batch([0, "train", INPUTS, "a"], [1, *row], [2, "train", INPUTS, "b"]), bridge)

    bad = rows[1][1]
    assert [value["status"] for _, value in rows] == ["ACCEPTED", "REJECTED", "ACCEPTED"]
    assert (bad["error"]["code"], bad["error"]["field"]) == found
    assert fix in bad["error"]["message"]
    assert is_run_id(bad["run_id"])
    assert bad["fingerprint"] is None
    assert len(bad["pipeline"]) <= 200
    assert len(commands(queues)) == 2
    (event,) = (event for event in reported(queues) if event.status == "REJECTED")
    assert (event.run_id, event.error_code, event.row_number) == (bad["run_id"], found[0], 1)


def test_a_key_may_have_500_characters_of_any_script(bridge: Bridge) -> None:
    rows = submit(batch([0, "train", INPUTS, "k" * 500], [1, "train", INPUTS, "Ä 键"]), bridge)

    assert {value["status"] for _, value in rows} == {"ACCEPTED"}


def test_an_empty_key_is_none_that_was_meant(bridge: Bridge) -> None:
    """Taken as no key at all, it would silently give up once-only."""
    ((_, value),) = submit(batch([0, "train", INPUTS, ""]), bridge)

    assert value["error"]["code"] == "BAD_KEY"


def test_a_row_with_several_faults_tells_all_of_them(bridge: Bridge) -> None:
    ((_, value),) = submit(batch([0, "train", {"rows": -1}, "k"]), bridge)

    assert [error["field"] for error in value["errors"]] == ["as_of", "rows"]
    assert value["error"] == value["errors"][0]


def test_one_key_for_two_different_runs_is_a_conflict(bridge: Bridge) -> None:
    rows = submit(batch([0, "train", INPUTS, "k"], [1, "train", {"as_of": "2026-11-02"}, "k"]), bridge)

    assert [value["status"] for _, value in rows] == ["ACCEPTED", "REJECTED"]
    assert rows[1][1]["error"]["code"] == "IDEMPOTENCY_CONFLICT"


#: What is wrong: the request, its answer.
UNUSABLE = {
    "empty": (batch(body=""), 400, "not JSON"),
    "cut off": (batch(body="{"), 400, "not JSON"),
    "no batch": (batch(body="[]"), 400, '{"data": [[0, …], [1, …]]}'),
    "no UTF-8": (batch(body=b"\xff"), 400, "not UTF-8"),
    "NaN": (batch(body='{"data": [[0, NaN]]}'), 400, "not JSON"),
    "deep": (batch(body='{"data": [[0, "train", {"a": ' + "[" * 9999), 400, "nested too deeply"),
    "long number": (batch(body='{"data": [[0, ' + "9" * 5000 + "]]}"), 400, "more than 4,300 digits"),
    "huge number": (batch(body='{"data": [[0, 1e999999999999999999999]]}'), 400, "more than 4,300 digits"),
    "half a character": (batch(body='{"data": [[0, "\\ud800"]]}'), 400, "half a character"),
    "no number": (batch(body='{"data": [["0"]]}'), 400, "data[0] must be an array that begins with its row number"),
    "unknown encoding": (batch([0], content_encoding="br"), 415, "use gzip, deflate or none"),
    "no gzip": (batch([0], content_encoding="gzip"), 400, "not one whole gzip stream"),
    "bomb": (batch(body=gzip.compress(bytes(33 * 2**20), 1), content_encoding="gzip"), 413, "send less"),
    "no id": (batch([0], sf_external_function_query_batch_id="a b"), 400, "query-batch-id must be an id"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_request_that_is_no_batch_fails_whole(bridge: Bridge, queues: MemoryQueues, name: str) -> None:
    request, status, detail = UNUSABLE[name]

    found = problem(snowflake.submit_run(request, lambda: bridge), status)

    assert detail in found["detail"]
    assert len(found["detail"]) < 300
    assert not any(queues.sent.values())


@pytest.mark.parametrize(
    ("error", "status", "seconds"),
    [(ServiceUnavailable("the broker is away"), 503, "5"), (Throttled(), 429, "5")],
)
def test_while_the_queue_is_away_snowflake_is_to_send_the_batch_again(
    bridge: Bridge, queues: MemoryQueues, error: Exception, status: int, seconds: str
) -> None:
    queues.failures.append(error)

    response = snowflake.submit_run(batch([0, "train", INPUTS]), lambda: bridge)

    problem(response, status)
    assert response.headers["Retry-After"] == seconds
    assert submit(batch([0, "train", INPUTS]), bridge)[0][1]["status"] == "ACCEPTED"


def test_a_refusal_of_a_service_is_told_with_its_code(bridge: Bridge, queues: MemoryQueues) -> None:
    queues.failures.append(AccessDenied("no right to send", code="ACCESS_DENIED"))

    found = problem(snowflake.submit_run(batch([0, "train", INPUTS]), lambda: bridge), 502)

    assert found["code"] == "ACCESS_DENIED"


def test_ping_answers_every_row_with_who_called(bridge: Bridge) -> None:
    response = snowflake.ping(batch([3], [1, "ignored"]), lambda: bridge)

    (third, value), (first, _) = document(response)["data"]
    assert (third, first) == (3, 1)
    assert (value["bridge"], value["principal"], value["query_batch_id"]) == ("bridge", "key", BATCH_ID)
    assert value["correlation_id"] == response.headers["x-correlation-id"] == BATCH_ID


def test_ping_refuses_what_submit_run_refuses(bridge: Bridge) -> None:
    problem(snowflake.ping(batch(body="x"), lambda: bridge), 400)
