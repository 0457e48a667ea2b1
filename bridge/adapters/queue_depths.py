"""How many messages wait, by plain calls to the management API: the data plane would have to read them."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from bridge.adapters.arm import MANAGEMENT, ArmClient, segment
from bridge.domain.queues import Queue, QueueDepth

API = {"api-version": "2021-11-01"}
#: Somebody waits for the page, and can do without the numbers.
READ_SECONDS = 4
FRESH_SECONDS = 5.0


class ArmQueueDepths:
    """QueueDepths over Azure. The role Azure Service Bus Data Receiver, which the app has, includes the right."""

    def __init__(
        self,
        arm: ArmClient,
        *,
        namespace_id: str,
        names: Mapping[Queue, str],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._arm = arm
        self._namespace_id = namespace_id
        self._names = names
        self._seconds = seconds
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._found: dict[Queue, QueueDepth] = {}

    def read(self) -> Mapping[Queue, QueueDepth]:
        with self._lock:  # who comes meanwhile gets the same answer
            if self._seconds() - self._read_at >= FRESH_SECONDS:
                with ThreadPoolExecutor(len(self._names)) as at_once:
                    depths = at_once.map(self._depth, self._names.values())
                    found = {queue: depth for queue, depth in zip(self._names, depths, strict=True) if depth}
                self._found, self._read_at = found, self._seconds()
            return self._found

    def _depth(self, name: str) -> QueueDepth | None:
        queue = self._arm.get(f"{MANAGEMENT}{self._namespace_id}/queues/{segment(name)}", API)
        if queue is None:
            return None
        counts = queue["properties"]["countDetails"]
        return QueueDepth(
            active=int(counts["activeMessageCount"]),
            scheduled=int(counts["scheduledMessageCount"]),
            dead_lettered=int(counts["deadLetterMessageCount"]),
        )
