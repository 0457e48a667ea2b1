"""What one measurement says: the bridge beside the limit and the peer, and whether a goal is met."""

from dataclasses import dataclass
from typing import Any

#: A ratio that misses its goal by more than this factor is broken: no noise of a busy machine does that.
FAR = 4.0


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A bound for the bridge's figure, or for its ratio to the limit."""

    value: float
    is_least: bool = False
    of_limit: bool = False

    def __str__(self) -> str:
        sign = "≥" if self.is_least else "≤"
        return f"{sign} {self.value:g} x limit" if self.of_limit else f"{sign} {self.value:g}"

    def is_met(self, figure: float, slack: float = 1.0) -> bool:
        """`slack`: a factor by which the bound may be missed."""
        return figure >= self.value / slack if self.is_least else figure <= self.value * slack


def at_most(value: float) -> Goal:
    return Goal(value=value)


def least_of_limit(share: float) -> Goal:
    return Goal(value=share, is_least=True, of_limit=True)


def most_of_limit(times: float) -> Goal:
    return Goal(value=times, of_limit=True)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One line of the table."""

    measure: str
    unit: str
    bridge: float
    #: The same with nothing but the necessary, measured in the same run.
    limit: float | None = None
    #: What users would write first, likewise.
    peer: float | None = None
    goal: Goal | None = None

    @property
    def ratio(self) -> float | None:
        """The bridge's figure by the limit's, else by the peer's."""
        other = self.limit if self.limit is not None else self.peer
        return self.bridge / other if other else None

    @property
    def met(self) -> bool | None:
        return self._within(1.0)

    @property
    def is_broken(self) -> bool:
        """Whether a ratio is far outside of what noise explains. Other figures say as much about the machine."""
        return self.goal is not None and self.goal.of_limit and self._within(FAR) is False

    def to_json(self) -> dict[str, Any]:
        return {
            "measure": self.measure,
            "unit": self.unit,
            "goal": str(self.goal) if self.goal else None,
            "limit": _rounded(self.limit),
            "peer": _rounded(self.peer),
            "bridge": _rounded(self.bridge),
            "ratio": _rounded(self.ratio),
            "met": self.met,
        }

    def _within(self, slack: float) -> bool | None:
        if self.goal is None:
            return None
        figure = self.ratio if self.goal.of_limit else self.bridge
        return None if figure is None else self.goal.is_met(figure, slack)


def _rounded(value: float | None) -> float | None:
    """Four digits: none of these figures is more exact."""
    return None if value is None else float(f"{value:.4g}")
