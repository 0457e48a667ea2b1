"""Callers at work: each call is sent until it is answered, as Snowflake, a task or a careful script would."""

import contextlib
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bridge.local.chaos.doors import Caller, NotTaken, Told
from bridge.local.chaos.plan import Call, Kind, Wish
from bridge.local.stack import Stack

#: A caller that has had no answer for so long gives up; what it asked for may have happened or not.
PATIENCE_SECONDS = 300.0
PAUSE_SECONDS = (0.1, 2.0)


@dataclass
class ToldLedger:
    """What callers heard, by the mark of the wish."""

    wishes: dict[str, Wish] = field(default_factory=dict)
    told: dict[str, list[Told]] = field(default_factory=dict)
    #: Wishes whose caller never had an answer.
    unanswered: set[str] = field(default_factory=set)
    #: Runs whose cancel was taken.
    cancels: set[str] = field(default_factory=set)
    #: Why attempts were not taken, and how often.
    refusals: Counter[str] = field(default_factory=Counter)
    attempts: int = 0


class Crowd:
    """Some callers, each a thread, that share the calls of a plan."""

    def __init__(self, stack: Stack, calls: Sequence[Call], seed: int, threads: int) -> None:
        self.ledger = ToldLedger()
        self._stack = stack
        self._seed = seed
        self._lock = threading.Lock()
        self._calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
        for call in calls:
            self._calls.put(call)
        self.total = len(calls)
        self.failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def is_done(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def waiting(self) -> int:
        return self._calls.qsize()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def _work(self, number: int) -> None:
        rng = random.Random(self._seed * 1000 + number)  # noqa: S311 - pauses, no secret
        try:
            with contextlib.closing(_connected(self._stack)) as caller:
                while True:
                    try:
                        call = self._calls.get_nowait()
                    except queue.Empty:
                        return
                    self._make(caller, call, rng)
        except BaseException as error:
            self.failures.append(error)
            raise

    def _make(self, caller: Caller, call: Call, rng: random.Random) -> None:
        """The call until it is answered, then its repeats, then the cancels."""
        answer = self._persist(caller, call, rng)
        for repeat in call.repeats:
            self._persist(caller, repeat, rng)
        for wish, told in zip(call.wishes, answer, strict=False):
            if wish.kind is Kind.CANCELED and told.run_id is not None:
                self._cancel(caller, told.run_id, rng)

    def _persist(self, caller: Caller, call: Call, rng: random.Random) -> list[Told]:
        for _ in _tries(rng):
            with self._lock:
                self.ledger.attempts += 1
            try:
                answer = caller.attempt(call)
            except NotTaken as error:
                self._refused(error)
            else:
                self._note(call, answer)
                return answer
        self._note(call, None)
        return []

    def _cancel(self, caller: Caller, run_id: str, rng: random.Random) -> None:
        for _ in _tries(rng):
            try:
                caller.cancel(run_id)
            except NotTaken as error:
                self._refused(error)
            else:
                with self._lock:
                    self.ledger.cancels.add(run_id)
                return

    def _refused(self, error: NotTaken) -> None:
        with self._lock:
            self.ledger.refusals[str(error)] += 1

    def _note(self, call: Call, answer: Sequence[Told] | None) -> None:
        with self._lock:
            for number, wish in enumerate(call.wishes):
                self.ledger.wishes[wish.mark] = wish
                if answer is None:
                    self.ledger.unanswered.add(wish.mark)
                else:
                    self.ledger.told.setdefault(wish.mark, []).append(answer[number])


def _tries(rng: random.Random) -> Iterator[None]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        yield
        time.sleep(rng.uniform(*PAUSE_SECONDS))


def _connected(stack: Stack) -> Caller:
    """A caller; Snowflake may be away just now."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return Caller(stack)
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
