"""What a day of 10, 10,000 or 10 million runs asks of Azure and Snowflake: `make simulate`.

Nothing runs on either. It is arithmetic, second by second, over their documented limits and over what the app sends
for each run: which limit bites first, how long things wait, what it costs, and which settings it takes until 10 million
hold.
The same input gives the same output. `docs/scale.md` has its tables and its plot.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.simulation import tables
from benchmarks.simulation.costs import (
    EXECUTE_INSTANCES,
    JOB_MINUTES,
    RESULTS,
    WRITES_PER_SECOND,
    Measured,
    costs,
    life,
    measured,
)
from benchmarks.simulation.loads import Load
from benchmarks.simulation.scenarios import Cell, Outcome, Setup, enough, simulate, windows

RUNS = (10, 10_000, 10_000_000)
#: For the trade-off of the batch window.
WINDOW_RUNS = (10, 1_000, 10_000, 1_000_000)
#: How much longer things may wait in the last case.
PATIENCE = 6
#: Of a job: the last ones of the day have to be followed to their ends within the two hours after it.
LEAST_MINUTES, MOST_MINUTES = 5, 59
LONGEST_WAIT = 86_400
#: The settings allow 150 s at most.
WINDOWS = (5, 15, 30, 60, 150)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n\n")


def all_tables(options: argparse.Namespace, setup: Setup, cells: list[Cell]) -> Iterator[tables.Table]:
    speed = measured(options.measures)
    yield tables.of_inputs(speed)
    yield tables.of_a_run(costs(life(options.job_minutes)), options.job_minutes)
    outcomes = [simulate(Load(runs, has_peak), setup, speed) for runs in RUNS for has_peak in (False, True)]
    yield tables.of_limits(outcomes)
    yield tables.of_reach(RUNS[-1], setup)
    yield tables.of_outcomes(outcomes)
    yield tables.of_settings(_held(setup, speed, options.within))
    yield from tables.of_windows(cells)


def _held(setup: Setup, speed: Measured, within: int) -> list[tuple[Outcome, int]]:
    """Evenly; in a peak; that with the longest window; and with more patience."""
    even, peak = Load(RUNS[-1]), Load(RUNS[-1], has_peak=True)
    soon = enough(peak, setup, speed, within=within)
    slow = simulate(peak, replace(soon.setup, window=WINDOWS[-1]), speed)
    late = enough(peak, setup, speed, within=PATIENCE * within)
    return [
        (enough(even, setup, speed, within=within), within),
        (soon, within),
        (slow, within),
        (late, PATIENCE * within),
    ]


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(prog="benchmarks.simulate", description="a day of the bridge, as arithmetic")
    result.add_argument("--table", action="store_true", help="print Markdown")
    result.add_argument("--plot", type=Path, metavar="FILE", help="write an SVG")
    result.add_argument("--job-minutes", type=int, default=JOB_MINUTES, help="how long a job runs")
    result.add_argument("--within", type=int, default=3600, help="seconds that a submission may wait")
    result.add_argument("--measures", type=Path, default=RESULTS, metavar="FILE", help="measured speed, as JSON")
    return result


def problem(options: argparse.Namespace) -> str | None:
    """What is wrong with the arguments, before anything is worked out."""
    if not LEAST_MINUTES <= options.job_minutes <= MOST_MINUTES:
        return f"--job-minutes is {options.job_minutes}: give {LEAST_MINUTES} to {MOST_MINUTES}"
    if not 1 <= options.within <= LONGEST_WAIT:
        return f"--within is {options.within}: give 1 to {LONGEST_WAIT} seconds"
    if options.measures != RESULTS and not options.measures.is_file():
        return f"--measures: {options.measures} is no file; `make bench` writes one"
    try:
        measured(options.measures)
    except (ValueError, KeyError, TypeError):
        return f"--measures: {options.measures} is not what `make bench` writes"
    if options.plot and not options.plot.parent.is_dir():
        return f"--plot: there is no directory {options.plot.parent}"
    return None


def main() -> int:
    options = parser().parse_args()
    if (wrong := problem(options)) is not None:
        parser().error(wrong)
    setup = Setup(job_minutes=options.job_minutes)
    loads = [Load(runs, has_peak) for has_peak in (False, True) for runs in WINDOW_RUNS]
    cells = windows(loads, WINDOWS, setup)
    for table in all_tables(options, setup, cells):
        say(table.markdown() if options.table else table.text())
    alone = WRITES_PER_SECOND / EXECUTE_INSTANCES
    say(f"One instance alone, of EXECUTE_MAX_INSTANCES={EXECUTE_INSTANCES}, submits {alone:g} runs a second.")
    if options.plot:
        from benchmarks.simulation.plot import draw

        draw(options.plot, cells, setup)
    return 0


if __name__ == "__main__":
    sys.exit(main())
