"""How far this machine's clock is from those of the services, by what they said while they were asked."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

#: Headers have whole seconds.
HALF_A_SECOND = timedelta(seconds=0.5)


class Clocks:
    """Offset by service; the last that was heard counts."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self._lock = threading.Lock()
        self._offsets: dict[str, timedelta] = {}

    def offsets(self) -> dict[str, timedelta]:
        """How much later it is there."""
        with self._lock:
            return dict(self._offsets)

    def note(self, service: str, said: datetime) -> None:
        with self._lock:
            self._offsets[service] = said - self.now()

    def hook(self, service: str) -> Callable[..., None]:
        """For `requests`: every answer says what time it is there, refusals too."""

        def heard(response: Any, *_: Any, **__: Any) -> None:
            try:
                said = parsedate_to_datetime(response.headers.get("Date", ""))
            except ValueError:
                return
            self.note(service, said.astimezone(UTC) + HALF_A_SECOND)

        return heard
