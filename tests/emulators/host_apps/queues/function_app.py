"""Service Bus functions that write down what they get, and do what a message's body tells them to."""

import json
import os
import time
import typing
from pathlib import Path

import azure.functions as func

app = func.FunctionApp()


def note(function: str, message: func.ServiceBusMessage, **more: object) -> None:
    """Append a line to the journal that the test reads."""
    line = {
        "function": function,
        "message_id": message.message_id,
        "delivery_count": message.delivery_count,
        "body": message.get_body().decode(),
        "properties": message.application_properties,
        "correlation_id": message.correlation_id,
        "reason": message.dead_letter_reason,
        "enqueued": str(message.enqueued_time_utc),
        **more,
    }
    with Path(os.environ["JOURNAL"]).open("a", encoding="utf-8") as journal:
        journal.write(json.dumps(line) + "\n")


def obey(message: func.ServiceBusMessage) -> object:
    """Fail, wait for a file, or return something, when the body says so."""
    body = message.get_body()
    order = json.loads(body) if body.startswith(b"{") else {}
    if order.get("fail_until", 0) >= (message.delivery_count or 0):
        raise RuntimeError(f"told to fail delivery {message.delivery_count}")
    while "wait_for" in order and not Path(order["wait_for"]).exists():
        time.sleep(0.01)
    return order.get("return")


@app.service_bus_queue_trigger(arg_name="message", queue_name="%ONE_QUEUE%", connection="ServiceBusConnection")
def one(message: func.ServiceBusMessage, context: func.Context) -> None:
    traceparent = context.trace_context.Traceparent  # type: ignore[attr-defined] # the worker's name for it
    note("one", message, traceparent=traceparent, begins=True)
    result = obey(message)
    note("one", message, ends=True)
    return result  # type: ignore[return-value] # something, when the body says so


@app.service_bus_queue_trigger(
    arg_name="messages",
    queue_name="%MANY_QUEUE%",
    connection="ServiceBusConnection",
    cardinality=func.Cardinality.MANY,
    data_type=func.DataType.BINARY,
)
def many(messages: typing.List[func.ServiceBusMessage]) -> None:  # noqa: UP006 - the worker refuses list[...]
    batch = [message.message_id for message in messages]
    for message in messages:
        note("many", message, batch=batch)
    for message in messages:
        obey(message)


@app.service_bus_queue_trigger(
    arg_name="message", queue_name="%ONE_QUEUE%/$deadletterqueue", connection="ServiceBusConnection"
)
async def dead(message: func.ServiceBusMessage) -> None:
    note("dead", message)
