"""From a request to the submission in Azure ML: one at a time, in bursts, and by concurrency."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from benchmarks import calls
from benchmarks.bare_put import IN_FLIGHT, BarePut
from benchmarks.hosts import Host, bridge_hosts, peer_host
from benchmarks.measure import Measure, at_most, least_of_limit
from bridge.local.stack import Stack

#: For so many runs at once; the names of their jobs.
Ask = Callable[[int], list[str]]
#: Milliseconds that Azure ML takes to answer.
LATENCIES = (0, 150)
BURST = 50
#: calls at once -> submissions to measure them by.
CONCURRENCY: Mapping[int, int] = {1: 12, 8: 80, 32: 320}
CALLS_SETTING = "AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentCalls"


def measure_idle(stack: Stack, hosts: Mapping[str, Host], *, rounds: int) -> Iterator[Measure]:
    """One request at a time, with nothing else to do: until its PUT reaches Azure ML, through the queue."""
    with _parts(stack, hosts, in_flight=1) as parts:
        for latency in LATENCIES:
            milliseconds = _until_arrival(stack, parts, latency, rounds)
            yield Measure(
                measure=f"request to PUT, idle, Azure ML takes {latency} ms",
                unit="ms",
                bridge=milliseconds["bridge"],
                limit=milliseconds["limit"],
                peer=milliseconds["peer"],
                goal=at_most(30) if latency == 0 else None,
            )


@contextmanager
def _parts(stack: Stack, hosts: Mapping[str, Host], *, in_flight: int) -> Iterator[Mapping[str, Ask]]:
    """Who is asked, by its column."""
    with (
        peer_host(stack) as peer,
        calls.Caller(peer.base_url) as to_peer,
        calls.Caller(hosts["http"].base_url) as to_bridge,
    ):
        yield {
            "bridge": partial(calls.ask_bridge, to_bridge),
            "limit": partial(BarePut(stack).put_many, in_flight),
            "peer": partial(calls.ask_peer, to_peer),
        }


def _until_arrival(stack: Stack, parts: Mapping[str, Ask], latency: int, rounds: int) -> dict[str, float]:
    """Medians, in milliseconds."""
    calls.settle(stack, latency)
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for number in range(rounds + 1):
        for name, part in parts.items():
            begin = time.time()
            names = part(1)
            took = calls.arrived(stack, names) - begin
            if number:  # the first one makes connections
                seconds[name].append(took)
            time.sleep(0.2)  # what it has led to must not be in the way of the next
    return {name: 1000 * statistics.median(found) for name, found in seconds.items()}


def measure_bursts(stack: Stack, hosts: Mapping[str, Host], *, rounds: int, peers: int = BURST) -> Iterator[Measure]:
    """Fifty at once: until Azure ML has made the last of them. The peer makes as many as are asked of it."""
    with _parts(stack, hosts, in_flight=IN_FLIGHT) as parts:
        for part in parts.values():
            _rate(stack, 0, 1, part)  # what the first one loads and connects is another measure
        for latency in LATENCIES:
            rates: dict[str, list[float]] = {name: [] for name in parts}
            for number in range(rounds):
                for name, part in parts.items():
                    if name != "peer":
                        rates[name].append(_rate(stack, latency, BURST, part))
                    elif number == 0:  # one after the other, it takes its time
                        rates[name].append(_rate(stack, latency, peers, part))
            yield Measure(
                measure=f"burst of {BURST}, Azure ML takes {latency} ms",
                unit="submissions/s",
                bridge=statistics.median(rates["bridge"]),
                limit=statistics.median(rates["limit"]),
                peer=statistics.median(rates["peer"]),
                goal=least_of_limit(0.5) if latency else None,
            )


def measure_concurrency(stack: Stack, *, rounds: int, counts: Mapping[int, int] = CONCURRENCY) -> Iterator[Measure]:
    """Calls at once against submissions a second, while Azure ML takes 150 ms for each."""
    bare, latency = BarePut(stack), LATENCIES[-1]
    for at_once, count in counts.items():
        rates: dict[str, list[float]] = {"bridge": [], "limit": []}
        with (
            bridge_hosts(stack, {CALLS_SETTING: str(at_once)}) as hosts,
            calls.Caller(hosts["http"].base_url) as to_bridge,
        ):
            ask = partial(calls.ask_bridge, to_bridge)
            _rate(stack, 0, at_once, ask)
            for _ in range(rounds):
                rates["bridge"].append(_rate(stack, latency, count, ask))
                rates["limit"].append(_rate(stack, latency, count, partial(bare.put_many, at_once)))
        yield Measure(
            measure=f"submissions, {at_once} at once, Azure ML takes {latency} ms",
            unit="submissions/s",
            bridge=statistics.median(rates["bridge"]),
            limit=statistics.median(rates["limit"]),
        )


def _rate(stack: Stack, latency: int, count: int, ask: Ask) -> float:
    calls.settle(stack, latency)
    begin = time.time()
    names = ask(count)
    return count / (calls.created(stack, names) - begin)
