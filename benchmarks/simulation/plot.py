"""The picture of `docs/scale.md`: how near a load comes to each limit, and what the batch window costs."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from benchmarks.simulation.loads import Load
from benchmarks.simulation.scenarios import NAMES, Cell, Setup, pressure

#: Each with its own line, so that the picture needs no colours to be read.
STYLES = ("-", "--", "-.", ":", (0, (6, 1)), (0, (1, 1)))
MARKERS = "osv^D"
RUNS_SHOWN = ("10", "1,000", "100,000", "10,000,000")


def draw(path: Path, cells: Sequence[Cell], setup: Setup) -> None:
    """The same input gives the same bytes: no date, and ids of one salt."""
    with mpl.rc_context({"svg.hashsalt": "scale", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(11, 4.8), layout="constrained")
        FigureCanvasSVG(figure)
        even, peak, windows = figure.subplots(1, 3)
        _limits(even, setup, has_peak=False)
        _limits(peak, setup, has_peak=True)
        _windows(windows, [cell for cell in cells if not cell.load.has_peak])
        handles, labels = even.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None})


def _limits(axes: Axes, setup: Setup, *, has_peak: bool) -> None:
    """All are straight lines: twice the runs ask for twice as much, except for batches that are not full."""
    loads = [Load(10**power, has_peak) for power in range(1, 8)]
    for (name, title), style in zip(NAMES.items(), STYLES, strict=True):
        parts = [100 * getattr(pressure(load, setup), name) for load in loads]
        axes.plot([load.runs for load in loads], parts, linestyle=style, label=title)
    axes.axhline(100, color="black", linewidth=0.8)
    axes.set(xscale="log", yscale="log", ylim=(0.01, 100_000), xlabel="runs a day")
    axes.set(ylabel="part of the limit, %", title=f"One identity, {'80 % in one hour' if has_peak else 'evenly'}")
    _ticks(axes, RUNS_SHOWN, ("0.01", "1", "100", "10,000"))


def _ticks(axes: Axes, runs: Sequence[str], values: Sequence[str]) -> None:
    """Few, and written out: each tick is a kilobyte of the file."""
    axes.set_xticks([float(text.replace(",", "")) for text in runs], runs)
    axes.set_yticks([float(text.replace(",", "")) for text in values], values)
    axes.minorticks_off()
    axes.grid(visible=True, linewidth=0.3)


def _windows(axes: Axes, cells: Sequence[Cell]) -> None:
    for window, marker in zip(sorted({cell.window for cell in cells}), MARKERS, strict=False):
        chosen = [cell for cell in cells if cell.window == window]
        runs, credits_ = [cell.load.runs for cell in chosen], [cell.credits_per_1000 for cell in chosen]
        axes.plot(runs, credits_, marker=marker, markersize=4, linewidth=1, label=f"{window} s")
    axes.set(xscale="log", yscale="log", xlabel="runs a day", ylabel="credits per 1,000 runs")
    axes.set_title("Batch window, evenly")
    _ticks(axes, RUNS_SHOWN[:3], ("0.1", "1", "10", "100"))
    axes.legend(title="window", frameon=False)
