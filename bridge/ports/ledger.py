"""Snowflake: what happened, written once and read in few statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from bridge.domain.records import AmlEvent, Records


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Which runs to list; None does not restrict."""

    status: str | None = None
    pipeline: str | None = None
    query_batch_id: str | None = None
    since: datetime | None = None
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, kw_only=True)
class DeadLetterFilter:
    """Which dead letters to list; None does not restrict."""

    queue: str | None = None
    run_id: str | None = None
    since: datetime | None = None
    limit: int = 50
    offset: int = 0


#: In the place of a status: every one that is no end.
ACTIVE = "ACTIVE"


@dataclass(frozen=True, kw_only=True)
class RunSearch:
    """Which runs people look at: those that began since then, and all that have not ended. None does not restrict."""

    since: datetime
    #: Or ACTIVE.
    status: str | None = None
    pipeline: str | None = None
    #: Part of an id, a pipeline's name, an error, a caller or what the run belongs to, in any case.
    text: str | None = None
    #: Runs that the text means without being part of them.
    run_ids: Sequence[str] = ()
    limit: int = 25
    offset: int = 0


@dataclass(frozen=True, kw_only=True)
class DecisionFilter:
    """Which decisions of rules to list; None does not restrict."""

    since: datetime
    rule: str | None = None
    #: Also those in which nothing was done.
    not_fired: bool = False
    limit: int = 50
    offset: int = 0


class Ledger(Protocol):
    """The tables in Snowflake.

    Raises: RetryableError when Snowflake could not answer; RefusedData when it refused the values.
    """

    def write(self, records: Records) -> None:
        """Append all records, in one statement for each table that they touch."""

    def write_rows(self, rows: Mapping[str, Sequence[str]]) -> None:
        """The same for rows that are JSON: by table, as the fields of `Records` are named, texts of one or several."""

    def run(self, run_id: str) -> Mapping[str, Any] | None:
        """The run's row of RUNS_ALL, lower-case columns, JSON-able values; None when there is none (yet)."""

    def runs_by_id(self, run_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Rows of RUNS_ALL by run id, in one statement; runs that are not there (yet) are left out."""

    def batch(self, query_batch_id: str) -> Sequence[Mapping[str, Any]]:
        """The rows of one batch of an external function, by row number: each with the state of its run.

        Columns: those of RUNS_ALL, but `row_number` and `batch_rows` are the batch's, and `requested_at` is when it
        was first accepted or rejected. Several rows may have the same run. Rows that are not recorded yet are left out.
        `request_status` is ACCEPTED, with `request_fingerprint`, or REJECTED, with `request_error_code` and
        `request_error_message`: of this row alone, because its key may belong to a run that another row had accepted.
        """

    def dead_letters_by_id(self, dead_letter_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Rows of DEAD_LETTERS by id, repeats once, in one statement."""

    def dead_letters(self, wanted: DeadLetterFilter) -> Sequence[Mapping[str, Any]]:
        """Rows of DEAD_LETTERS, repeats once, newest first; `body` is its first 2,000 of `body_characters`."""

    def events(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        """The run's history, oldest first, repeated events once."""

    def runs(self, wanted: RunFilter) -> Sequence[Mapping[str, Any]]:
        """Rows of RUNS, newest first."""

    def search(self, wanted: RunSearch) -> Sequence[Mapping[str, Any]]:
        """Runs in few columns, the last begun first, in one statement."""

    def totals(self, wanted: RunSearch, every: timedelta) -> Sequence[Mapping[str, Any]]:
        """What there is of these runs, whatever their status, and of all else in this time; in one statement.

        Rows of `kind`, `name`, `status`, `amount`, `median_seconds`, `slow_seconds` (the 95th percentile) and
        `latest_at`: `time`, by the number of the span `every` since 1970 in which runs began; `pipeline`; `all`;
        `dead_letter` by queue; `rule`; and `recorded`, whose `latest_at` is up to when the ledger is written.
        """

    def surroundings(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        """The run's dead letters, and what rules made of it or of what it belongs to; oldest first, repeats once.

        Rows of `kind` (dead_letter, rule), `id`, `name`, `status`, `detail` and `occurred_at`.
        """

    def decisions(self, wanted: DecisionFilter) -> Sequence[Mapping[str, Any]]:
        """How far each rule got with each event, newest first."""

    def ended(self, run_ids: Sequence[str]) -> frozenset[str]:
        """Those of the runs that the ledger shows as ended by AML."""

    def fired(self, action_ids: Sequence[str]) -> Mapping[str, str]:
        """Of the rules' actions that fired already: the id of the event that was the first to fire each."""

    def aml_events(self, *, since: datetime, limit: int) -> Sequence[AmlEvent]:
        """Recorded events since then by their own time, else by that of recording; oldest first, repeats once."""
