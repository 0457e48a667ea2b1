"""What a run costs from its request to its last row: CPU by process, statements."""

import time
from collections.abc import Iterator, Mapping

import psutil

from benchmarks import calls
from benchmarks.hosts import Host
from benchmarks.measure import Measure
from bridge.local.stack import Stack

BATCH = 50


def measure_cost(stack: Stack, hosts: Mapping[str, Host], *, runs: int) -> Iterator[Measure]:
    """What a run takes from its request to the last row, by process; and how often the ledger is written."""
    calls.settle(stack, 0)
    inserts = calls.inserts(stack)
    before = _cpu_seconds(stack, hosts)
    with calls.client(hosts["http"].base_url) as http:
        names = [name for _ in range(runs // BATCH) for name in calls.ask_bridge(http, BATCH)]
    calls.created(stack, names)
    calls.wait_for(lambda: _is_done(stack), "events and rows")
    after = _cpu_seconds(stack, hosts)
    for name, used in after.items():
        measure = "CPU a run" if name == "execute" else f"CPU a run, {name}"
        yield Measure(measure=measure, unit="ms", bridge=1000 * (used - before[name]) / len(names))
    of_app = sum(after[kind] - before[kind] for kind in hosts)
    yield Measure(measure="CPU of 1,000 runs, the app in all", unit="s", bridge=1000 * of_app / len(names))
    yield Measure(
        measure="record: statements of 1,000 runs, window 5 s",
        unit="statements",
        bridge=1000 * (calls.inserts(stack) - inserts) / len(names),
    )


def _cpu_seconds(stack: Stack, hosts: Mapping[str, Host]) -> dict[str, float]:
    emulators = {f"emulator {name}": process.pid for name, process in stack.processes.items() if process.pid}
    times = {name: psutil.Process(pid).cpu_times() for name, pid in emulators.items()}
    return {kind: host.cpu_seconds for kind, host in hosts.items()} | {
        name: float(found.user + found.system) for name, found in times.items()
    }


def _is_done(stack: Stack) -> bool:
    """Every job has ended, and nothing waits but the chain's looks."""
    time.sleep(0.5)
    queues = stack.call("service_bus", "GET", "/queues")
    waiting = sum(queues[name]["active"] + queues[name]["locked"] for name in queues)
    jobs = stack.call("azure_ml", "GET", "/jobs")
    return waiting == 0 and all(job["status"] == "Completed" for job in jobs)
