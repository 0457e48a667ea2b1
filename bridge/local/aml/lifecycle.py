"""The life of a job as pure rules: which status it has when, and what changes that. No clock and no I/O of its own."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

#: (status, seconds after the submission) of a job that nobody touches.
TIMELINE = (
    ("NotStarted", 0.0),
    ("Preparing", 0.3),
    ("Queued", 0.6),
    ("Running", 1.0),
    ("Finalizing", 2.0),
    ("Completed", 2.5),
)
TERMINAL = frozenset({"Completed", "Failed", "Canceled"})
#: From here on the service refuses to cancel.
NOT_CANCELLABLE = TERMINAL | {"Finalizing"}
CANCEL_SECONDS = 0.5


@dataclass(frozen=True)
class Ending:
    """How a job is to end: "completed", "failed" or "canceled"; a held one stays in Running until it is told."""

    outcome: str = "completed"
    held: bool = False
    error_code: str = "UserError"
    error_message: str = "Execution failed. User process 'python' exited with status code 1."


@dataclass(frozen=True)
class Passage:
    """A status and when the job entered it."""

    status: str
    at: datetime


def timeline(ending: Ending, scale: float) -> list[tuple[str, float]]:
    """The statuses of a job that ends like this, with their scaled offsets."""
    statuses = list(TIMELINE)
    if ending.outcome == "failed":
        statuses[-1] = ("Failed", statuses[-1][1])
    elif ending.outcome == "canceled":
        statuses[-2:] = [("CancelRequested", 2.0), ("Canceled", 2.0 + CANCEL_SECONDS)]
    if ending.held:
        statuses = [(status, at) for status, at in statuses if at <= 1.0]
    return [(status, at * scale) for status, at in statuses]


@dataclass
class Life:
    """The statuses a job had and those still to come."""

    coming: deque[tuple[str, float]]
    passed: list[Passage] = field(default_factory=list)

    @classmethod
    def begin(cls, statuses: Sequence[tuple[str, float]], now: float) -> "Life":
        return cls(deque((status, now + offset) for status, offset in statuses))

    @property
    def status(self) -> str:
        return self.passed[-1].status if self.passed else "NotStarted"

    @property
    def is_over(self) -> bool:
        return self.status in TERMINAL

    @property
    def next_due(self) -> float | None:
        return self.coming[0][1] if self.coming else None

    def settle(self, now: float, at: datetime) -> list[Passage]:
        """Enter every status that is due, and say which these were."""
        entered = []
        while self.coming and self.coming[0][1] <= now:
            entered.append(Passage(self.coming.popleft()[0], at))
        self.passed += entered
        return entered

    def cancel(self, now: float, scale: float) -> None:
        """Replace what was to come; the first status of it is due at once."""
        if self.status == "CancelRequested":
            return
        self.coming = deque([("CancelRequested", now), ("Canceled", now + CANCEL_SECONDS * scale)])

    def force(self, status: str, now: float) -> None:
        """Put the job into this status, where it stays: it has left its timeline."""
        self.coming = deque([(status, now)])

    def entered(self, *statuses: str) -> datetime | None:
        """When the job first entered one of these."""
        return next((passage.at for passage in self.passed if passage.status in statuses), None)

    @property
    def started_at(self) -> datetime | None:
        return self.entered("Running")

    @property
    def ended_at(self) -> datetime | None:
        return self.passed[-1].at if self.is_over else None
