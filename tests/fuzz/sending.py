"""Sends requests to the app's own process, several at a time, and judges every answer."""

import contextlib
import http.client
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from schemathesis.core.failures import FailureGroup

from tests.fuzz.conformance import conforms, schema
from tests.fuzz.generating import PREFIX
from tests.fuzz.request import Request

SECONDS = 30.0
#: Failures that are shown; the others are counted.
SHOWN = 20
CORRELATION = "x-correlation-id"
#: What the host answers by itself, without a body of the app's: bad HTTP, no key, no route, too large.
HOSTS_OWN = frozenset({400, 401, 404, 413, 431})


@dataclass
class Outcome:
    """What came back, so far."""

    statuses: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: list[str] = field(default_factory=list)
    failed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def sent(self) -> int:
        return sum(map(len, self.seconds.values()))

    def percentile(self, share: float, label: str | None = None) -> float:
        """Seconds within which this share of the answers came."""
        found = sorted(self.seconds[label]) if label else sorted(one for each in self.seconds.values() for one in each)
        return found[min(len(found) - 1, int(len(found) * share))] if found else 0.0

    def count(self, request: Request, status: int, seconds: float, wrong: str | None) -> None:
        with self._lock:
            self.statuses[request.label][status] += 1
            self.seconds[request.label].append(seconds)
            if wrong is not None:
                self.failed += 1
                if len(self.failures) < SHOWN:
                    self.failures.append(f"{request.method} {request.target[:300]}: {wrong}\n    {request!r:.1500}")


class Sender:
    """One connection a thread, to loopback."""

    def __init__(self, port: int, outcome: Outcome, threads: int) -> None:
        self._port = port
        self._outcome = outcome
        self._threads = threads
        self._local = threading.local()

    def send(self, requests: Iterable[Request]) -> None:
        """All of them; what goes wrong is counted, not raised."""
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                for sent in wait([pool.submit(self._one, request) for request in requests]).done:
                    sent.result()
            except KeyboardInterrupt:
                pool.shutdown(cancel_futures=True)
                raise

    def _one(self, request: Request) -> None:
        started = time.perf_counter()
        try:
            status, headers, body = self._exchange(request)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            self._outcome.count(request, 0, time.perf_counter() - started, f"no answer: {error!r}")
            return
        seconds = time.perf_counter() - started
        self._outcome.count(request, status, seconds, wrong(request, status, headers, body))

    def _exchange(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        connection = self._connection()
        connection.putrequest(request.method, request.target, skip_host=False, skip_accept_encoding=True)
        for name, value in request.headers:
            connection.putheader(name, value)
        connection.putheader("content-length", str(len(request.body)))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
            connection.endheaders(request.body or None)
        answer = connection.getresponse()
        body = answer.read()
        if answer.will_close:
            self._drop()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        return found

    def _drop(self) -> None:
        found = getattr(self._local, "connection", None)
        if found is not None:
            found.close()
        self._local.connection = None


def wrong(request: Request, status: int, headers: dict[str, str], body: bytes) -> str | None:
    """What the answer breaks, if anything."""
    if status >= 500:
        return f"{status}: {body[:500]!r}"
    if b"Traceback" in body:
        return f"a traceback in the answer: {body[:500]!r}"
    if CORRELATION not in headers:
        return None if status in HOSTS_OWN else f"{status} without {CORRELATION}: {body[:200]!r}"
    path = request.target.partition("?")[0]
    if not request.on_route or not path.startswith(PREFIX) or request.method.lower() not in schema()[request.operation]:
        return None  # answered by another operation, if by any
    try:
        conforms(request.operation, request.method.lower(), status, headers, body)
    except FailureGroup as group:
        return f"{status} is not as openapi.json says: {'; '.join(str(each) for each in group.exceptions)[:800]}"
    return None
