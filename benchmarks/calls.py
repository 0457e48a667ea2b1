"""Requests as Snowflake sends them, to the bridge and to the peer, and when Azure ML had them."""

import json
import time
import uuid
from collections.abc import Callable, Collection
from datetime import datetime

import httpx

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


def client(base_url: str) -> httpx.Client:
    headers = {"x-functions-key": endpoints.FUNCTION_KEY, "content-type": "application/json"}
    return httpx.Client(base_url=f"{base_url}/api", headers=headers, timeout=WITHIN_SECONDS, trust_env=False)


def bridge_body(query: str, rows: int) -> str:
    return json.dumps({"data": [[row, PIPELINE, INPUTS, f"{query}-{row}"] for row in range(rows)]})


def ask_bridge(http: httpx.Client, rows: int) -> list[str]:
    """One batch of an external function; the run ids."""
    query = uuid.uuid4().hex
    headers = {"sf-external-function-current-query-id": query, "sf-external-function-query-batch-id": query}
    answer = http.post("/v1/snowflake/submit_run", content=bridge_body(query, rows), headers=headers)
    answers = [row[1] for row in answer.raise_for_status().json()["data"]]
    if any(each["status"] != "ACCEPTED" for each in answers):
        raise RuntimeError(f"a run was not accepted: {answers[0]}")
    return [str(each["run_id"]) for each in answers]


def ask_peer(http: httpx.Client, rows: int) -> list[str]:
    """The same of the peer; the names of the jobs."""
    answer = http.post("/submit_run", content=json.dumps({"data": [[row, ALL_INPUTS] for row in range(rows)]}))
    answers = [row[1] for row in answer.raise_for_status().json()["data"]]
    if any("job" not in each for each in answers):
        raise RuntimeError(f"a row of the peer failed: {answers[0]}")
    return [str(each["job"]) for each in answers]


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
    """Nothing is left of the measurement before."""
    stack.call("azure_ml", "POST", "/latency", {"ms": 0})
    wait_for(lambda: _is_idle(stack), "rest of the measurement before")
    stack.call("azure_ml", "POST", "/reset", {})
    stack.call("service_bus", "POST", "/reset", {})
    stack.call("azure_ml", "POST", "/latency", {"ms": latency})


def _is_idle(stack: Stack) -> bool:
    queues = stack.call("service_bus", "GET", "/queues")
    return not queues["run-commands"]["active"] and not queues["run-commands"]["locked"]
