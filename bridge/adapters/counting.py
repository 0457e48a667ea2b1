"""Counts what the app reports, on its way to the ledger's queue: one place, and no service knows of it.

Facts repeat by design: every look at an ended job reports its end. What this process has counted it does not count
again; another instance may.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence

from bridge.domain import signals
from bridge.domain.commands import CancelRun, CheckRun, SubmitRun
from bridge.domain.events import RunEvent
from bridge.domain.inbound import InboundEvent
from bridge.domain.pipelines import Catalogue
from bridge.domain.queues import Queue
from bridge.domain.records import DeadLetter, Records
from bridge.domain.signals import Metric, Telemetry
from bridge.domain.statuses import BridgeStatus, JobStatus
from bridge.ports import Body, Message, MessageSender, OutgoingMessage

#: Facts and dead letters that are remembered: of the last hours of a busy instance.
REMEMBERED = 50_000
#: Of a pipeline that is not in the file: whoever asks for one may call it anything.
UNKNOWN_PIPELINE = "unknown"
BY_STATUS: dict[str, Metric] = {
    BridgeStatus.ACCEPTED: signals.RUNS_ACCEPTED,
    BridgeStatus.REJECTED: signals.RUNS_REJECTED,
    BridgeStatus.FAILED: signals.RUNS_FAILED,
    JobStatus.SUBMITTED: signals.RUNS_SUBMITTED,
    JobStatus.COMPLETED: signals.RUNS_COMPLETED,
    JobStatus.FAILED: signals.RUNS_FAILED,
    JobStatus.CANCELED: signals.RUNS_CANCELED,
}


class CountingSender:
    """MessageSender that tells of what another one has sent."""

    def __init__(self, inner: MessageSender, telemetry: Telemetry, catalogue: Catalogue) -> None:
        self._inner = inner
        self._telemetry = telemetry
        self._pipelines = frozenset(catalogue.names())
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def prepare(self) -> None:
        self._inner.prepare()

    def send(self, queue: Queue, messages: Sequence[Message]) -> None:
        self._inner.send(queue, messages)
        for message in messages:
            self._count_retry(message.body)
            if isinstance(message.body, Records) and not message.body.try_:
                self._count_records(message.body)

    def text(self, body: Body) -> str:
        return self._inner.text(body)

    def parts(self, records: Records, limit: int) -> Iterable[tuple[Records, str]]:
        return self._inner.parts(records, limit)

    def post(self, queue: str, messages: Sequence[OutgoingMessage]) -> None:
        self._inner.post(queue, messages)

    def _count_retry(self, body: Body) -> None:
        if body.try_:
            self._telemetry.count(signals.RETRIES, 1, {signals.OPERATION: operation(body)})

    def _count_records(self, records: Records) -> None:
        facts = Counter(
            (metric, self._pipeline(fact), fact.error_code or "") for metric, fact in self._new(records.run_events)
        )
        for (metric, pipeline, code), count in facts.items():
            reason = {signals.REASON: code} if code and metric is signals.RUNS_REJECTED else {}
            self._telemetry.count(metric, count, {signals.PIPELINE: pipeline, **reason})
        for letter in records.dead_letters:
            if self._is_new(letter.dead_letter_id):
                self._telemetry.count(signals.DEAD_LETTERS, 1, _of_letter(letter))

    def _new(self, facts: Iterable[RunEvent]) -> Iterator[tuple[Metric, RunEvent]]:
        for fact in facts:
            metric = BY_STATUS.get(fact.status) if fact.rank else None
            if metric is not None and self._is_new(fact.event_id):
                yield metric, fact

    def _pipeline(self, fact: RunEvent) -> str:
        return fact.pipeline if fact.pipeline in self._pipelines and fact.pipeline else UNKNOWN_PIPELINE

    def _is_new(self, key: str) -> bool:
        with self._lock:
            if key in self._seen:
                return False
            self._seen[key] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            return True


def operation(body: Body) -> str:
    """What a message asks for, in a word."""
    names: tuple[tuple[type, str], ...] = (
        (SubmitRun, "submit"),
        (CheckRun, "check"),
        (CancelRun, "cancel"),
        (Records, "record"),
        (InboundEvent, "ingest"),
    )
    return next((name for kind, name in names if isinstance(body, kind)), getattr(body, "op", "act"))


def _of_letter(letter: DeadLetter) -> dict[str, str]:
    # A reason may be the broker's own word; ours are in capitals, and few.
    return {signals.QUEUE: letter.queue, signals.REASON: letter.reason[:50]}
