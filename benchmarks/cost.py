"""What a run costs from its request to its last row: CPU by process, statements."""

import time
from collections.abc import Iterator, Mapping

import psutil

from benchmarks import calls
from benchmarks.hosts import Host
from benchmarks.measure import Measure
from bridge.local.stack import Stack

BATCH = 50
#: Of the `record` instance, in seconds.
WINDOW = 5


def measure_cost(stack: Stack, hosts: Mapping[str, Host], *, runs: int) -> Iterator[Measure]:
    """All of it, with everything that follows: events, looks, rows."""
    calls.settle(stack, 0)
    inserts = calls.inserts(stack)
    functions, processes = _functions(hosts), _processes(stack, hosts)
    with calls.Caller(hosts["http"].base_url) as caller:
        names = [name for _ in range(runs // BATCH) for name in calls.ask_bridge(caller, BATCH)]
    calls.created(stack, names)
    calls.wait_for(lambda: _is_done(stack), "events and rows")
    by_function, by_process = _functions(hosts), _processes(stack, hosts)
    for kind, used in by_function.items():
        yield Measure(measure=f"CPU a run, {kind}", unit="ms", bridge=1000 * (used - functions[kind]) / len(names))
    in_all = sum(by_function.values()) - sum(functions.values())
    yield Measure(measure="CPU of 1,000 runs, all functions", unit="s", bridge=1000 * in_all / len(names))
    for name, used in by_process.items():
        yield Measure(
            measure=f"CPU a run, process {name}", unit="ms", bridge=1000 * (used - processes[name]) / len(names)
        )
    yield Measure(
        measure=f"record: statements of 1,000 runs, window {WINDOW} s",
        unit="statements",
        bridge=1000 * (calls.inserts(stack) - inserts) / len(names),
    )


def _functions(hosts: Mapping[str, Host]) -> dict[str, float]:
    return {kind: host.functions_cpu_seconds for kind, host in hosts.items()}


def _processes(stack: Stack, hosts: Mapping[str, Host]) -> dict[str, float]:
    """Of all that works: the hosts with their functions, and the emulators."""
    pids = {f"emulator {name}": process.pid for name, process in stack.processes.items() if process.pid}
    pids |= {f"host {kind}": host.pid for kind, host in hosts.items()}
    times = {name: psutil.Process(pid).cpu_times() for name, pid in pids.items() if name != "emulator entra"}
    return {name: float(found.user + found.system) for name, found in times.items()}


def _is_done(stack: Stack) -> bool:
    """Every job has ended, and nothing waits but the chain's looks."""
    time.sleep(0.5)
    jobs = stack.call("azure_ml", "GET", "/jobs")
    return all(job["status"] == "Completed" for job in jobs) and calls.is_quiet(stack)
