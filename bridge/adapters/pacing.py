"""How fast one process calls Azure ML: its share of the writes, and a pause for all when Azure ML asks for one."""

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from bridge.domain.errors import Paced
from bridge.domain.retry import LONGEST_WISH

#: Azure ML takes 200 writes at once; half of that leaves room for a process that starts anew with a full bucket.
BURST_SECONDS = 10
#: Azure ML answers 25 reads a second. They are not counted here, only those that a pause put off come back this fast.
READS_PER_SECOND = 20
#: Among the reads that are put off are those of callers, who do not come back for their place: it is not kept free
#: for longer than this.
LONGEST_READS_APART = timedelta(minutes=5)
#: No service can hold up a run for longer by asking so.
LONGEST_PAUSE = timedelta(days=1)
#: When Azure ML does not say how long.
USUAL_PAUSE = timedelta(seconds=5)


class Call(StrEnum):
    """What kind of call it is."""

    SUBMIT = "submission"
    #: Cancels and deployments: few, and somebody waits for them.
    CHANGE = "change"
    READ = "read"


#: Seconds that a thread may wait for its place. Who has more patience comes first when places are scarce.
_PATIENCE = {Call.SUBMIT: 1.0, Call.CHANGE: 2.0, Call.READ: 1.0}


def asked_pause(headers: Mapping[str, str]) -> timedelta | None:
    """Retry-After in seconds; its other form, a date, is not used by Azure."""
    given = headers.get("Retry-After", "")
    is_seconds = re.fullmatch(r"\d{1,9}(\.\d{0,9})?", given, re.ASCII)
    return min(timedelta(seconds=float(given)), LONGEST_PAUSE) if is_seconds else None


@dataclass
class _Lane:
    """A token bucket that also knows when the next tokens will be there."""

    #: Seconds between two calls in the long run.
    interval: float
    #: Seconds that calls may be ahead of that.
    ahead: float
    #: Seconds between the returns of those that were put off.
    spread: float
    #: Seconds after which they need not be spread any more.
    longest_spread: float = math.inf
    #: When the bucket is full again.
    full_at: float = 0.0
    paused_until: float = 0.0

    def next_place(self, now: float) -> float:
        return max(now, self.full_at - self.ahead)

    def take(self, at: float) -> None:
        self.full_at = max(self.full_at, at) + self.interval

    def pause(self, until: float) -> None:
        """Azure ML's own bucket is empty, so this one is too."""
        self.paused_until = max(self.paused_until, until)
        self.full_at = max(self.full_at, self.paused_until + self.ahead)


class Pace:
    """The calls of one process to Azure ML; any number of threads."""

    def __init__(
        self,
        *,
        writes_per_second: float,
        instances: int = 1,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`writes_per_second` of all `instances` together."""
        self._now, self._sleep = now, sleep
        self._lock = threading.Lock()
        interval = instances / writes_per_second
        writes = _Lane(interval, max(0.0, BURST_SECONDS - interval), spread=interval)
        reads = _Lane(0.0, 0.0, spread=instances / READS_PER_SECOND, longest_spread=LONGEST_READS_APART.total_seconds())
        self._lanes = {Call.SUBMIT: writes, Call.CHANGE: writes, Call.READ: reads}
        #: When the last of those that were put off comes back, by kind: each gets a time of its own.
        self._last_return = dict.fromkeys(Call, 0.0)

    def enter(self, call: Call) -> None:
        """Take a place for one call, after a wait of a second or two at most.

        Raises: Paced when it would be longer, with the time after which there will be one.
        """
        lane = self._lanes[call]
        with self._lock:
            now = self._now()
            place = lane.next_place(now)
            if place - now > _PATIENCE[call]:
                raise self._put_off(call, now)
            lane.take(place)
        if place > now:
            self._sleep(place - now)
            with self._lock:
                now = self._now()
                if lane.paused_until > now:  # while this one slept
                    raise self._put_off(call, now)

    def throttled(self, call: Call, retry_after: timedelta | None) -> None:
        """Azure ML answered 429: nobody calls for so long."""
        pause = min(retry_after or USUAL_PAUSE, LONGEST_WISH).total_seconds()
        with self._lock:
            self._lanes[call].pause(self._now() + pause)

    def _put_off(self, call: Call, now: float) -> Paced:
        """Thousands that are put off at once come back one by one, as fast as they will find places."""
        lane = self._lanes[call]
        place = lane.next_place(now)
        back = max(place, min(self._last_return[call] + lane.spread, place + lane.longest_spread))
        self._last_return[call] = back
        return Paced(f"waits for its place: every {call} does", retry_after=timedelta(seconds=back - now))
