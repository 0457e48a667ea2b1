"""A small world for the state machine: a broker that forgets nothing, Azure ML's jobs, and a ledger that goes away."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues, MemoryTopics
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.adapters.memory_reactions import MemoryDataFactories, MemoryDeployments, MemoryNotifier
from bridge.domain.actions import Deploy, Notify, Publish, RunDataFactory
from bridge.domain.callers import KeyAuthenticator
from bridge.domain.commands import CancelRun, CheckRun, SubmitRun
from bridge.domain.errors import RetryableError, ServiceUnavailable
from bridge.domain.inbound import InboundEvent
from bridge.domain.jobs import JobDetails
from bridge.domain.pipelines import Allow, Catalogue
from bridge.domain.places import Places
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent, Records
from bridge.domain.retry import RetryPolicy
from bridge.domain.rules import Rules
from bridge.domain.statuses import JobStatus, is_terminal
from bridge.ports import Body, Bridge, Message, Outbound, Reactions
from bridge.services.act import act
from bridge.services.cancel_run import cancel_run
from bridge.services.check_run import check_run
from bridge.services.deploy_model import deploy_model
from bridge.services.ingest_event import ingest_event
from bridge.services.record_events import record_events
from bridge.services.submit_run import submit_run
from tests.conftest import WORKSPACE_ID, pipeline
from tests.unit.occasions import PREFIX
from tests.unit.parts import parts

ENDPOINT = "churn-online"
#: Of the pipeline `limited`.
MAX_ACTIVE_RUNS = 1


class Ledger(MemoryLedger):
    """A ledger that answers nothing while it is away."""

    away = False

    def write(self, records: Records) -> None:
        self._answer()
        super().write(records)

    def fired(self, action_ids: Sequence[str]) -> Mapping[str, str]:
        self._answer()
        return super().fired(action_ids)

    def _answer(self) -> None:
        if self.away:
            raise ServiceUnavailable


@dataclass(kw_only=True)
class Delivery:
    """A message that waits in its queue."""

    queue: Queue
    message: Message
    count: int = 0


class Broker:
    """Keeps every message until it is handled; delivers in whatever order it is told."""

    #: How long `run-control` remembers the ids of messages.
    MEMORY = timedelta(minutes=10)

    def __init__(self, queues: MemoryQueues, clock: MemoryClock, *, detects: bool) -> None:
        self.waiting: list[Delivery] = []
        #: How often each message of `run-control` was taken in.
        self.taken: Counter[str] = Counter()
        self._queues, self._clock, self._detects = queues, clock, detects
        self._seen: dict[str, datetime] = {}

    def collect(self) -> None:
        """Take in what was sent."""
        for queue, messages in self._queues.sent.items():
            for message in messages:
                if queue is not Queue.RUN_CONTROL or self._is_new(message):
                    self.waiting.append(Delivery(queue=queue, message=message))
            messages.clear()

    def put(self, queue: Queue, body: InboundEvent) -> None:
        self.waiting.append(Delivery(queue=queue, message=Message(message_id=body.message_id, body=body)))

    def due(self) -> list[Delivery]:
        now = self._clock.now()
        return [each for each in self.waiting if each.message.due is None or each.message.due <= now]

    def next_due(self) -> datetime:
        return min(each.message.due for each in self.waiting if each.message.due is not None)

    def _is_new(self, message: Message) -> bool:
        now, seen = self._clock.now(), self._seen.get(message.message_id)
        if self._detects and seen is not None and now - seen < self.MEMORY:
            return False
        self._seen[message.message_id] = now
        self.taken[message.message_id] += 1
        return True


class World:
    """The bridge with everything around it."""

    def __init__(self, rules: Rules, *, detects: bool) -> None:
        self.clock = MemoryClock()
        self.queues = MemoryQueues()
        self.jobs = MemoryJobs(self.clock)
        self.ledger = Ledger()
        self.deployments = MemoryDeployments(endpoints={ENDPOINT})
        self.notifier = MemoryNotifier(channels={"ops"})
        self.broker = Broker(self.queues, self.clock, detects=detects)
        self.bridge = self._bridge(rules)

    def handle(self, delivery: Delivery, *, again: bool = False) -> None:
        """Deliver once, or twice as if the first time had not been completed; what fails stays where it is."""
        self.broker.waiting.remove(delivery)
        for _ in range(2 if again else 1):
            delivery.count += 1
            try:
                self._handle(delivery.message.body, redelivered=delivery.count > 1)
            except RetryableError:
                self.broker.waiting.append(delivery)
                return

    def _handle(self, body: Body, *, redelivered: bool) -> None:
        match body:
            case SubmitRun():
                submit_run(body, self.bridge, redelivered=redelivered)
            case CheckRun():
                check_run(body, self.bridge)
            case CancelRun():
                cancel_run(body, self.bridge)
            case Deploy():
                deploy_model(body, self.bridge)
            case Notify() | Publish() | RunDataFactory():
                act(body, self.bridge)
            case InboundEvent():
                ingest_event(body.event, self.bridge, try_=body.try_)
            case Records():
                record_events(parts(body), self.bridge)

    # Azure ML

    def live(self) -> list[str]:
        return [run_id for run_id, job in self.jobs.jobs.items() if not is_terminal(job.status)]

    def move(self, run_id: str, status: str) -> None:
        job = self.jobs.jobs[run_id]
        job.status = status
        started = job.details.started_at or self.clock.now()
        job.details = JobDetails(started_at=started, ended_at=self.clock.now() if is_terminal(status) else None)

    def events_of(self, run_id: str, *, tagged: bool) -> list[AmlEvent]:
        """What Azure ML would tell of the job's status now."""
        job = self.jobs.jobs[run_id]
        kinds = ["RunStatusChanged", *(["RunCompleted"] if job.status == JobStatus.COMPLETED else [])]
        data = {"runId": run_id, "experimentName": job.request.experiment}
        if tagged:
            data["runTags"] = dict(job.request.tags)  # type: ignore[assignment]
        events = [self.event(kind, f"{run_id}-{kind}-{job.status}", data) for kind in kinds]
        return [replace(events[0], data={**data, "runStatus": job.status}), *events[1:]]

    def event(self, kind: str, event_id: str, data: Mapping[str, object]) -> AmlEvent:
        return AmlEvent(
            id=event_id,
            event_type=PREFIX + kind,
            subject=event_id,
            event_time=self.clock.now(),
            data=data,
            topic=WORKSPACE_ID,
            door="workspace",
        )

    # coming to rest

    def come_to_rest(self, end: Callable[[str], None]) -> None:
        """Every job ends, as it is told, and every message is delivered, also those that follow from the ends."""
        for _ in range(5_000):
            self.broker.collect()
            if due := self.broker.due():
                self.handle(due[0])
            elif self.ledger.away:
                self.ledger.away = False
            elif live := self.live():
                end(live[0])
            elif self.broker.waiting:
                self.deployments_become_ready()
                self.clock.advance(self.broker.next_due() - self.clock.now())
            else:
                return
        raise AssertionError("it never comes to rest")

    def deployments_become_ready(self) -> None:
        for endpoint, name in self.deployments.deployments:
            self.deployments.end(endpoint, name)

    def _bridge(self, rules: Rules) -> Bridge:
        allow = Allow(principals=frozenset({"key", "rule:*"}))
        names = {"train": None, "limited": MAX_ACTIVE_RUNS}
        return Bridge(
            name="bridge",
            workspace="ws1",
            workspaces=frozenset({"ws1"}),
            workspace_ids=frozenset({WORKSPACE_ID.lower()}),
            catalogue=Catalogue(
                replace(pipeline(name), experiment=name, allow=allow, max_active_runs=limit)
                for name, limit in names.items()
            ),
            jobs=self.jobs,
            sender=self.queues,
            ledger=self.ledger,
            outbound=Outbound(publisher=MemoryTopics(), topics={}, default_topic=None, queues=frozenset()),
            reactions=Reactions(
                rules=rules,
                deployments=self.deployments,
                notifier=self.notifier,
                factories=MemoryDataFactories(),
            ),
            authenticator=KeyAuthenticator(),
            clock=self.clock,
            # Nothing is given up: what fails is tried until it works.
            retry=RetryPolicy(tries=100_000),
            places=Places(),
            record_window=timedelta(seconds=30),
            sweep_days=3,
            record_all_events=False,
        )
