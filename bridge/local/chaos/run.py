"""One run of chaos: requests and faults together, calm, everything that waits made due, the comparison, the report."""

import json
import platform
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bridge.local.chaos import logs
from bridge.local.chaos.callers import Crowd
from bridge.local.chaos.comparison import FINDINGS, Comparison, Row, Verdict, mark_of
from bridge.local.chaos.doors import Caller, NotTaken
from bridge.local.chaos.memory import Growth, MemoryWatch, growth
from bridge.local.chaos.plan import plan
from bridge.local.chaos.storm import QUEUE_NAMES, Storm
from bridge.local.endpoints import QUEUES
from bridge.local.stack import Stack, local_stack

#: So that a call that hangs costs seconds, and pacing does not make ten thousand runs take a quarter of an hour.
SETTINGS = {"AML_TIMEOUT_SECONDS": "3", "SWEEP_SCHEDULE": "0 0 3 1 1 *"}
#: Shorter than in Azure, so that what a killed instance held comes back while the run still goes on. Rows come in
#: batches whose locks nobody renews: theirs are three times as long.
LOCK_SECONDS = 20
CALLERS = 6
#: Unreadable messages for each queue.
POISON = 5
POISON_MARK = "poison-"
#: A backlog this small is no reason to go on with the storm.
SMALL_BACKLOG = 20
PROGRESS_SECONDS = 10.0
#: For one round of settling: checks of thousands of runs may become due in it.
ROUND_SECONDS = 900.0
ROUNDS = 200
SKIP_SECONDS = 15 * 60
ROWS = "SELECT run_id, status, inputs, conflicts, error_code FROM runs_all"
CANCELS = "SELECT DISTINCT run_id FROM run_events WHERE status IN ('CANCEL_REQUESTED', 'CANCEL_IGNORED')"
LETTERS = "SELECT DISTINCT dead_letter_id, queue, reason, description, body FROM dead_letters"

Say = Callable[[str], None]


class DidNotSettle(Exception):
    """Something still goes round in the queues long after everything is calm."""


@dataclass
class Outcome:
    """What a run of chaos found."""

    seed: int
    runs: int
    verdict: Verdict
    struck: dict[str, int]
    refusals: dict[str, int]
    failed_calls: dict[str, int]
    memory: dict[str, Growth]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def leaking(self) -> list[str]:
        """Instances of the app whose memory is not flat; emulators keep what they were given, and grow."""
        return [name for name, found in self.memory.items() if name.startswith("functions") and not found.is_flat]

    @property
    def is_good(self) -> bool:
        return self.verdict.is_good and not self.leaking


def run_chaos(
    *,
    count: int,
    seed: int | None = None,
    hosts: int = 3,
    lock_seconds: int = LOCK_SECONDS,
    report: Path | None = None,
    say: Say = print,
) -> Outcome:
    """Make `count` runs while everything fails; the same seed makes the same plan of requests and of faults."""
    seed = secrets.randbelow(10**6) if seed is None else seed
    calls = plan(seed, count)
    say(f"seed {seed}: {count} runs in {len(calls)} calls, {hosts} instances of the app")
    with local_stack(hosts=hosts, settings=SETTINGS) as stack:
        for name in QUEUE_NAMES:
            seconds = lock_seconds * (3 if name == QUEUES["RUN_EVENTS_QUEUE"] else 1)
            stack.call("service_bus", "PUT", f"/queues/{name}", {"lock_seconds": seconds})
        crowd = Crowd(stack, calls, seed, CALLERS)
        storm, watch = Storm(stack, seed), MemoryWatch(stack)
        times: dict[str, float] = {}
        with _timed(times, "storm"):
            for part in (storm, watch, crowd):
                part.start()
            poison = _poisoned(stack, seed)
            _until_worked_off(stack, crowd, say)
            watch.stop()
            storm.stop()
        crowd.join()
        with _timed(times, "settling"):
            _settle(stack, say)
        verdict = _compared(stack, crowd, poison)
        failed_calls, verdict.unhandled = logs.failures(stack.log_file(name) for name in stack.hosts)
        outcome = Outcome(
            seed=seed,
            runs=count,
            verdict=verdict,
            struck=dict(sorted(storm.struck.items())),
            refusals=dict(sorted(crowd.ledger.refusals.items())),
            failed_calls=dict(sorted(failed_calls.items())),
            memory=growth(watch.samples),
        )
        outcome.seconds = {name: round(value, 1) for name, value in times.items()}
    for line in lines(outcome):
        say(line)
    if report is not None:
        report.write_text(json.dumps(_document(outcome), indent=2) + "\n", encoding="utf-8")
    return outcome


def _poisoned(stack: Stack, seed: int) -> list[str]:
    """Put what nobody can read among the others; the marks by which it is found again."""
    marks = []
    caller = Caller(stack)
    for queue in QUEUE_NAMES:
        for number in range(POISON):
            mark = f"{POISON_MARK}{seed}-{queue}-{number}"
            while True:
                try:
                    caller.post_raw(queue, f'{{"{mark}"', mark)
                except NotTaken:
                    time.sleep(1)
                else:
                    break
            marks.append(mark)
    caller.close()
    return marks


def _until_worked_off(stack: Stack, crowd: Crowd, say: Say) -> None:
    """Until every call is answered and nearly all of the work is done; rows may still wait to be written."""
    started = said = time.monotonic()
    while True:
        counts = stack.call("service_bus", "GET", "/queues")
        backlog = sum(counts[name]["active"] for name in QUEUE_NAMES if name != QUEUES["RUN_EVENTS_QUEUE"])
        if crowd.is_done and backlog < SMALL_BACKLOG:
            return
        if time.monotonic() - said >= PROGRESS_SECONDS:
            said = time.monotonic()
            say(f"  {said - started:5.0f} s  {crowd.waiting} of {crowd.total} calls to make, {_shown(counts)}")
        time.sleep(1)


def _settle(stack: Stack, say: Say) -> None:
    """Make everything due that waits, again and again, until nothing waits any more."""
    for number in range(ROUNDS):
        deadline = time.monotonic() + ROUND_SECONDS
        while not _is_quiet(stack):
            if time.monotonic() > deadline:
                raise DidNotSettle(f"after {ROUND_SECONDS:.0f} s: {_whatever_waits(stack)}")
            time.sleep(0.5)
        if not _waits(stack):
            say(f"  settled after {number} rounds of {SKIP_SECONDS // 60} minutes")
            return
        stack.advance(SKIP_SECONDS)
    raise DidNotSettle(f"after {ROUNDS} rounds: {_whatever_waits(stack)}")


def _is_quiet(stack: Stack) -> bool:
    counts = stack.call("service_bus", "GET", "/queues")
    on_the_way = stack.call("azure_ml", "GET", "/events")["waiting"]
    return not on_the_way and all(counts[name]["active"] == counts[name]["locked"] == 0 for name in QUEUE_NAMES)


def _waits(stack: Stack) -> bool:
    counts = stack.call("service_bus", "GET", "/queues")
    pending = stack.call("event_grid", "GET", "/deliveries")
    return any(counts[name]["scheduled"] for name in QUEUE_NAMES) or any(each["pending"] for each in pending.values())


def _whatever_waits(stack: Stack) -> str:
    queues = _shown(stack.call("service_bus", "GET", "/queues"))
    pending = {door: counts["pending"] for door, counts in stack.call("event_grid", "GET", "/deliveries").items()}
    return f"{queues}; Event Grid {pending}; Azure ML's events {stack.call('azure_ml', 'GET', '/events')}"


def _compared(stack: Stack, crowd: Crowd, poison: list[str]) -> Verdict:
    caller = Caller(stack)
    rows = [
        Row(run_id=run_id, status=status, mark=mark_of(inputs), conflicts=conflicts or 0, error_code=code)
        for run_id, status, inputs, conflicts, code in caller.query(ROWS)
    ]
    comparison = Comparison(crowd.ledger, stack.call("azure_ml", "GET", "/jobs"), rows)
    comparison.judge_cancels({run_id for (run_id,) in caller.query(CANCELS)})
    verdict = comparison.judge()
    _judge_letters(verdict, caller.query(LETTERS), poison, stack)
    caller.close()
    verdict.counts["wishes never answered"] = len(crowd.ledger.unanswered)
    verdict.counts["cancels taken"] = len(crowd.ledger.cancels)
    verdict.counts["attempts of callers"] = crowd.ledger.attempts
    for name, counts in stack.call("service_bus", "GET", "/queues").items():
        verdict.counts[f"messages through {name}"] = counts["total_received"]
    return verdict


def _judge_letters(verdict: Verdict, letters: list[Any], poison: list[str], stack: Stack) -> None:
    """What nobody can read is kept, each once; nothing else has died."""
    bodies = [str(letter[4]) for letter in letters]
    for mark in poison:
        found = sum(f'"{mark}"' in body for body in bodies)
        if found != 1:
            verdict.lost.append(f"the unreadable message {mark} is kept {found} times")
    others = [letter for letter in letters if POISON_MARK not in str(letter[4])]
    verdict.dead_letters += [f"{queue}: {reason} {description}"[:300] for _, queue, reason, description, _ in others]
    for name, counts in stack.call("service_bus", "GET", "/queues").items():
        if counts["dead"]:
            verdict.dead_letters.append(f"{counts['dead']} messages in {name}/$deadletterqueue")
    verdict.counts["unreadable messages kept"] = len(letters) - len(others)


def lines(outcome: Outcome) -> Iterator[str]:
    """The report, for people."""
    yield "\nfaults that struck"
    yield from (f"  {times:>6}  {name}" for name, times in outcome.struck.items() if times)
    yield "\nattempts that callers had to repeat"
    yield from (f"  {times:>6}  {name}" for name, times in outcome.refusals.items())
    yield "\ncalls of functions that failed and were delivered again"
    yield from (f"  {times:>6}  {name}" for name, times in outcome.failed_calls.items())
    yield "\nmemory, MB: second quarter, last quarter"
    yield from (f"  {name:<14}{found.second:8.0f}{found.last:8.0f}  {found.share:+.1%}" for name, found in outcome.memory.items())  # fmt: skip  # noqa: E501
    yield "\ncounts"
    yield from (f"  {times:>6}  {name}" for name, times in sorted(outcome.verdict.counts.items()))
    yield f"\nseconds: {', '.join(f'{name} {value}' for name, value in outcome.seconds.items())}"
    yield from outcome.verdict.lines()
    yield f"memory not flat: {', '.join(outcome.leaking) or 'none'}"
    yield f"\nseed {outcome.seed}: {'good' if outcome.is_good else 'NOT GOOD'}"


def _document(outcome: Outcome) -> dict[str, Any]:
    verdict = outcome.verdict
    return {
        "seed": outcome.seed,
        "runs": outcome.runs,
        "is_good": outcome.is_good,
        "python": platform.python_version(),
        "seconds": outcome.seconds,
        **{name: getattr(verdict, name) for name in FINDINGS},
        "counts": dict(verdict.counts),
        "struck": outcome.struck,
        "refusals": outcome.refusals,
        "failed_calls": outcome.failed_calls,
        "memory": {name: asdict(found) for name, found in outcome.memory.items()},
    }


def _shown(counts: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {counts[name]['active']}+{counts[name]['locked']}+{counts[name]['scheduled']}" for name in QUEUE_NAMES
    )


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[name] = time.monotonic() - started
