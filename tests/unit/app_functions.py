"""The functions of `function_app.py` as the platform sees them, and a good request for each HTTP one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import azure.functions as func

import function_app
from bridge.domain.errors import ConfigurationError
from bridge.domain.records import dead_letter
from bridge.ports import Bridge
from tests.unit.invocations import batch, http

#: function -> route, method, authorization level.
HTTP = {
    "snowflake_submit_run": ("v1/snowflake/submit_run", "POST", "FUNCTION"),
    "snowflake_cancel_run": ("v1/snowflake/cancel_run", "POST", "FUNCTION"),
    "snowflake_rerun": ("v1/snowflake/rerun", "POST", "FUNCTION"),
    "snowflake_replay": ("v1/snowflake/replay", "POST", "FUNCTION"),
    "snowflake_run_and_wait": ("v1/snowflake/run_and_wait", "POST,GET", "FUNCTION"),
    "snowflake_publish_event": ("v1/snowflake/publish_event", "POST", "FUNCTION"),
    "snowflake_send_message": ("v1/snowflake/send_message", "POST", "FUNCTION"),
    "snowflake_ping": ("v1/snowflake/ping", "POST", "FUNCTION"),
    "create_run": ("v1/runs", "POST", "FUNCTION"),
    "list_runs": ("v1/runs", "GET", "FUNCTION"),
    "show_run": ("v1/runs/{run_id}", "GET", "FUNCTION"),
    "cancel_run": ("v1/runs/{run_id}/cancel", "POST", "FUNCTION"),
    "rerun": ("v1/runs/{run_id}/rerun", "POST", "FUNCTION"),
    "list_dead_letters": ("v1/dead-letters", "GET", "FUNCTION"),
    "show_dead_letter": ("v1/dead-letters/{dead_letter_id}", "GET", "FUNCTION"),
    "replay_dead_letter": ("v1/dead-letters/{dead_letter_id}/replay", "POST", "FUNCTION"),
    "create_event": ("v1/events", "POST", "FUNCTION"),
    "create_message": ("v1/messages", "POST", "FUNCTION"),
    "list_pipelines": ("v1/pipelines", "GET", "FUNCTION"),
    "health": ("v1/health", "GET", "ANONYMOUS"),
    "openapi_document": ("v1/openapi.json", "GET", "FUNCTION"),
}
#: For people: what they answer is no JSON, and stands in no document for programs.
PAGES = {
    "dashboard": ("v1/dashboard/{*path}", "GET,POST", "FUNCTION"),
    "dashboard_asset": ("v1/dashboard/assets/{name}", "GET", "ANONYMOUS"),
}


@cache
def functions() -> dict[str, Any]:
    """The platform's view. It can be taken only once from an app: names must be unique in it."""
    return {str(found.get_function_name()): found for found in function_app.app.get_functions()}


def bindings(name: str) -> list[dict[str, Any]]:
    return [json.loads(binding) for binding in functions()[name].get_raw_bindings()]


def handler(name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = functions()[name].get_user_function()
    return found


@dataclass
class MemoryApp:
    """In the place of the app that is built from the environment."""

    built: Bridge | None
    error: ConfigurationError | None = None

    def bridge(self) -> Bridge:
        if self.built is None:
            raise self.error or AssertionError
        return self.built

    def problems(self) -> ConfigurationError | None:
        return self.error


GOOD_RUN: dict[str, Any] = {"pipeline": "train", "inputs": {"as_of": "2026-11-01"}}
RUN_ID = "r-" + "a" * 26
LETTER = dead_letter(
    queue="run-commands",
    message_id="m1",
    body=json.dumps(GOOD_RUN),
    reason="MaxDeliveryCountExceeded",
    description="",
    run_id=None,
    at=datetime(2026, 11, 20, tzinfo=UTC),
)
#: function -> a request that it takes, the status of its answer.
CALLS: dict[str, tuple[Callable[[], func.HttpRequest], int]] = {
    "snowflake_submit_run": (lambda: batch([0, "train", {"as_of": "2026-11-01"}]), 200),
    "snowflake_cancel_run": (lambda: batch([0, RUN_ID]), 200),
    "snowflake_rerun": (lambda: batch([0, RUN_ID, None]), 200),
    "snowflake_replay": (lambda: batch([0, "d1"]), 200),
    "snowflake_run_and_wait": (lambda: batch([0, "train", {"as_of": "2026-11-01"}, None]), 202),
    "snowflake_publish_event": (lambda: batch([0, "Team.Done", "s", {"a": 1}, None]), 200),
    "snowflake_send_message": (lambda: batch([0, "reports", {"a": 1}, None]), 200),
    "snowflake_ping": (lambda: batch([0]), 200),
    "create_run": (lambda: http(body=GOOD_RUN), 202),
    "list_runs": (lambda: http("GET"), 200),
    "show_run": (lambda: http("GET", run_id=RUN_ID), 200),
    "cancel_run": (lambda: http(run_id=RUN_ID), 202),
    "rerun": (lambda: http(run_id=RUN_ID), 202),
    "list_dead_letters": (lambda: http("GET"), 200),
    "show_dead_letter": (lambda: http("GET", dead_letter_id=LETTER.dead_letter_id), 200),
    "replay_dead_letter": (lambda: http(dead_letter_id=LETTER.dead_letter_id), 202),
    "create_event": (lambda: http(body={"type": "Team.Done"}), 202),
    "create_message": (lambda: http(body={"queue": "reports", "body": 1}), 202),
    "list_pipelines": (lambda: http("GET"), 200),
    "health": (lambda: http("GET"), 200),
    "openapi_document": (lambda: http("GET"), 200),
}
