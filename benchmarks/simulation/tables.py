"""What is printed: the same tables as text to read and as Markdown for `docs/scale.md`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.simulation import limits
from benchmarks.simulation.costs import (
    CREDIT_QUOTA,
    MESSAGE_BYTES,
    MESSAGE_CPU_MS,
    RESUME_SECONDS,
    STATEMENT_SECONDS,
    Costs,
    Measured,
)
from benchmarks.simulation.flow import at_most
from benchmarks.simulation.loads import PEAK_SHARE, Load
from benchmarks.simulation.scenarios import NAMES, Cell, Outcome, Setup, needs, pressure


@dataclass(frozen=True)
class Table:
    """Cells as they are shown; the first column names the line."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.header))]
        shown = (
            "  ".join(cell.rjust(width) if number else cell.ljust(width) for number, (cell, width) in enumerate(pairs))
            for pairs in (list(zip(line, widths, strict=True)) for line in lines)
        )
        return "\n".join([self.title, *(line.rstrip() for line in shown)])

    def markdown(self) -> str:
        lines = [self.header, ["---", *["---:"] * (len(self.header) - 1)], *self.rows]
        return "\n".join([f"**{self.title}**", "", *(f"| {' | '.join(line)} |" for line in lines)])


def seconds(value: float) -> str:
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def percent(part: float) -> str:
    if part < 0.0001:
        return "< 0.01 %"
    return f"{100 * part:,.0f} %" if part >= 0.0995 else f"{100 * part:.2g} %"


def of_a_run(needed: Costs, job_minutes: int) -> Table:
    cells = {
        "submissions (ARM writes)": needed.writes,
        "looks at the job (ARM reads)": needed.reads,
        "messages, each sent and received": needed.messages,
        "of them for record": needed.record_messages,
        "events of Azure ML": needed.events,
        "rows": needed.rows,
    }
    rows = [[name, str(count)] for name, count in cells.items()]
    return Table(f"One run whose job takes {job_minutes} minutes", ["what", "count"], rows)


def of_limits(outcomes: Sequence[Outcome]) -> Table:
    rows = []
    for name, title in NAMES.items():
        rows.append([title, *(percent(getattr(outcome.pressure, name)) for outcome in outcomes)])
    filled = (outcome.load.runs / limits.RUNS_PER_WORKSPACE for outcome in outcomes)
    rows.append(["Azure ML: runs of a workspace, used up by each day", *map(percent, filled)])
    return Table("Part of each limit at the busiest time, one identity", ["limit", *_names(outcomes)], rows)


def of_reach(runs: int, setup: Setup) -> Table:
    """By rule of three from so many runs, at which batches are full: what a load asks for grows with it."""
    loads = (Load(runs), Load(runs, has_peak=True))
    rows = [
        [title, *(f"{round(load.runs / getattr(pressure(load, setup), name)):,}" for load in loads)]
        for name, title in NAMES.items()
    ]
    return Table("Runs a day at which one identity reaches a limit", ["limit", "even", "peak"], rows)


def of_outcomes(outcomes: Sequence[Outcome]) -> Table:
    columns = [dict(_facts(outcome)) for outcome in outcomes]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return Table("What happens, one identity", ["", *_names(outcomes)], rows)


def _names(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.load.name for outcome in outcomes]


def _facts(outcome: Outcome) -> Iterator[tuple[str, str]]:
    yield "not submitted by the end", f"{outcome.setup.shards * outcome.flow.unsubmitted:,}"
    yield from _waiting(outcome)
    yield from _rows(outcome)
    ledger, submitted = outcome.ledger, outcome.submitted
    yield "starts of the warehouse", f"{ledger.starts:,}"
    yield "warehouse seconds per 1,000 runs", f"{ledger.seconds * 1000 / submitted:,.0f}"
    yield "credits per 1,000 runs", f"{ledger.credits * 1000 / submitted:,.3f}"
    yield f"instances: {', '.join(outcome.instances)}", ", ".join(map(str, outcome.instances.values()))


def _waiting(outcome: Outcome) -> Iterator[tuple[str, str]]:
    flow, shards = outcome.flow, outcome.setup.shards
    yield "request to submission: half, 99 %, longest", ", ".join(_wait(outcome, part) for part in (0.5, 0.99, 1))
    yield "runs that wait, at most", f"{shards * flow.most_waiting:,}"
    yield "looks that wait, at most", f"{shards * flow.most_reads_waiting:,}"
    yield "an end is seen late by, at most", f"{'over ' if flow.unread else ''}{seconds(max(flow.read_waits))}"


def _wait(outcome: Outcome, share: float) -> str:
    """Of runs that were never submitted only the least is known."""
    submitted = 1 - outcome.flow.unsubmitted / outcome.flow.waits.total()
    return f"{'over ' if share > submitted else ''}{seconds(at_most(outcome.flow.waits, share))}"


def _rows(outcome: Outcome) -> Iterator[tuple[str, str]]:
    ages = outcome.ledger.ages
    yield "row readable after: half, longest", f"{at_most(ages, 0.5)} s, {max(ages)} s"
    yield "statements", f"{outcome.ledger.statements:,}"


def of_settings(outcomes: Sequence[tuple[Outcome, int]]) -> Table:
    """`outcomes`: each with the seconds within which it holds."""
    columns = [dict(_settings(outcome, within)) for outcome, within in outcomes]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return Table("What it takes until 10 million hold", ["", *_names([each for each, _ in outcomes])], rows)


def _settings(outcome: Outcome, within: int) -> Iterator[tuple[str, str]]:
    need = needs(outcome)
    yield "submission and seen end late by at most", seconds(within)
    yield "batch window", f"{outcome.setup.window} s"
    yield "shards: function app, identity, workspace", f"{outcome.setup.shards:,}"
    yield "subscriptions", f"{need.subscriptions:,}"
    yield "Service Bus: Standard namespaces", f"{need.standard_namespaces:,}"
    yield "or messaging units of Premium", f"{need.messaging_units:,}"
    yield "clusters of the warehouse", f"{need.clusters:,}"
    yield "statements at once, busiest minute", f"{need.at_once:,.1f}"
    yield "processes of record, one statement each", f"{outcome.instances['record']:,}"
    yield from _waiting(outcome)
    yield from _rows(outcome)
    yield "credits a day", f"{need.credits:,.1f}"
    yield "credits per 1,000 runs", f"{need.credits * 1000 / outcome.submitted:,.4f}"
    yield "rows a day", f"{need.rows:,}"
    yield "days until the workspaces are full", f"{need.days_until_full:,.0f}"


def of_windows(cells: Sequence[Cell]) -> list[Table]:
    """One table for each question, a line for each load, a column for each window."""
    costs = (
        f"Per 1,000 runs: warehouse seconds, credits. In 30 days: credits, of a default credit_quota of {CREDIT_QUOTA}"
    )
    return [
        _pivot(costs, cells, _cost),
        _pivot("A day: statements, starts of the warehouse. A row readable after: mean, longest seconds", cells, _ages),
    ]


def _cost(cell: Cell) -> str:
    return f"{cell.seconds_per_1000:,.0f} · {cell.credits_per_1000:,.2f} · {cell.credits_a_month:,.0f}"


def _ages(cell: Cell) -> str:
    ledger = cell.ledger
    return f"{ledger.statements:,} · {ledger.starts:,} · {ledger.mean_age:.0f} · {max(ledger.ages)}"


def _pivot(title: str, cells: Sequence[Cell], show: Callable[[Cell], str]) -> Table:
    windows = sorted({cell.window for cell in cells})
    lines: dict[str, list[str]] = {}
    for cell in cells:
        lines.setdefault(cell.load.name, []).append(show(cell))
    header = ["runs", *(f"{window} s" for window in windows)]
    return Table(title, header, [[name, *shown] for name, shown in lines.items()])


def of_inputs(measured: Measured) -> Table:
    rows = [
        ["CPU of a submission", f"{measured.submit_cpu_ms:g} ms", measured.source],
        ["rows that record handles", f"{measured.record_rows_per_second:,.0f} a second", measured.source],
        ["CPU of any other message", f"{MESSAGE_CPU_MS:g} ms", "assumed"],
        ["bytes of a message", f"{MESSAGE_BYTES:,}", "assumed"],
        ["INSERT, whatever its rows", f"{STATEMENT_SECONDS:g} s", "assumed"],
        ["start of the warehouse", f"{RESUME_SECONDS} s", "assumed"],
        ["runs of a peak, within an hour", percent(PEAK_SHARE), "assumed"],
    ]
    return Table("Inputs besides the limits", ["what", "value", "from"], rows)
