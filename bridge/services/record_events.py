"""Writes records to the ledger, as the only writer: nothing is lost, one bad row never holds up its neighbours."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bridge.domain import signals
from bridge.domain.errors import RefusedData, RetryableError
from bridge.domain.queues import Queue
from bridge.domain.records import Records, dead_letter
from bridge.ports import Bridge
from bridge.services.report import send_records

REFUSED = "REFUSED_BY_LEDGER"
#: A ledger that is away is asked again after 10 s, 20 s, … 10 min.
FIRST_RETRY = timedelta(seconds=10)
LAST_RETRY = timedelta(minutes=10)
#: For all writes of one call: with the last of them it still ends well within the locks of its messages.
BUDGET = timedelta(seconds=120)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some messages' rows. They are only made into records when something is wrong, which takes far more memory."""

    #: By table, as `Ledger.write_rows` takes them.
    rows: Mapping[str, Sequence[str]]
    read: Callable[[], Records]
    #: When what the rows tell of happened; only asked for where somebody listens.
    times: Callable[[], Iterable[datetime]] = tuple


def record_events(parts: Iterable[Part], bridge: Bridge) -> None:
    """Append the rows, part by part; while the ledger is away or slow, put them off, all to one moment.

    The shared moment, without jitter and the same for every instance, is on purpose: when the ledger is back, catching
    up is a few large statements.
    Raises: RetryableError only when the queues themselves fail, so that the broker delivers again.
    """
    deadline = bridge.clock.now() + BUDGET
    away: RetryableError | None = None
    for part in parts:
        if away is None and bridge.clock.now() > deadline:
            away = RetryableError("the ledger is slow")
        if away is None:
            away = _write(part, deadline, bridge)
        else:
            _put_off(part.read(), away, bridge)


def _write(part: Part, deadline: datetime, bridge: Bridge) -> RetryableError | None:
    """All at once, as they came, or anew when values are refused. Why the ledger is away, if it is."""
    if not part.rows:
        return None
    try:
        bridge.ledger.write_rows(part.rows)
    except RetryableError as error:
        _put_off(part.read(), error, bridge)
        return error
    except RefusedData:
        return _write_anew(part.read(), deadline, bridge)
    _measure(part, bridge)
    return None


def _measure(part: Part, bridge: Bridge) -> None:
    """How late the ledger is."""
    if bridge.telemetry.is_on:
        now = bridge.clock.now()
        for time in part.times():
            bridge.telemetry.measure(signals.RECORD_LAG, (now - time).total_seconds(), {})


def _write_anew(records: Records, deadline: datetime, bridge: Bridge) -> RetryableError | None:
    away: RetryableError | None = None
    waiting = deque([records])
    while waiting:
        if away is None and bridge.clock.now() > deadline:
            away = RetryableError("the ledger is slow")
        records = waiting.popleft()
        if away is None:
            try:
                waiting.extendleft(reversed(_left_after_write(records, bridge)))
            except RetryableError as error:
                away = error
        if away is not None:
            _put_off(records, away, bridge)
    return away


def _put_off(records: Records, away: RetryableError, bridge: Bridge) -> None:
    delay = min(FIRST_RETRY * 2 ** min(records.try_, 20), LAST_RETRY)
    due = next_moment(bridge.clock.now() + (away.retry_after or timedelta()), delay)
    send_records(records.next_try(), bridge, due=due)


def next_moment(at: datetime, interval: timedelta) -> datetime:
    """The first full interval after `at`: whatever is put off meanwhile, by whomever, meets there."""
    since = at - EPOCH
    return EPOCH + (since // interval + 1) * interval


def _left_after_write(records: Records, bridge: Bridge) -> tuple[Records, ...]:
    """Write all at once. What is to be written instead when values are refused: halves, at last the culprit's letter.

    Raises: RetryableError; RefusedData when even a dead letter is refused: then the table is wrong, and the broker
    keeps the batch.
    """
    try:
        bridge.ledger.write(records)
    except RefusedData as error:
        if len(records) > 1:
            return records.halves()
        if not records.dead_letters:
            return (_put_aside(records, error, bridge),)
        raise
    return ()


def _put_aside(records: Records, error: RefusedData, bridge: Bridge) -> Records:
    run_id = records.run_events[0].run_id if records.run_events else None
    letter = dead_letter(
        queue=Queue.RUN_EVENTS,
        message_id="",
        body=bridge.sender.text(records),
        reason=REFUSED,
        description=str(error),
        run_id=run_id,
        at=bridge.clock.now(),
    )
    return Records(dead_letters=(letter,))
