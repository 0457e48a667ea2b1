"""Tells how far the runs of one batch are, for an external function that is asked until they have ended.

Everything is in the ledger, so any instance can answer, and nothing is lost with one. The price is the ledger's delay:
a run counts as ended only once that is recorded, the record window and the warehouse's start after the job's end.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.domain import statuses
from bridge.domain.errors import RetryableError
from bridge.domain.statuses import BridgeStatus
from bridge.ports import Bridge

#: Snowflake asks every few seconds; more often than this it gets the last answer again.
READ_EVERY = timedelta(seconds=10)
#: Snowflake itself gives up after ten minutes, and then nobody gets any row.
PATIENCE = timedelta(minutes=8)
BATCHES_KEPT = 200
#: Of all of them together, about a kilobyte each.
ROWS_KEPT = 50_000
ENDED = statuses.TERMINAL | {BridgeStatus.REJECTED}

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class WaitedRow:
    """One row of the batch, as far as it is known."""

    number: int
    #: The state of its run; None when it is not recorded yet.
    run: Row | None
    #: The row itself was refused, or its key belongs to other work; its run, if there is one, is another request's.
    refusal: tuple[str, str] | None = None

    @property
    def has_ended(self) -> bool:
        return self.refusal is not None or (self.run is not None and self.run["status"] in ENDED)


class RecentBatches:
    """What the ledger last said about each batch: only an optimisation, an instance without it reads anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: OrderedDict[str, tuple[datetime, Sequence[Row] | RetryableError]] = OrderedDict()

    def rows(self, batch_id: str, bridge: Bridge) -> Sequence[Row]:
        """As `Ledger.batch`, read at most once in `READ_EVERY`. Raises: RetryableError."""
        now = bridge.clock.now()
        with self._lock:
            read_at, found = self._read.get(batch_id, (None, None))
        if read_at is None or found is None or not now - READ_EVERY < read_at <= now:
            found = self._ask(batch_id, bridge)
            with self._lock:
                self._read[batch_id] = (now, found)
                self._read.move_to_end(batch_id)
                while len(self._read) > 1 and self._is_full():
                    self._read.popitem(last=False)
        if isinstance(found, RetryableError):
            raise RetryableError(str(found), retry_after=found.retry_after)
        return found

    def _is_full(self) -> bool:
        rows = sum(len(found) for _, found in self._read.values() if not isinstance(found, RetryableError))
        return len(self._read) > BATCHES_KEPT or rows > ROWS_KEPT

    def _ask(self, batch_id: str, bridge: Bridge) -> Sequence[Row] | RetryableError:
        try:
            return bridge.ledger.batch(batch_id)
        except RetryableError as error:
            return error


def wait_for_batch(batch_id: str, recent: RecentBatches, bridge: Bridge) -> list[WaitedRow] | None:
    """Every row of the batch, by number, once all have ended or the patience is over; None until then.

    Raises: RetryableError when the ledger does not answer.
    """
    rows = recent.rows(batch_id, bridge)
    known = {int(row["row_number"]): _waited(row) for row in rows}
    if not known:
        return None
    wanted = max(int(row["batch_rows"] or 0) for row in rows)
    is_over = bridge.clock.now() >= min(_time(row["requested_at"]) for row in rows) + PATIENCE
    if not is_over and (len(known) < wanted or not all(row.has_ended for row in known.values())):
        return None
    # Snowflake numbers the rows of a batch from 0, and wants each of them answered.
    missing = [number for number in range(wanted) if number not in known][: max(0, wanted - len(known))]
    known |= {number: WaitedRow(number=number, run=None) for number in missing}
    return [known[number] for number in sorted(known)]


def _waited(row: Row) -> WaitedRow:
    return WaitedRow(number=int(row["row_number"]), run=row, refusal=_refusal(row))


def _refusal(row: Row) -> tuple[str, str] | None:
    """Code and message. The state of the run says nothing of a row whose key belongs to a run of another request."""
    if row.get("request_status") == BridgeStatus.REJECTED:
        return str(row.get("request_error_code")), str(row.get("request_error_message"))
    asked, done = row.get("request_fingerprint"), row.get("fingerprint")
    if asked and done and asked != done and row.get("job_name"):
        return "IDEMPOTENCY_CONFLICT", "the key was used before, for a run with other inputs: give each run its own key"
    return None


def _time(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
