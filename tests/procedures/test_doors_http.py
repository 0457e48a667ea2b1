"""The door to the app: tries, keys, rejections and failures, against a server that plays them back."""

import json
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.handlers import runs
from bridge.handlers.wire import run_result
from bridge.ports import Bridge
from bridge.procedures import doors
from bridge.procedures.doors import FunctionKey, HttpDoor, cancel_run, replay, rerun, start_run
from bridge.services.accept_runs import accept_runs
from tests.procedures.conftest import KEY, Secrets
from tests.procedures.playback import CUT, LATE, PROBLEM, Answer, Playback
from tests.unit.invocations import http
from tests.unit.requests import request

Failing = Callable[[Callable[[], object]], str]
AS_SHIPPED = SimpleNamespace(longest_wait=doors.LONGEST_WAIT_SECONDS, backoff=doors.BACKOFF_SECONDS)
RUN = "r-abcdefghijklmnopqrstuvwxyz"
ACCEPTED = Answer(202, {"status": "ACCEPTED", "run_id": RUN, "pipeline": "train", "fingerprint": "f"})
BUSY = Answer(503, {"detail": "the queue is away", "idempotency_key": "k"}, PROBLEM, {"x-correlation-id": "corr-1"})


@pytest.fixture
def door(playback: Playback) -> HttpDoor:
    playback.plays(ACCEPTED)
    return HttpDoor(f"{playback.url}/api", FunctionKey("door_key"))


def test_a_run_is_asked_for_with_key_inputs_and_source(door: HttpDoor, playback: Playback) -> None:
    answer = start_run(door, "train", '{"as_of": "2026-11-01", "note": null}', "k1")

    assert answer == {**ACCEPTED.body, "idempotency_key": "k1"}  # type: ignore[dict-item]
    (sent,) = playback.received
    assert sent.path == "/api/v1/runs"
    assert sent.json() == {
        "pipeline": "train",
        "inputs": {"as_of": "2026-11-01", "note": None},
        "idempotency_key": "k1",
    }
    assert (sent.headers["x-functions-key"], sent.headers["x-bridge-source"]) == (KEY, "procedure")
    assert str(uuid.UUID(sent.headers["x-correlation-id"])) == sent.headers["x-correlation-id"]


def test_no_inputs_are_an_empty_object(door: HttpDoor, playback: Playback) -> None:
    start_run(door, "train", None)

    assert playback.received[0].json()["inputs"] == {}


@pytest.mark.parametrize(
    "trouble",
    [
        BUSY,
        Answer(429, headers={"Retry-After": "3600"}),
        Answer(503, headers={"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}),
        Answer(503, headers={"Retry-After": "soon"}),
        Answer(408),
        Answer(500),
        Answer(502),
        Answer(504),
        CUT,
    ],
    ids=lambda trouble: f"{trouble.status if not trouble.is_cut else 'cut'}{list(trouble.headers.values())}",
)
def test_passing_trouble_is_tried_again_under_the_same_key(door: HttpDoor, playback: Playback, trouble: Answer) -> None:
    playback.plays(trouble, trouble, ACCEPTED)

    answer = start_run(door, "train", "{}")

    assert answer["status"] == "ACCEPTED"
    assert str(uuid.UUID(answer["idempotency_key"])) == answer["idempotency_key"]
    assert [sent.json()["idempotency_key"] for sent in playback.received] == [answer["idempotency_key"]] * 3
    assert len({sent.headers["x-correlation-id"] for sent in playback.received}) == 1


def test_an_answer_that_does_not_come_is_asked_for_again(
    door: HttpDoor, playback: Playback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "TIMEOUTS", (5.0, 0.2))
    playback.plays(LATE, ACCEPTED)

    assert start_run(door, "train", "{}")["status"] == "ACCEPTED"
    assert len(playback.received) == 2


def test_all_tries_end_before_a_signature_expires() -> None:
    tries = doors.REPEATS + 1
    longest_wait = max(AS_SHIPPED.longest_wait, AS_SHIPPED.backoff * 2 ** (doors.REPEATS - 1))

    assert tries * sum(doors.TIMEOUTS) + doors.REPEATS * longest_wait < doors.SIGNATURE_SECONDS


def test_trouble_that_stays_names_status_correlation_id_and_key(
    door: HttpDoor, playback: Playback, failing: Failing
) -> None:
    playback.plays(BUSY)

    text = failing(lambda: start_run(door, "train", "{}"))

    key = playback.received[0].json()["idempotency_key"]
    assert len(playback.received) == 1 + doors.REPEATS
    assert "/api/v1/runs answered 503: the queue is away" in text
    assert "corr-1" in text
    assert f"Call again with the idempotency key '{key}'" in text


def test_a_connection_that_is_always_cut_names_the_key(door: HttpDoor, playback: Playback, failing: Failing) -> None:
    playback.plays(CUT)

    text = failing(lambda: start_run(door, "train", "{}", "my-key"))

    assert "got no answer" in text
    assert "'my-key'" in text
    assert "network rule" not in text


@pytest.mark.parametrize("url", ["https://no-such-host.invalid/api", "http://127.0.0.1:9"])
def test_a_host_that_cannot_be_reached_is_looked_for_in_the_network_rule(url: str, failing: Failing) -> None:
    text = failing(lambda: start_run(HttpDoor(url, FunctionKey("door_key")), "train", "{}"))

    assert "network rule" in text
    assert f"'{url.split('/')[2]}'" in text


def rejection(bridge: Bridge, **body: Any) -> Answer:
    """What the app itself answers to this request."""
    response = runs.create(http(body=body), lambda: bridge)
    return Answer(response.status_code, response.get_body(), str(response.mimetype))


@pytest.mark.parametrize(
    ("pipeline", "inputs"),
    [("trane", {}), ("train", {}), ("train", {"as_of": "yesterday", "rws": 5, "rows": -1}), ("train", {"as_of": 5})],
)
def test_a_rejection_is_the_answer_that_a_row_would_get(
    door: HttpDoor, playback: Playback, bridge: Bridge, pipeline: str, inputs: dict[str, Any]
) -> None:
    playback.plays(rejection(bridge, pipeline=pipeline, inputs=inputs, idempotency_key="k1"))
    row = accept_runs([request("k1", pipeline, **inputs) if inputs else _without_inputs(pipeline)], bridge)[0]

    answer, of_row = start_run(door, pipeline, json.dumps(inputs), "k1"), run_result(row)
    assert len(answer.pop("trace_id")) == len(of_row.pop("trace_id")) == 32  # each has its own
    assert answer == {**of_row, "idempotency_key": "k1"}
    assert len(playback.received) == 1


def _without_inputs(pipeline: str) -> Any:
    wanted = request("k1", pipeline)
    return type(wanted)(pipeline=pipeline, inputs={}, idempotency_key="k1", origin=wanted.origin)


def test_a_pipeline_that_the_caller_may_not_run_is_a_rejection(door: HttpDoor, playback: Playback) -> None:
    playback.plays(Answer(403, {"code": "NOT_ALLOWED", "detail": "no", "errors": None, "run_id": RUN}, PROBLEM))

    answer = start_run(door, "train", "{}", "k1")

    assert (answer["status"], answer["run_id"], answer["error"]["code"]) == ("REJECTED", RUN, "NOT_ALLOWED")


def test_a_request_that_is_none_is_rejected_as_well(door: HttpDoor, playback: Playback, bridge: Bridge) -> None:
    playback.plays(rejection(bridge, pipeline="train", idempotency_key="k" * 501))

    answer = start_run(door, "train", "{}", "k" * 501)

    assert (answer["status"], answer["error"]["code"]) == ("REJECTED", "BAD_KEY")
    assert "1 to 500" in answer["error"]["message"]


@pytest.mark.parametrize("inputs", ['{"rows": NaN}', '{"rows": [-Infinity]}', '{"rows": 1', "rows"])
def test_inputs_that_are_no_json_are_rejected_before_anything_is_sent(
    door: HttpDoor, playback: Playback, inputs: str
) -> None:
    answer = start_run(door, "train", inputs, "k1")

    assert (answer["error"]["code"], answer["error"]["field"]) == ("BAD_ROW", "inputs")
    assert playback.received == []


@pytest.mark.parametrize(
    "refusal",
    [
        Answer(401, b""),
        Answer(403, b"Ip Forbidden", "text/html"),
        Answer(401, {"detail": "who are you?", "code": "NO_TOKEN"}, PROBLEM),
        Answer(403, {"detail": "not here"}, PROBLEM),
        Answer(403, f"the key {KEY} is wrong".encode(), "text/plain"),
    ],
)
def test_a_refused_key_names_the_secret_and_how_to_mend_it(
    door: HttpDoor, playback: Playback, failing: Failing, refusal: Answer
) -> None:
    playback.plays(refusal)

    text = failing(lambda: start_run(door, "train", "{}"))

    assert "'door_key'" in text
    assert "ALTER SECRET" in text
    assert len(playback.received) == 1


@pytest.mark.parametrize("odd", [Answer(404, b""), Answer(302, headers={"Location": "/"}), Answer(200, b"<html>")])
def test_an_answer_that_is_not_the_apps_is_a_failure(
    door: HttpDoor, playback: Playback, failing: Failing, odd: Answer
) -> None:
    playback.plays(odd)

    assert f"answered {odd.status}" in failing(lambda: start_run(door, "train", "{}"))
    assert len(playback.received) == 1


@pytest.mark.parametrize("text", ["", " \n", "two\nlines", "schlüssel", "nul\0"])
def test_a_secret_that_cannot_be_a_key_is_told_without_showing_it(
    door: HttpDoor, playback: Playback, secrets: Secrets, failing: Failing, text: str
) -> None:
    secrets.texts["door_key"] = text

    told = failing(lambda: start_run(door, "train", "{}"))

    assert "'door_key'" in told
    assert "lines" not in told
    assert playback.received == []


def test_white_space_around_a_key_is_forgiven(door: HttpDoor, playback: Playback, secrets: Secrets) -> None:
    secrets.texts["door_key"] = f"{KEY}\n"

    start_run(door, "train", "{}")

    assert playback.received[0].headers["x-functions-key"] == KEY


def test_a_secret_that_the_procedure_has_not_is_told(playback: Playback, failing: Failing) -> None:
    door = HttpDoor(playback.url, FunctionKey("forgotten"))

    assert "secret 'forgotten'" in failing(lambda: start_run(door, "train", "{}"))


@pytest.mark.parametrize(
    "url",
    ["http://app.example/api", "https://a.example/api?code=K", "https://u:p@a.example", "ftp://a", "", "https://"],
)
def test_an_address_that_is_unsafe_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https://HOST/PATH"):
        start_run(HttpDoor(url, FunctionKey("door_key")), "train", "{}")


def test_cancelling_names_the_run(door: HttpDoor, playback: Playback) -> None:
    playback.plays(Answer(202, {"run_id": RUN, "status": "CANCEL_REQUESTED", "correlation_id": "c"}))

    assert cancel_run(door, RUN) == {"run_id": RUN, "status": "CANCEL_REQUESTED", "correlation_id": "c"}
    assert playback.received[0].path == f"/api/v1/runs/{RUN}/cancel"


def test_a_run_that_is_not_there_is_a_rejection(door: HttpDoor, playback: Playback) -> None:
    playback.plays(Answer(404, {"detail": '"x" is no run id', "title": "No such run"}, PROBLEM))

    answer = cancel_run(door, "x")

    error = {"code": "NOT_FOUND", "message": '"x" is no run id', "field": None}
    assert answer == {"status": "REJECTED", "run_id": "x", "error": error}


def test_a_rerun_keeps_its_key_over_its_tries(door: HttpDoor, playback: Playback) -> None:
    playback.plays(BUSY, ACCEPTED)

    answer = rerun(door, RUN)

    assert (answer["status"], answer["rerun_of"]) == ("ACCEPTED", RUN)
    assert [sent.json() for sent in playback.received] == [{"idempotency_key": answer["idempotency_key"]}] * 2
    assert playback.received[0].path == f"/api/v1/runs/{RUN}/rerun"


def test_a_dead_letter_is_replayed_by_its_id(door: HttpDoor, playback: Playback) -> None:
    playback.plays(Answer(202, {"status": "REPLAYED"}))

    assert replay(door, "run-commands/7 ä?x=1#%2F") == {
        "dead_letter_id": "run-commands/7 ä?x=1#%2F",
        "status": "REPLAYED",
    }
    assert playback.received[0].path == "/api/v1/dead-letters/run-commands%2F7%20%C3%A4%3Fx%3D1%23%252F/replay"


@pytest.mark.parametrize("identifier", [None, "", ".", ".."])
@pytest.mark.parametrize("call", [cancel_run, rerun, replay])
def test_an_id_that_would_lead_elsewhere_is_rejected(
    door: HttpDoor, playback: Playback, call: Callable[..., dict[str, Any]], identifier: str | None
) -> None:
    answer = call(door, identifier)

    assert (answer["status"], answer["error"]["code"]) == ("REJECTED", "BAD_ROW")
    assert playback.received == []
    assert json.dumps(answer)
