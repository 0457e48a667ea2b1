"""What people see of a run of the benchmarks: a table, a file for programs, a plot."""

import json
from collections.abc import Sequence
from pathlib import Path

from matplotlib import rcParams
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from benchmarks.measure import Measure

COLUMNS = ("measure", "ratio", "bridge", "limit", "peer", "unit", "goal", "met")


def table(measures: Sequence[Measure]) -> str:
    """Markdown; the ratio is the bridge's figure by the limit's, else by the peer's."""
    lines = [_line(COLUMNS), _line(["---", *["---:"] * 4, *["---"] * 3])]
    lines += [_line([_cell(measure.to_json()[column]) for column in COLUMNS]) for measure in measures]
    return "\n".join(lines)


def write_json(measures: Sequence[Measure], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"measures": [measure.to_json() for measure in measures]}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_plot(measures: Sequence[Measure], path: Path) -> None:
    """How far each figure is from the limit and from the peer, on one logarithmic scale."""
    shown = [measure for measure in measures if measure.ratio]
    rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none"})  # the same figures are the same few bytes
    figure = Figure(figsize=(9, 0.9 + 0.28 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(shown), 0, -1)
    axes.axvline(1, color="black", linewidth=1)
    axes.scatter(
        [_share(each, each.limit) for each in shown], places, marker="o", color="tab:blue", label="against the limit"
    )
    axes.scatter(
        [_share(each, each.peer) for each in shown], places, marker="x", color="tab:red", label="against the peer"
    )
    axes.set_yticks(list(places), [each.measure for each in shown], fontsize=8)
    axes.set_xscale("log")
    axes.set_xlabel("times as fast, or as small, as the other (1: the same)")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasSVG(figure).print_svg(path, metadata={"Date": None})  # type: ignore[no-untyped-call]  # matplotlib leaves it untyped


def _share(measure: Measure, other: float | None) -> float:
    """Above one is better than the other, whether more is better or less."""
    if not other or not measure.bridge:
        return float("nan")
    more_is_better = measure.unit.endswith("/s")
    return measure.bridge / other if more_is_better else other / measure.bridge


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    return f"{value:,g}" if isinstance(value, float) else str(value)
