"""Plots as shapes for SVG, in a box of 320 by 88; the template draws them, and no script is needed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bridge.domain.totals import Amounts, Span
from bridge.handlers.dashboard import words

WIDTH, HEIGHT = 320, 88
#: Of a bar's place, what is left free.
GAP = 0.24
#: The least that can be seen.
THINNEST = 1.5


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One rectangle."""

    x: float
    y: float
    width: float
    height: float
    #: Which style it has.
    kind: str
    #: For who points at it.
    title: str


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Rectangles, and what they say in a sentence."""

    title: str
    summary: str
    #: What the top of the box stands for.
    top: str
    bars: Sequence[Bar]
    #: Names of the kinds, in the order of drawing.
    legend: Sequence[tuple[str, str]] = field(default_factory=tuple)


def plots(spans: Sequence[Span], every: timedelta, together: Amounts) -> list[Plot]:
    """How many, how well, how long."""
    return [_throughput(spans, every), _success(spans, every, together), _durations(spans, every, together)]


def title_of(span: Span, every: timedelta) -> str:
    """The span as a time: a day by its name, anything shorter from when to when."""
    if every >= timedelta(days=1):
        return words.day(span.begins_at)
    return f"{words.moment(span.begins_at)} to {words.clock(span.begins_at + every)[:5]}"


def _throughput(spans: Sequence[Span], every: timedelta) -> Plot:
    most = max((span.amounts.all for span in spans), default=0)
    bars = []
    for number, span in enumerate(spans):
        amounts, base = span.amounts, 0
        other = amounts.all - amounts.completed - amounts.failed
        told = f"{title_of(span, every)}: {amounts.completed} completed, {amounts.failed} failed, {other} other"
        for kind, amount in (("good", amounts.completed), ("other", other), ("bad", amounts.failed)):
            if amount:
                bars.append(_bar(number, len(spans), base / most, amount / most, kind, told))
            base += amount
    per = {1: "hour", 6: "six hours", 24: "day"}[every // timedelta(hours=1)]
    return Plot(
        title=f"Runs per {per}",
        summary=f"{sum(span.amounts.all for span in spans):,} runs, at most {most:,} per {per}",
        top=f"{most:,}",
        bars=bars,
        legend=(("good", "completed"), ("bad", "failed"), ("other", "other")),
    )


def _success(spans: Sequence[Span], every: timedelta, together: Amounts) -> Plot:
    bars = []
    for number, span in enumerate(spans):
        rate = span.amounts.success_rate
        if rate is None:
            continue
        told = f"{title_of(span, every)}: {words.percent(rate)}"
        bars.append(_bar(number, len(spans), 0, rate, "good", told))
        if rate < 1:
            bars.append(_bar(number, len(spans), rate, 1 - rate, "bad", told))
    return Plot(
        title="Success rate",
        summary=f"{words.percent(together.success_rate)} of the runs that completed or failed completed",
        top="100 %",
        bars=bars,
    )


def _durations(spans: Sequence[Span], every: timedelta, together: Amounts) -> Plot:
    longest = max((span.amounts.slow_seconds or 0 for span in spans), default=0)
    bars = []
    for number, span in enumerate(spans):
        median, slow = span.amounts.median_seconds, span.amounts.slow_seconds
        if median is None or slow is None:
            continue
        told = f"{title_of(span, every)}: half within {words.seconds(median)}, 95 % within {words.seconds(slow)}"
        bars.append(_bar(number, len(spans), 0, slow / (longest or 1), "slow", told))
        bars.append(_bar(number, len(spans), 0, median / (longest or 1), "median", told))
    half, most = words.seconds(together.median_seconds), words.seconds(together.slow_seconds)
    return Plot(
        title="Duration of completed runs",
        summary=f"half within {half}, 95 % within {most}" if together.completed else "no run has completed",
        top=words.seconds(longest),
        bars=bars,
        legend=(("median", "half within"), ("slow", "95 % within")),
    )


def _bar(number: int, count: int, base: float, share: float, kind: str, title: str) -> Bar:  # noqa: PLR0917
    place = WIDTH / count
    height = max(share * HEIGHT, THINNEST)
    return Bar(
        x=round(number * place + place * GAP / 2, 2),
        y=round(min(HEIGHT - base * HEIGHT - height, HEIGHT - height), 2),
        width=round(place * (1 - GAP), 2),
        height=round(height, 2),
        kind=kind,
        title=title,
    )
