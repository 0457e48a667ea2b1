"""Measures the bridge beside its limits and what users would write first: `make bench`."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.accept import measure_accept
from benchmarks.cost import WINDOW, measure_cost
from benchmarks.hosts import bridge_hosts
from benchmarks.measure import Measure
from benchmarks.record import measure_freshness, measure_record
from benchmarks.report import table, write_json, write_plot
from benchmarks.starts import measure_starts
from benchmarks.submit import measure_bursts, measure_concurrency, measure_idle
from bridge.local.stack import Stack, local_stack

RESULTS = Path(__file__).with_name("results")
WINDOW_SETTING = {"AzureFunctionsJobHost__extensions__serviceBus__maxBatchWaitTime": f"00:00:{WINDOW:02}"}


def all_measures(stack: Stack) -> Iterator[Measure]:
    """Everything, in the order of a run's life."""
    yield from measure_starts(stack, rounds=6)
    yield from measure_accept(stack, rounds=15)
    with bridge_hosts(stack, WINDOW_SETTING) as hosts:
        yield from measure_idle(stack, hosts, rounds=15)
        yield from measure_bursts(stack, hosts, rounds=5)
        yield from measure_cost(stack, hosts, runs=1000)
    yield from measure_concurrency(stack, rounds=3)
    yield from measure_record(stack, rounds=15)
    with bridge_hosts(stack) as hosts:
        yield from measure_freshness(stack, hosts, rounds=5)


def rough_measures(stack: Stack) -> Iterator[Measure]:
    """The same in a fraction of the time: only to see that it works, and that nothing is far off."""
    yield from measure_starts(stack, rounds=1)
    yield from measure_accept(stack, rounds=1)
    with bridge_hosts(stack, WINDOW_SETTING) as hosts:
        yield from measure_idle(stack, hosts, rounds=2)
        yield from measure_bursts(stack, hosts, rounds=1, peers=5)
        yield from measure_cost(stack, hosts, runs=50)
        yield from measure_freshness(stack, hosts, rounds=1, window=WINDOW)
    yield from measure_concurrency(stack, rounds=1, counts={8: 16})
    yield from measure_record(stack, rounds=3)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    arguments = _arguments()
    name = "short" if arguments.short else "latest"
    measures = []
    try:
        with local_stack(host=False) as stack:
            for measure in (rough_measures if arguments.short else all_measures)(stack):
                say(f"  {measure.measure}: {measure.bridge:.4g} {measure.unit}")
                measures.append(measure)
    except KeyboardInterrupt:
        say("stopped: nothing is written")
        return 130
    say("\n" + table(measures))
    write_json(measures, arguments.results / f"{name}.json")
    write_plot(measures, arguments.results / f"{name}.svg")
    say(f"\n{arguments.results / name}.json and .svg are written")
    broken = [measure.measure for measure in measures if measure.is_broken]
    if broken:
        say(f"far from their goals, which is no noise: {', '.join(broken)}")
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description="the bridge, its limits and its peer")
    parser.add_argument("--short", action="store_true", help="a minute in the place of several; its figures are rough")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIRECTORY", help="where the files go")
    arguments = parser.parse_args()
    try:
        arguments.results.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--results {arguments.results}: {error.strerror}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
