"""One shard for a day, second by second: submissions at the app's pace, checks at Azure ML's, and what they send.

A shard is one function app with its own identity, queues and workspace. Submissions follow `bridge/adapters/pacing.py`:
whoever finds no place comes back as a scheduled message, one by one, at the pace; who comes back competes with who is
new, and may be put off again, to the end of the line. Reads that Azure ML refuses are asked again in their order.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.simulation.costs import BURST_SECONDS, Moment
from benchmarks.simulation.limits import Bucket
from benchmarks.simulation.loads import DAY

#: The last runs of the day have ended by then, and the last checks are made.
HORIZON = DAY + 2 * 3600
#: A bucket that never runs dry: what would be asked for if nothing held it up.
UNLIMITED = Bucket(size=10**12, refill=10**12)


@dataclass
class Flow:
    """What happened, by the second."""

    arrived: list[int]
    submitted: list[int] = field(default_factory=lambda: [0] * HORIZON)
    #: Copies that were scheduled because there was no place, for a submission or for a read.
    put_off: list[int] = field(default_factory=lambda: [0] * HORIZON)
    reads: list[int] = field(default_factory=lambda: [0] * HORIZON)
    events: list[int] = field(default_factory=lambda: [0] * HORIZON)
    record_messages: list[int] = field(default_factory=lambda: [0] * HORIZON)
    #: Rows of RUN_EVENTS and of AML_EVENTS.
    run_rows: list[int] = field(default_factory=lambda: [0] * HORIZON)
    #: Runs by the seconds that they waited for their place; of those that never got one, until the end.
    waits: Counter[int] = field(default_factory=Counter)
    #: Checks by the seconds that they waited.
    read_waits: Counter[int] = field(default_factory=Counter)
    unsubmitted: int = 0
    unread: int = 0
    most_waiting: int = 0
    most_reads_waiting: int = 0

    @property
    def messages(self) -> list[int]:
        """Handled in each second, in all queues; each was also sent."""
        columns = zip(self.arrived, self.put_off, self.reads, self.events, self.record_messages, strict=True)
        return [sum(column) for column in columns]


def pace(writes_per_second: int) -> Bucket:
    """The app's own bucket, of all its instances together; half as large as Azure's at ten writes a second."""
    return Bucket(size=writes_per_second * BURST_SECONDS, refill=writes_per_second)


def flow(arrived: Sequence[int], moments: Sequence[Moment], *, writes: Bucket, reads: Bucket) -> Flow:
    """A day and two hours of one shard."""
    result = Flow(arrived=[*arrived, *[0] * (HORIZON - len(arrived))])
    _submit(result, writes)
    _follow(result, moments)
    _check(result, moments, reads)
    return result


def _submit(result: Flow, bucket: Bucket) -> None:
    free, line = bucket.size, _Line()
    for second, new in enumerate(result.arrived):
        free = min(bucket.size, free + bucket.refill)
        if not new and not line.runs:
            continue
        back = min(line.runs, bucket.refill)
        taken = min(free, new + back)
        # New runs and those that come back reach the executors mixed, so each kind gets its part of the places.
        taken_back = taken * back // (new + back)
        taken_new = min(new, taken - taken_back)
        free -= taken_new + taken_back
        result.submitted[second] = taken_new + taken_back
        result.waits[0] += taken_new
        for came, runs in line.take(taken_back):
            result.waits[second - came] += runs
        line.put_last(line.take(back - taken_back))
        line.put_last([(second, new - taken_new)])
        result.put_off[second] = new - taken_new + back - taken_back
        result.most_waiting = max(result.most_waiting, line.runs)
    for came, runs in line.take(line.runs):
        result.unsubmitted += runs
        result.waits[HORIZON - came] += runs


class _Line:
    """Runs that were put off, in the order in which they come back, by when they were asked for."""

    def __init__(self) -> None:
        self.runs = 0
        self._parts: deque[tuple[int, int]] = deque()

    def put_last(self, parts: Sequence[tuple[int, int]]) -> None:
        for came, runs in parts:
            if runs:
                self._parts.append((came, runs))
                self.runs += runs

    def take(self, wanted: int) -> list[tuple[int, int]]:
        taken = []
        self.runs -= wanted
        while wanted:
            came, runs = self._parts.popleft()
            if runs > wanted:
                self._parts.appendleft((came, runs - wanted))
            taken.append((came, min(runs, wanted)))
            wanted -= taken[-1][1]
        return taken


def _follow(result: Flow, moments: Sequence[Moment]) -> None:
    """What nothing holds up: rows of acceptance and submission, and Azure ML's events."""
    for second, (new, submitted) in enumerate(zip(result.arrived, result.submitted, strict=True)):
        result.record_messages[second] = result.run_rows[second] = new + submitted
    submissions = _counted(result.submitted)
    for moment in moments:
        if moment.events:
            for second, runs in _later(submissions, moment.after):
                result.events[second] += runs * moment.events
                result.record_messages[second] += runs * moment.events
                result.run_rows[second] += runs * moment.run_rows


def _counted(counts: Sequence[int]) -> list[tuple[int, int]]:
    """The seconds in which there is anything."""
    return [(second, count) for second, count in enumerate(counts) if count]


def _later(counts: Sequence[tuple[int, int]], after: int) -> Iterator[tuple[int, int]]:
    """The same, so much later; what would come after the end is left out."""
    for second, count in counts:
        if second + after >= HORIZON:
            return
        yield second + after, count


def _check(result: Flow, moments: Sequence[Moment], bucket: Bucket) -> None:
    """Reads in the order in which they are due. A chain that is late skips no step here, as the app's may."""
    plain, changes = _due_reads(result, moments)
    free, line, waiting = bucket.size, deque[tuple[int, int, bool]](), 0
    for second, (plain_due, changes_due) in enumerate(zip(plain, changes, strict=True)):
        free = min(bucket.size, free + bucket.refill)
        new = plain_due + changes_due
        if not new and not waiting:
            continue
        line.append((second, plain_due, False))
        line.append((second, changes_due, True))
        taken = min(waiting + new, free)
        free -= taken
        waiting += new - taken
        result.reads[second] = taken
        # Azure ML refuses it once; the copy comes back when there is a place.
        result.put_off[second] += min(new, waiting)
        result.most_reads_waiting = max(result.most_reads_waiting, waiting)
        _read(result, line, second, taken)
    for since, count, _ in line:
        result.unread += count
        result.read_waits[HORIZON - since] += count


def _due_reads(result: Flow, moments: Sequence[Moment]) -> tuple[list[int], list[int]]:
    """By second: reads that will find nothing new, and those that will."""
    plain, changes = [0] * HORIZON, [0] * HORIZON
    submissions = _counted(result.submitted)
    for moment in moments:
        if moment.checks:
            due = changes if moment.is_change else plain
            for second, runs in _later(submissions, moment.after):
                due[second] += runs * moment.checks
    return plain, changes


def _read(result: Flow, line: deque[tuple[int, int, bool]], second: int, wanted: int) -> None:
    while line and (wanted or not line[0][1]):
        since, count, is_change = line.popleft()
        done = min(count, wanted)
        if done < count:
            line.appendleft((since, count - done, is_change))
        wanted -= done
        result.read_waits[second - since] += done
        if is_change:
            result.record_messages[second] += done
            result.run_rows[second] += done


def at_most(counts: Counter[int], share: float) -> int:
    """The value that this share of what was counted does not exceed."""
    wanted, seen = share * counts.total(), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    return 0


def busiest(counts: Sequence[int], seconds: int = 300) -> float:
    """The most a second, as the mean of the busiest stretch of so many seconds."""
    total = best = sum(counts[:seconds])
    for second in range(seconds, len(counts)):
        total += counts[second] - counts[second - seconds]
        best = max(best, total)
    return best / seconds
