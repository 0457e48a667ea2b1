"""The documented limits of the control plane: a bucket of tokens for writes and one for reads.

Source: learn.microsoft.com, "Throttling Resource Manager requests": 200 writes and 10 a second more, 250 reads and 25.
"""

import math
from collections.abc import Callable

from bridge.local.aml.arm import ArmError


class TokenBucket:
    """A number of requests at once, and some more every second."""

    def __init__(self, size: float, refill_per_second: float, now: Callable[[], float]) -> None:
        self._size = size
        self._refill = refill_per_second
        self._now = now
        self._tokens = size
        self._filled_at = now()

    def wait_seconds(self) -> float:
        """Take a token: 0 when there was one, else how long until there is."""
        now = self._now()
        self._tokens = min(self._size, self._tokens + (now - self._filled_at) * self._refill)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._refill


class Limits:
    """Both buckets of one identity in one subscription."""

    def __init__(self, now: Callable[[], float], scale: float = 1.0) -> None:
        """`scale` multiplies all four numbers: a test of the limits can be as small as it likes."""
        self._writes = TokenBucket(200 * scale, 10 * scale, now)
        self._reads = TokenBucket(250 * scale, 25 * scale, now)

    def check(self, method: str) -> None:
        """Raise 429 with a Retry-After in whole seconds, as the control plane rounds it up."""
        is_read = method in {"GET", "HEAD"}
        wait = (self._reads if is_read else self._writes).wait_seconds()
        if wait > 0:
            raise ArmError(
                429,
                "SubscriptionRequestsThrottled",
                f"Number of '{'read' if is_read else 'write'}' requests exceeded the limit. Please try again later.",
                retry_after=math.ceil(wait),
            )
