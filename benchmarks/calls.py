"""Requests as Snowflake sends them, to the bridge and to the peer, and when Azure ML had them."""

import json
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection
from urllib.parse import urlsplit

from bridge.local import endpoints
from bridge.local.stack import Stack

PIPELINE = "churn-training"
INPUTS = {"as_of": "2026-11-01"}
#: Of the component: the bridge adds what pipelines.yaml has as defaults, the peer has none.
ALL_INPUTS = {
    "as_of": "2026-11-01",
    "rows": "1000",
    "learning_rate": "0.1",
    "dry": "False",
    "note": "",
    "segment": "all",
}
#: After which a measurement is given up.
WITHIN_SECONDS = 120.0
#: Hosts close a connection that was not used for five.
IDLE_SECONDS = 4.0
HEADERS = {"x-functions-key": endpoints.FUNCTION_KEY, "content-type": "application/json"}


@dataclass(frozen=True)
class Request:
    """A POST, made in advance."""

    path: str
    body: str
    headers: dict[str, str]


class Caller:
    """One connection that stays open, with as little of its own as there can be: what it takes is not the bridge's."""

    def __init__(self, base_url: str) -> None:
        where = urlsplit(base_url)
        self._connection = HTTPConnection(where.hostname or "", where.port, timeout=WITHIN_SECONDS)
        self._used_at = 0.0

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def post(self, request: Request) -> bytes:
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            self._connection.close()  # the host is about to; the next request opens it again
        self._connection.request("POST", f"/api{request.path}", request.body, {**HEADERS, **request.headers})
        answer = self._connection.getresponse()
        text = answer.read()
        self._used_at = time.monotonic()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {text[:500].decode(errors='replace')}")
        return text


def bridge_request(rows: int) -> Request:
    """One batch of an external function."""
    query = uuid.uuid4().hex
    headers = {"sf-external-function-current-query-id": query, "sf-external-function-query-batch-id": query}
    body = json.dumps({"data": [[row, PIPELINE, INPUTS, f"{query}-{row}"] for row in range(rows)]})
    return Request("/v1/snowflake/submit_run", body, headers)


def peer_request(rows: int) -> Request:
    """The same for the peer."""
    return Request("/submit_run", json.dumps({"data": [[row, ALL_INPUTS] for row in range(rows)]}), {})


def names(answer: bytes) -> list[str]:
    """The jobs of an answer of either; all rows must have gone well."""
    values = [row[1] for row in json.loads(answer)["data"]]
    if any(each["status"] not in {"ACCEPTED", "SUBMITTED"} for each in values):
        raise RuntimeError(f"a row was not taken: {values[0]}")
    return [str(each.get("run_id") or each["job"]) for each in values]


def ask_bridge(caller: Caller, rows: int) -> list[str]:
    return names(caller.post(bridge_request(rows)))


def ask_peer(caller: Caller, rows: int) -> list[str]:
    return names(caller.post(peer_request(rows)))


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {WITHIN_SECONDS:.0f} s")
        time.sleep(0.02)


def arrived(stack: Stack, names: Collection[str]) -> float:
    """When the last of these jobs reached Azure ML, before it took its time to answer; seconds since 1970."""
    found: dict[str, float] = {}

    def all_there() -> bool:
        for each in stack.call("azure_ml", "GET", "/requests")["requests"]:
            if each["operation"] == "put_job" and each["job"] in names:
                found[each["job"]] = datetime.fromisoformat(each["at"]).timestamp() - each["milliseconds"] / 1000
        return len(found) == len(names)

    wait_for(all_there, "jobs in Azure ML")
    return max(found.values())


def created(stack: Stack, names: Collection[str]) -> float:
    """When Azure ML had made the last of these jobs; seconds since 1970."""
    found: dict[str, float] = {}

    def all_there() -> bool:
        answers = stack.call("azure_ml", "GET", "/requests")["answers"].get("put_job", {})
        if answers.get("201", 0) < len(names):
            return False  # a list of jobs is too much to ask for again and again while others are measured
        jobs = stack.call("azure_ml", "GET", "/jobs")
        found.update({job["name"]: datetime.fromisoformat(job["created_at"]).timestamp() for job in jobs})
        return found.keys() >= set(names)

    wait_for(all_there, "jobs in Azure ML")
    return max(found[name] for name in names)


def inserts(stack: Stack) -> int:
    """Statements that have written to the ledger so far."""
    counts = stack.call("snowflake", "GET", "/statements")["counts"]
    return int(sum(count for statement, count in counts.items() if statement.startswith("INSERT")))


def settle(stack: Stack, latency: int) -> None:
    """Nothing is left of the measurement before: no job that would raise an event, no event, no message."""
    for service in ("azure_ml", "event_grid"):
        stack.call(service, "POST", "/reset", {})
    stack.call("azure_ml", "POST", "/latency", {"ms": 0})
    wait_for(lambda: _is_idle(stack), "rest of the measurement before")
    stack.call("service_bus", "POST", "/reset", {})
    stack.call("azure_ml", "POST", "/reset", {})
    stack.call("azure_ml", "POST", "/latency", {"ms": latency})


def is_quiet(stack: Stack) -> bool:
    """Whether nothing waits for a function now; the chain's looks are due later."""
    queues = stack.call("service_bus", "GET", "/queues")
    return not any(queue["active"] + queue["locked"] for queue in queues.values())


def _is_idle(stack: Stack) -> bool:
    """Quiet, and still so a moment later: what a function does leads to further messages."""
    if not is_quiet(stack):
        return False
    time.sleep(0.1)
    return is_quiet(stack)
