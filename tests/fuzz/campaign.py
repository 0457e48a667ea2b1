"""One run of the fuzz: the stack's real app process, requests in waves, what its log says, and the verdict."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from random import Random
from typing import Any

import httpx
import snowflake.connector

from bridge.local.stack import HOST, Stack
from tests.fuzz.generating import PREFIX, Chunk, chunks, generate
from tests.fuzz.request import Request
from tests.fuzz.sending import Outcome, Sender

#: Chunks that are sent together, in random order: no operation has the app for itself.
WAVE = 5
SLOWEST_P99 = 1.0
#: What an unexpected error leaves in the log: of Python, of the app's last resort, of a function that failed.
_ERRORS = re.compile(r"Traceback \(most recent call last\)|unexpected error, correlation id|Executed '\w+' \(Failed")
_TABLES = ("run_events", "dead_letters", "aml_events", "rule_actions")


class Campaign:
    """Sends fuzzed requests to a running stack."""

    def __init__(self, stack: Stack, *, threads: int = 4) -> None:
        self._stack = stack
        functions = stack.endpoints["functions"]
        self._key = str(functions["key"])
        self.outcome = Outcome()
        self._wanted = 0
        #: What was there before says nothing of this campaign.
        self._log_begins = self._log().stat().st_size
        self._sender = Sender(stack.ports.functions, self.outcome, threads)

    def run(
        self,
        total: int,
        seed: int,
        *,
        makers: Executor | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Send `total` requests; the same seed makes the same ones."""
        self._wanted = total
        started, random = time.monotonic(), Random(seed)
        planned = chunks(self._document(), total, seed, self._key)
        for requests in _waves(planned, makers):
            random.shuffle(requests)
            self._sender.send(requests)
            self._forget()
            rate = self.outcome.sent / (time.monotonic() - started)
            failed = f", {self.outcome.failed} failed" if self.outcome.failed else ""
            p99 = self.outcome.percentile(0.99)
            tell(f"{self.outcome.sent:>7} requests, {rate:.0f} a second, p99 {p99:.3f} s{failed}")

    def failures(self) -> list[str]:
        """What was wrong, whatever the time it took."""
        found = list(self.outcome.failures)
        if self.outcome.failed > len(found):
            found.append(f"and {self.outcome.failed - len(found)} more")
        return found + self._log_errors()

    def verdict(self) -> list[str]:
        """What was not as it must be, slowness included: a run of the tests on a busy machine does not ask for that."""
        found = self.failures()
        if self.outcome.sent < self._wanted:
            found.append(f"it was stopped after {self.outcome.sent} of {self._wanted} requests")
        if (p99 := self.outcome.percentile(0.99)) > SLOWEST_P99:
            found.append(f"p99 is {p99:.3f} s, {SLOWEST_P99} s is allowed")
        return found

    def _document(self) -> dict[str, Any]:
        """As the app serves it."""
        address = f"{self._stack.endpoints['functions']['base_url']}{PREFIX}/openapi.json"
        answer = httpx.get(address, headers={"x-functions-key": self._key}, trust_env=False)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _forget(self) -> None:
        """Empty the ledger, as its purge does: the fuzz is about requests, not about a ledger full of nonsense."""
        with snowflake.connector.connect(**self._stack.endpoints["snowflake"]) as connection:
            for table in _TABLES:
                connection.cursor().execute(f"DELETE FROM {table}")  # noqa: S608 - the names above

    def _log(self) -> Path:
        return self._stack.log_file(HOST)

    def _log_errors(self) -> list[str]:
        with self._log().open("rb") as log:
            log.seek(self._log_begins)
            lines = log.read().decode(errors="replace").splitlines()
        at = [number for number, line in enumerate(lines) if _ERRORS.search(line)]
        return (
            [f"the app's log has {len(at)} errors, the first:\n" + "\n".join(lines[at[0] : at[0] + 40])] if at else []
        )


def _waves(planned: list[Chunk], makers: Executor | None) -> Iterator[list[Request]]:
    """The requests of some chunks at a time; the next ones are made meanwhile, where there is another process."""
    waves = [planned[start : start + WAVE] for start in range(0, len(planned), WAVE)]
    if makers is None:
        for wave in waves:
            yield [request for chunk in wave for request in generate(chunk)]
        return
    ahead: list[list[Future[list[Request]]]] = []
    for wave in waves:
        ahead.append([makers.submit(generate, chunk) for chunk in wave])
        if len(ahead) > 1:
            yield _made(ahead.pop(0))
    while ahead:
        yield _made(ahead.pop(0))


def _made(futures: list[Future[list[Request]]]) -> list[Request]:
    return [request for future in futures for request in future.result()]


def report(outcome: Outcome) -> str:
    """Counts by route and status, and the times."""
    rows = [f"{'route':<42} {'requests':>8} {'p50 ms':>7} {'p95 ms':>7} {'p99 ms':>7} {'max ms':>7}  statuses"]
    for label in sorted(outcome.seconds):
        times = [f"{outcome.percentile(share, label) * 1000:>7.0f}" for share in (0.5, 0.95, 0.99, 1.0)]
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(outcome.statuses[label].items()))
        rows.append(f"{label:<42} {len(outcome.seconds[label]):>8} {' '.join(times)}  {statuses}")
    times = [f"{outcome.percentile(share) * 1000:>7.0f}" for share in (0.5, 0.95, 0.99, 1.0)]
    total = sum((outcome.statuses[label] for label in outcome.statuses), type(next(iter(outcome.statuses.values())))())
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(total.items()))
    return "\n".join([*rows, f"{'all':<42} {outcome.sent:>8} {' '.join(times)}  {statuses}"])
