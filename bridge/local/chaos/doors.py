"""The callers' side of every door: one attempt each, which ends with an answer for each wish, or with no answer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from bridge.local.chaos.plan import Call, Door, Wish
from bridge.local.endpoints import QUEUES
from bridge.local.stack import Stack

#: A caller does not wait longer for one answer.
ANSWER_SECONDS = 45.0
REQUEST_TYPE = "Bridge.SubmitRun"
SUBMIT = "SELECT column1, submit_run(column2, PARSE_JSON(column3), column4)"
NOTIFY = (
    "CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(SNOWFLAKE.NOTIFICATION.APPLICATION_JSON(?), "
    "SNOWFLAKE.NOTIFICATION.INTEGRATION('ML_BRIDGE_EVENTS'))"
)


class NotTaken(Exception):
    """No answer, or one that asks for another try; `why` goes into the counts."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a caller heard about one wish."""

    #: ACCEPTED, REJECTED, or TAKEN by a door that answers no more than that.
    status: str
    run_id: str | None = None


class Caller:
    """One caller with its own connections: a thread has one, and nobody else."""

    def __init__(self, stack: Stack) -> None:
        import snowflake.connector

        endpoints = stack.endpoints
        self._stack = stack
        # A new connection for each request: the system then chooses an instance of the app that is there.
        self._http = httpx.Client(
            base_url=f"{endpoints['functions']['base_url']}/api/v1",
            headers={"x-functions-key": endpoints["functions"]["key"]},
            timeout=ANSWER_SECONDS,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._snowflake = snowflake.connector.connect(**endpoints["snowflake"], paramstyle="qmark")
        self._service_bus = str(endpoints["service_bus"]["connection_string"])
        self._topic: Mapping[str, str] = endpoints["event_grid"]
        self._doors: Mapping[Door, Callable[[Call], list[Told]]] = {
            Door.BATCH: self._batch,
            Door.SQL: self._sql,
            Door.HTTP: self._post,
            Door.QUEUE: self._queue,
            Door.EVENT: self._event,
            Door.MESSAGE: self._message,
            Door.PROCEDURE: self._procedure,
            Door.NOTIFICATION: self._notification,
        }

    def close(self) -> None:
        self._http.close()
        self._snowflake.close()

    def attempt(self, call: Call) -> list[Told]:
        """Send it once; what is told of each wish, in their order. Raises: NotTaken."""
        return self._doors[call.door](call)

    def cancel(self, run_id: str) -> None:
        """Raises: NotTaken."""
        self._answered("POST", f"/runs/{run_id}/cancel", 202)

    def query(self, statement: str, *binds: Any) -> list[Any]:
        """Raises: NotTaken."""
        from snowflake.connector import errors

        try:
            with self._snowflake.cursor() as cursor:
                return list(cursor.execute(statement, binds).fetchall())
        except (errors.Error, OSError) as error:
            raise NotTaken(f"sql: {type(error).__name__}") from error

    def post_raw(self, queue: str, text: str, message_id: str) -> None:
        """Put any text into a queue. Raises: NotTaken."""
        from azure.core.exceptions import AzureError
        from azure.servicebus import ServiceBusClient, ServiceBusMessage

        try:
            with (
                ServiceBusClient.from_connection_string(self._service_bus, retry_total=0) as client,
                client.get_queue_sender(queue) as sender,
            ):
                sender.send_messages(ServiceBusMessage(text, message_id=message_id), timeout=10)
        except (AzureError, OSError) as error:
            raise NotTaken(f"service bus: {type(error).__name__}") from error

    def _post(self, call: Call) -> list[Told]:
        wish = call.wishes[0]
        body = {"pipeline": wish.pipeline, "inputs": wish.inputs, "idempotency_key": wish.key}
        answer = self._answered("POST", "/runs", 202, 422, json=body)
        status = "ACCEPTED" if answer.status_code == 202 else "REJECTED"
        return [Told(status=status, run_id=answer.json()["run_id"])]

    def _batch(self, call: Call) -> list[Told]:
        rows = [[number, wish.pipeline, wish.inputs, wish.key] for number, wish in enumerate(call.wishes)]
        headers = {
            "sf-external-function-query-batch-id": call.identity,
            "sf-external-function-current-query-id": call.identity,
        }
        answer = self._answered("POST", "/snowflake/submit_run", 200, json={"data": rows}, headers=headers)
        return [_told(value) for _, value in answer.json()["data"]]

    def _sql(self, call: Call) -> list[Told]:
        binds: list[Any] = []
        for number, wish in enumerate(call.wishes):
            binds += [number, wish.pipeline, json.dumps(wish.inputs), wish.key]
        places = ", ".join(["(?, ?, ?, ?)"] * len(call.wishes))
        rows = self.query(f"{SUBMIT} FROM VALUES {places} ORDER BY column1", *binds)
        return [_told(json.loads(value)) for _, value in rows]

    def _procedure(self, call: Call) -> list[Told]:
        wish = call.wishes[0]
        rows = self.query("CALL start_run(?, PARSE_JSON(?), ?)", wish.pipeline, json.dumps(wish.inputs), wish.key)
        value = json.loads(rows[0][0])
        if "run_id" not in value:
            raise NotTaken(f"procedure: {value.get('error', {}).get('code')}")
        return [_told(value)]

    def _message(self, call: Call) -> list[Told]:
        queue, body = QUEUES["RUN_COMMANDS_QUEUE"], json.dumps(_request(call.wishes[0]))
        rows = self.query("CALL send_message(?, PARSE_JSON(?), ?)", queue, body, call.identity)
        value = json.loads(rows[0][0])
        if value.get("status") != "SENT":
            raise NotTaken(f"procedure: {value.get('error', {}).get('code')}")
        return [Told(status="TAKEN")]

    def _notification(self, call: Call) -> list[Told]:
        envelope = {"type": REQUEST_TYPE, "key": call.identity, "data": _request(call.wishes[0])}
        self.query(NOTIFY, json.dumps(envelope))
        return [Told(status="TAKEN")]

    def _queue(self, call: Call) -> list[Told]:
        self.post_raw(QUEUES["RUN_COMMANDS_QUEUE"], json.dumps(_request(call.wishes[0])), call.identity)
        return [Told(status="TAKEN")]

    def _event(self, call: Call) -> list[Told]:
        from azure.core.credentials import AzureKeyCredential
        from azure.core.exceptions import AzureError
        from azure.eventgrid import EventGridEvent, EventGridPublisherClient

        event = EventGridEvent(
            id=call.identity, subject="chaos", event_type=REQUEST_TYPE, data=_request(call.wishes[0]), data_version="1"
        )
        credential = AzureKeyCredential(self._topic["key"])
        try:
            with EventGridPublisherClient(self._topic["topic_endpoint"], credential, retry_total=0) as client:
                client.send(event)
        except (AzureError, OSError) as error:
            raise NotTaken(f"event grid: {type(error).__name__}") from error
        return [Told(status="TAKEN")]

    def _answered(self, method: str, path: str, *good: int, **request: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise NotTaken(f"http: {type(error).__name__}") from error
        if answer.status_code not in good:
            raise NotTaken(f"http: {answer.status_code}")
        return answer


def _request(wish: Wish) -> dict[str, Any]:
    """As it stands in a message or an event."""
    body = {"pipeline": wish.pipeline, "inputs": wish.inputs}
    return body if wish.key is None else {**body, "idempotency_key": wish.key}


def _told(value: Mapping[str, Any]) -> Told:
    return Told(status=str(value["status"]), run_id=value.get("run_id"))
