"""Keeping the ledger small: rows that nobody looks at any more are deleted."""

from collections.abc import Sequence
from typing import Any, Protocol

#: The view RUNS looks back this far, so younger rows are not ours to delete.
FEWEST_DAYS = 62
#: What is old in each table; `?` is the number of days, negative.
_OLD = {
    # Whole runs, as half a run would be shown in another status. A run that has not ended stays, however old.
    "RUN_EVENTS": (
        "RUN_ID IN (SELECT RUN_ID FROM RUNS_ALL WHERE LAST_RECORDED_AT < DATEADD('day', ?, CURRENT_TIMESTAMP()) "
        "AND STATUS IN ('COMPLETED', 'FAILED', 'CANCELED', 'REJECTED'))"
    ),
    # No run depends on events and rules: RUNS is folded without them.
    "AML_EVENTS": "RECORDED_AT < DATEADD('day', ?, CURRENT_TIMESTAMP())",
    "DEAD_LETTERS": "RECORDED_AT < DATEADD('day', ?, CURRENT_TIMESTAMP())",
    # Whole occasions, as what a rule has done would otherwise be shown as not done. Cool-downs last 30 days at most.
    "RULE_ACTIONS": (
        "ACTION_ID IN (SELECT ACTION_ID FROM RULE_ACTIONS GROUP BY ACTION_ID "
        "HAVING MAX(RECORDED_AT) < DATEADD('day', ?, CURRENT_TIMESTAMP()))"
    ),
    "RUN_REQUESTS": "ANSWER IS NOT NULL AND ANSWERED_AT < DATEADD('day', ?, CURRENT_TIMESTAMP())",
    "HAND_OVERS": "COALESCE(LOADED_AT, EXPORTED_AT) < DATEADD('day', ?, CURRENT_TIMESTAMP())",
}


class Statement(Protocol):
    """What Snowpark makes of an SQL text."""

    def collect(self) -> Sequence[Any]: ...


class Session(Protocol):
    """As much of a Snowpark session as is needed."""

    def sql(self, query: str, params: Sequence[Any] | None = None) -> Statement: ...


def purge_ledger(session: Session, days: Any) -> dict[str, int]:
    """Delete what was recorded more than `days` ago, and tell how many rows of each table that were.

    Runs go as a whole and only when they have ended, what rules did goes by whole occasions, and requests go only when
    they are answered.
    """
    if days is None or days < FEWEST_DAYS:
        raise ValueError(f"days is {days}: {FEWEST_DAYS} is the least, as the view RUNS looks back so far")
    return {
        table: int(session.sql(f"DELETE FROM {table} WHERE {old}", [-int(days)]).collect()[0][0])  # noqa: S608 # nosec B608 # texts from above
        for table, old in _OLD.items()
    }
