"""`POST /runs`: 202 with the run's id, or a problem that says what would be right."""

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from bridge.adapters.memory import MemoryQueues
from bridge.domain.commands import SubmitRun
from bridge.domain.errors import RetryableError, ServiceUnavailable
from bridge.domain.identity import is_run_id
from bridge.domain.inputs import InputSpec, InputType, Violation
from bridge.domain.pipelines import Allow, Catalogue, Pipeline
from bridge.domain.queues import Queue
from bridge.domain.statuses import BridgeStatus
from bridge.handlers import runs
from bridge.ports import Bridge
from bridge.services.accept_runs import RunAnswer
from tests.unit.invocations import document, http, problem
from tests.unit.requests import reported

GOOD: dict[str, Any] = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}}


def create(bridge: Bridge, body: Any = None, **headers: str) -> func.HttpResponse:
    request = http(
        body=GOOD if body is None else body, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )
    return runs.create(request, lambda: bridge)


def command(queues: MemoryQueues) -> SubmitRun:
    body = queues.sent[Queue.RUN_COMMANDS][-1].body
    assert isinstance(body, SubmitRun)
    return body


def test_a_run_is_accepted_with_its_id_and_its_address(bridge: Bridge, queues: MemoryQueues) -> None:
    response = create(bridge, {**GOOD, "idempotency_key": "k1"})

    sent = command(queues)
    assert response.status_code == 202
    assert response.mimetype == "application/json"
    assert document(response) == {
        "status": "ACCEPTED",
        "run_id": sent.run_id,
        "pipeline": "train",
        "fingerprint": sent.fingerprint,
        "trace_id": sent.origin.trace_id,
        "idempotency_key": "k1",
    }
    assert response.headers["x-trace-id"] == sent.origin.trace_id
    assert response.headers["Location"] == f"/api/v1/runs/{sent.run_id}"
    assert (sent.origin.source, sent.origin.principal) == ("http", "key")
    assert sent.accepted_at == bridge.clock.now()


def test_the_key_may_come_as_a_header(bridge: Bridge) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    in_body = document(create(bridge, {**GOOD, "idempotency_key": "k1"}, traceparent=trace))

    assert document(create(bridge, Idempotency_Key="k1", traceparent=trace)) == in_body
    both = create(bridge, {**GOOD, "idempotency_key": "k1"}, Idempotency_Key="k1", traceparent=trace)
    assert document(both) == in_body
    assert document(create(bridge, Idempotency_Key="k2"))["run_id"] != in_body["run_id"]


def test_two_different_keys_in_one_request_are_refused(bridge: Bridge, queues: MemoryQueues) -> None:
    found = problem(create(bridge, {**GOOD, "idempotency_key": "k1"}, Idempotency_Key="k2"), 400)

    assert "give one" in found["detail"]
    assert not any(queues.sent.values())


@pytest.mark.parametrize("key", ["k" * 501, "a\nb", "a\u0000", ""])
@pytest.mark.parametrize("place", ["header", "body"])
def test_a_key_that_is_none_is_refused(bridge: Bridge, key: str, place: str) -> None:
    response = (
        create(bridge, Idempotency_Key=key) if place == "header" else create(bridge, {**GOOD, "idempotency_key": key})
    )

    assert "1 to 500 printable characters" in (found := problem(response, 400))["detail"]
    assert found["code"] == "BAD_KEY"


def test_without_a_key_each_request_is_a_run_of_its_own_and_names_its_key(bridge: Bridge) -> None:
    first, second = document(create(bridge)), document(create(bridge))

    assert first["run_id"] != second["run_id"]
    assert document(create(bridge, Idempotency_Key=first["idempotency_key"]))["run_id"] == first["run_id"]


def test_a_dry_run_tells_what_would_be_submitted_and_submits_nothing(bridge: Bridge, queues: MemoryQueues) -> None:
    response = create(bridge, {**GOOD, "dry_run": True})

    found = document(response)
    assert response.status_code == 200
    assert found["dry_run"] is True
    assert found["would_submit"]["inputs"] == {"as_of": "2026-11-01", "rows": 1000}
    assert (found["would_submit"]["component"], found["would_submit"]["workspace"]) == ("azureml:churn:3", "ws1")
    assert not any(queues.sent.values())


def test_a_dry_run_of_a_bad_request_is_the_same_problem(bridge: Bridge, queues: MemoryQueues) -> None:
    found = problem(create(bridge, {"pipeline": "train", "dry_run": True}), 422)

    assert found["code"] == "MISSING_INPUT"
    assert not any(queues.sent.values())


def test_inputs_may_be_left_out_or_null_and_the_body_be_packed(bridge: Bridge) -> None:
    spec = InputSpec(name="rows", type=InputType.INTEGER)
    pipeline = Pipeline(name="p", component="azureml:p:1", experiment="p", inputs={"rows": spec})
    bridge = replace(bridge, catalogue=Catalogue([pipeline]))

    for body in ({"pipeline": "p"}, {"pipeline": "p", "inputs": None}, {"pipeline": "p", "inputs": {}}):
        assert create(bridge, body).status_code == 202
    assert create(bridge, gzip.compress(b'{"pipeline": "p"}'), content_encoding="gzip").status_code == 202


def test_numbers_are_taken_without_loss(bridge: Bridge, queues: MemoryQueues) -> None:
    create(
        bridge,
        '{"pipeline": "train", "inputs": {"as_of": "2026-11-01", "rows": 99999999999999999999999999999999999999}}',
    )

    assert command(queues).inputs["rows"] == 10**38 - 1
    assert reported(queues)[0].inputs == command(queues).inputs


#: What is wrong: the body, what the answer says.
UNUSABLE: dict[str, tuple[bytes | str | dict[str, Any], str]] = {
    "empty": (b"", "the body is not JSON"),
    "no JSON": ("pipeline=train", "the body is not JSON"),
    "no UTF-8": (b"\xff\xfe", "the body is not UTF-8 text"),
    "array": (json.dumps([GOOD]), "body: must be a JSON object"),
    "text": ('"hunter2"', "body: must be a JSON object"),
    "null": ("null", "body: must be a JSON object"),
    "deep": ('{"inputs":' * 5000, "nested too deeply"),
    "huge": ('{"pipeline": 1e999999999}', "more than 4,300 digits"),
    "no pipeline": ("{}", "pipeline: Field required"),
    "pipeline empty": ({"pipeline": ""}, "pipeline: String should have at least 1 character"),
    "pipeline long": ({"pipeline": "hunter2" * 100}, "pipeline: String should have at most 200 characters"),
    "pipeline number": ({"pipeline": 5}, "pipeline: Input should be a valid string"),
    "inputs text": ({**GOOD, "inputs": '{"as_of": "hunter2"}'}, "inputs: must be a JSON object"),
    "inputs array": ({**GOOD, "inputs": ["hunter2"]}, "inputs: must be a JSON object"),
    "key number": ({**GOOD, "idempotency_key": 5}, "idempotency_key: Input should be a valid string"),
    "dry run text": ({**GOOD, "dry_run": "hunter2"}, "dry_run: Input should be a valid boolean"),
    "misspelt": ({**GOOD, "inpust": {"as_of": "hunter2"}}, "inpust: Extra inputs are not permitted"),
    "claims": ({**GOOD, "principal": "hunter2"}, "principal: Extra inputs are not permitted"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_body_that_is_no_request_is_refused_without_repeating_it(
    bridge: Bridge, queues: MemoryQueues, name: str
) -> None:
    body, expected = UNUSABLE[name]

    found = problem(create(bridge, body), 400)

    assert expected in found["detail"]
    assert "hunter2" not in json.dumps(found)
    assert not any(queues.sent.values())


def test_encodings_are_checked_as_for_snowflake(bridge: Bridge) -> None:
    problem(create(bridge, GOOD, content_encoding="br"), 415)
    problem(create(bridge, GOOD, content_encoding="gzip"), 400)
    problem(create(bridge, gzip.compress(bytes(33 * 2**20), 1), content_encoding="gzip"), 413)


def rejecting(bridge: Bridge) -> Bridge:
    """With a pipeline that is for others, and one that takes more text than a message holds."""
    spec = InputSpec(name="text", type=InputType.STRING, max_length=10**6)
    others = Allow(principals=frozenset({"event:custom"}))
    found = [
        Pipeline(name="large", component="azureml:p:1", experiment="p", inputs={"text": spec}),
        Pipeline(name="others", component="azureml:p:1", experiment="p", allow=others),
    ]
    return replace(bridge, catalogue=Catalogue([*found, *filter(None, [bridge.catalogue.find("train")])]))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"pipeline": "trian"}, 404, "UNKNOWN_PIPELINE"),
        ({"pipeline": "others"}, 403, "NOT_ALLOWED"),
        ({"pipeline": "large", "inputs": {"text": "x" * 200_000}}, 413, "TOO_LARGE"),
        ({"pipeline": "train", "inputs": {"as_of": "yesterday"}}, 422, "WRONG_TYPE"),
        ({"pipeline": "train", "inputs": {"as_of": "2026-11-01", "rows": -1}}, 422, "OUT_OF_RANGE"),
        ({"pipeline": "train", "inputs": {str(i): i for i in range(300)}}, 422, "TOO_MANY_INPUTS"),
    ],
)
def test_a_rejection_has_the_status_of_its_kind_and_is_recorded(
    bridge: Bridge, queues: MemoryQueues, body: dict[str, Any], status: int, code: str
) -> None:
    found = problem(create(rejecting(bridge), body), status)

    assert found["code"] == found["errors"][0]["code"] == code
    assert is_run_id(found["run_id"])
    (event,) = reported(queues)
    assert (event.run_id, event.status, event.error_code) == (found["run_id"], "REJECTED", code)
    assert not queues.sent[Queue.RUN_COMMANDS]


def test_a_key_in_use_for_something_else_is_a_conflict(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    violation = Violation(code="IDEMPOTENCY_CONFLICT", message="the key is taken")
    answer = RunAnswer(
        status=BridgeStatus.REJECTED,
        run_id="r-" + "a" * 26,
        pipeline="train",
        idempotency_key="k",
        trace_id="0af7651916cd43dd8448eb211c80319c",
        violations=[violation],
    )
    monkeypatch.setattr(runs, "accept_runs", lambda *_, **__: [answer])

    problem(create(bridge), 409)


def test_every_fault_of_a_request_is_told_at_once(bridge: Bridge) -> None:
    found = problem(create(bridge, {"pipeline": "train", "inputs": {"rows": -1, "colour": "red"}}), 422)

    assert {error["field"] for error in found["errors"]} == {"as_of", "rows", "colour"}
    assert found["detail"].count(";") == 2


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (ServiceUnavailable("the broker is away"), "5"),
        (RetryableError(retry_after=timedelta(seconds=90)), "90"),
        (RetryableError(retry_after=timedelta(milliseconds=1200)), "2"),
        (RetryableError(retry_after=timedelta(0)), "5"),
    ],
)
def test_a_request_that_could_not_be_queued_can_be_sent_again_with_its_key(
    bridge: Bridge, queues: MemoryQueues, error: Exception, seconds: str
) -> None:
    queues.failures.append(error)

    response = create(bridge)

    found = problem(response, 503)
    assert response.headers["Retry-After"] == seconds
    again = document(create(bridge, {**GOOD, "idempotency_key": found["idempotency_key"]}))
    assert again["idempotency_key"] == found["idempotency_key"]
    assert command(queues).run_id == again["run_id"]


def test_the_callers_key_is_the_one_to_send_again(bridge: Bridge, queues: MemoryQueues) -> None:
    queues.failures.append(ServiceUnavailable())

    assert problem(create(bridge, Idempotency_Key="k1"), 503)["idempotency_key"] == "k1"
