"""Follows runs by asking the app again and again, seldom enough to be no burden, until they have ended."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.cli.api import Api
from bridge.cli.failures import Refused

#: Between two questions about one run, which Azure ML answers, and about many, for which a warehouse has to run.
RUN_SECONDS = (1.0, 15.0)
LIST_SECONDS = (5.0, 60.0)
_GROWTH = 1.5
#: Questions in a row that may stay without an answer, or without such a run: one that was just accepted is in Azure ML
#: or in the ledger some seconds later.
PATIENCE = 12
ENDS = frozenset({"COMPLETED", "FAILED", "CANCELED", "REJECTED"})

#: Waits for so many seconds.
Wait = Callable[[float], None]
Run = Mapping[str, Any]


@dataclass
class _Rhythm:
    """How long to wait for the next question: longer while nothing changes, and as long as the app asks for."""

    seconds: tuple[float, float]
    wait: Wait
    _next: float = 0.0
    _failures: int = 0

    def changed(self) -> None:
        self._next = self.seconds[0]

    def pause(self) -> None:
        self._failures = 0
        self._sleep(0.0)

    def pause_after(self, error: Refused) -> None:
        """Raises: the error, when it is one too many."""
        self._failures += 1
        if self._failures > PATIENCE or not (error.is_passing or error.code == "UNKNOWN_RUN"):
            raise error
        self._sleep(error.retry_after)

    def _sleep(self, least: float) -> None:
        self._next = self._next or self.seconds[0]
        self.wait(max(self._next, least))
        self._next = min(self._next * _GROWTH, self.seconds[1])


def follow_run(app: Api, run_id: str, wait: Wait) -> Iterator[Run]:
    """The run whenever its status is another one, until it has ended.

    Raises: Refused when there is no such run, or no answer for long.
    """
    rhythm, status = _Rhythm(RUN_SECONDS, wait), None
    while True:
        try:
            run = app.get("runs", run_id)
        except Refused as error:
            rhythm.pause_after(error)
            continue
        if run["status"] != status:
            status = run["status"]
            rhythm.changed()
            yield run
        if status in ENDS:
            return
        rhythm.pause()


def follow_runs(app: Api, wait: Wait, *, forever: bool, **query: Any) -> Iterator[Run]:
    """Each run of the query whenever its status is another one, oldest first, until all have ended.

    Raises: Refused when there is no answer for long.
    """
    rhythm = _Rhythm(LIST_SECONDS, wait)
    known: dict[str, str] = {}
    while True:
        try:
            runs = app.get("runs", **query)["runs"]
        except Refused as error:
            rhythm.pause_after(error)
            continue
        for run in reversed(runs):
            if known.get(run["run_id"]) != run["status"]:
                known[run["run_id"]] = run["status"]
                rhythm.changed()
                yield run
        if not forever and all(run["status"] in ENDS for run in runs):
            return
        rhythm.pause()
