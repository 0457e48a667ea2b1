"""When to try again: one policy for every queue, as plain arithmetic over the number of tries."""

import random
from dataclasses import dataclass
from datetime import timedelta

from bridge.domain.errors import Paced, RetryableError

#: A service that asks for a longer pause is asked again all the same: tries are counted, and would take months.
LONGEST_WISH = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Delays that double up to a ceiling. A policy counts tries, not time: the app has no clock of its own."""

    first: timedelta = timedelta(seconds=5)
    ceiling: timedelta = timedelta(minutes=10)
    #: 200 tries of seven and a half minutes, the mean of a jittered ten, are about a day.
    tries: int = 200

    def delay(self, try_: int, retry_after: timedelta | None = None) -> timedelta:
        """How long to wait after failed try number `try_` (from 0), never less than the service asked for.

        Half of the delay is random, so that many runs that failed together do not come back together.
        """
        full: timedelta = min(self.first * 2 ** min(try_, 30), self.ceiling)
        jittered = full * (0.5 + random.random() / 2)  # noqa: S311 # nosec B311 # spreads load, keeps no secret
        return max(jittered, min(retry_after or timedelta(), LONGEST_WISH))

    def wait(self, try_: int, error: RetryableError | None) -> timedelta:
        """As `delay`, for what went wrong; whoever has a place of its own comes when it is there, not later."""
        if isinstance(error, Paced) and error.retry_after is not None:
            return error.retry_after
        return self.delay(try_, error.retry_after if error else None)

    def gives_up(self, try_: int, error: RetryableError | None = None) -> bool:
        """Whether failed try number `try_` (from 0) was the last one; waiting for a place is no failure."""
        return try_ + 1 >= self.tries and not isinstance(error, Paced)
