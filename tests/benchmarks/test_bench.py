"""The benchmarks in short: that they still measure everything, and that no ratio is far outside of noise."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measure import Goal, Measure, at_most, least_of_limit, most_of_limit
from bridge.local.processes import ROOT

#: Beginnings of the measures that the README's figures and docs/scale.md are made of.
MEASURED = (
    "start: functions indexed", "start: http", "start: execute", "start: record", "memory: http", "memory: execute",
    "memory: record", "accept: median answer, batches of 1", "accept: median answer, batches of 100",
    "accept: rows a second", "request to PUT, idle, Azure ML takes 0 ms", "request to PUT, idle, Azure ML takes 150 ms",
    "burst of 50, Azure ML takes 0 ms", "burst of 50, Azure ML takes 150 ms", "CPU a run, execute", "CPU of 1,000 runs",
    "submissions, ", "record: rows a second", "record: statements a table for 1,000 events",
    "record: statements of 1,000 runs", "event to row",
)  # fmt: skip


@pytest.mark.timeout(600)
def test_everything_is_measured_and_nothing_is_far_off(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--short", "--results", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    measures = json.loads((tmp_path / "short.json").read_text())["measures"]
    names = [each["measure"] for each in measures]
    assert [name for name in MEASURED if not any(each.startswith(name) for each in names)] == []
    assert all(each["bridge"] >= 0 for each in measures)
    assert (tmp_path / "short.svg").read_text().startswith("<?xml")
    assert all(f"| {name} |" in done.stdout for name in names)


def measure(bridge: float, limit: float | None, goal: Goal | None) -> Measure:
    return Measure(measure="m", unit="s", bridge=bridge, limit=limit, peer=40, goal=goal)


@pytest.mark.parametrize(
    ("found", "met", "is_broken"),
    [
        (measure(10, 10, None), None, False),
        (measure(30, None, at_most(30)), True, False),
        (measure(500, None, at_most(30)), False, False),
        (measure(70, 100, least_of_limit(0.7)), True, False),
        (measure(69, 100, least_of_limit(0.7)), False, False),
        (measure(17, 100, least_of_limit(0.7)), False, True),
        (measure(1.3, 1, most_of_limit(1.3)), True, False),
        (measure(5, 1, most_of_limit(1.3)), False, False),
        (measure(5.3, 1, most_of_limit(1.3)), False, True),
    ],
)
def test_only_a_ratio_far_from_its_goal_is_broken(found: Measure, met: bool | None, is_broken: bool) -> None:
    assert (found.met, found.is_broken) == (met, is_broken)


def test_the_ratio_is_to_the_limit_and_without_one_to_the_peer() -> None:
    assert (measure(10, 20, None).ratio, measure(10, None, None).ratio) == (0.5, 0.25)
    assert measure(10, 20, least_of_limit(0.5)).to_json() == {
        "measure": "m",
        "unit": "s",
        "goal": "≥ 0.5 x limit",
        "limit": 20,
        "peer": 40,
        "bridge": 10,
        "ratio": 0.5,
        "met": True,
    }
