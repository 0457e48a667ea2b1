"""How fast requests are answered: by an HTTP instance, beside what a sender of Service Bus reaches by itself."""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender

from benchmarks import calls
from benchmarks.hosts import bridge_host, peer_host
from benchmarks.measure import Measure, at_most, least_of_limit
from bridge.local.stack import Stack

BATCHES = (1, 10, 100, 500)
#: Of lists that a sender sends by itself.
LIST = 100
#: Rows of the peer's batch: each takes it about a tenth of a second.
PEER_ROWS = 20


def measure_accept(stack: Stack, *, rounds: int) -> Iterator[Measure]:
    """Median answers, and rows a second; the parts take turns, so that a slow moment is everybody's."""
    seconds: dict[object, list[float]] = {}
    with (
        bridge_host(stack, "http") as bridge,
        peer_host(stack) as peer,
        calls.Caller(bridge.base_url) as to_bridge,
        calls.Caller(peer.base_url) as to_peer,
        ServiceBusClient.from_connection_string(stack.endpoints["service_bus"]["connection_string"]) as client,
        client.get_queue_sender("run-commands") as sender,
    ):
        parts: dict[object, Callable[[], float]] = {
            **{rows: partial(_answer, to_bridge, calls.bridge_request, rows) for rows in BATCHES},
            "peer 1": partial(_answer, to_peer, calls.peer_request, 1),
            "peer many": partial(_answer, to_peer, calls.peer_request, PEER_ROWS),
            "two sends": partial(_send, sender, 1, times=2),
            "list": partial(_send, sender, LIST),
        }
        for part in parts.values():
            part()
        for _ in range(rounds):
            for name, part in parts.items():
                seconds.setdefault(name, []).extend(part() for _ in range(1 if name == "peer many" else 5))
        stack.call("service_bus", "POST", "/reset", {})
    median = {name: statistics.median(found) for name, found in seconds.items()}
    yield from _answers(median)
    yield from _rates(median)


def _answers(median: dict[object, float]) -> Iterator[Measure]:
    for rows, limit, peer, goal in (
        (1, median["two sends"], median["peer 1"], 5.0),
        (100, median["list"], None, 25.0),
    ):
        yield Measure(
            measure=f"accept: median answer, batches of {rows}",
            unit="ms",
            bridge=1000 * median[rows],
            limit=1000 * limit,
            peer=1000 * peer if peer else None,
            goal=at_most(goal),
        )


def _rates(median: dict[object, float]) -> Iterator[Measure]:
    best = max(BATCHES, key=lambda rows: rows / median[rows])
    for rows in BATCHES:
        yield Measure(
            measure=f"accept: rows a second, batches of {rows}",
            unit="rows/s",
            bridge=rows / median[rows],
            limit=LIST / median["list"],
            peer=PEER_ROWS / median["peer many"],
            goal=least_of_limit(0.7) if rows == best else None,
        )


def _answer(caller: calls.Caller, make: Callable[[int], calls.Request], rows: int) -> float:
    """Seconds from the request to the whole answer."""
    request = make(rows)
    begin = time.perf_counter()
    answer = caller.post(request)
    took = time.perf_counter() - begin
    calls.names(answer)
    return took


def _send(sender: ServiceBusSender, count: int, times: int = 1) -> float:
    """Seconds for lists with as much text in each message as a command has."""
    body = json.dumps({"text": "x" * 700})
    begin = time.perf_counter()
    for _ in range(times):
        sender.send_messages(
            [ServiceBusMessage(body, message_id=str(each), content_type="application/json") for each in range(count)]
        )
    return time.perf_counter() - begin
