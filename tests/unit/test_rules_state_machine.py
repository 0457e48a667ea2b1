"""Whatever is lost, late, repeated or out of order: the ledger ends as Azure ML, and each occasion acts once."""

from collections import Counter
from datetime import timedelta
from itertools import cycle
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.domain.commands import CheckRun
from bridge.domain.errors import RetryableError, ServiceUnavailable
from bridge.domain.inbound import InboundEvent
from bridge.domain.queues import Queue
from bridge.domain.records import AmlEvent
from bridge.domain.rules import DeployAction, Rules, SubmitAction
from bridge.domain.statuses import JobStatus, is_terminal, job_rank
from bridge.services.accept_runs import accept_runs
from bridge.services.cancel_run import request_cancel
from tests.unit.occasions import rule as a_rule
from tests.unit.requests import KEY, request
from tests.unit.simulation import ENDPOINT, MAX_ACTIVE_RUNS, Delivery, World

DAY = timedelta(days=1)
TODAY = {"as_of": "${date}"}
#: `score` and `again` lead to each other.
RULES = Rules([
    a_rule("score", "Bridge.RunEnded", SubmitAction(pipeline="limited", inputs=TODAY),
           where={"data.status": "COMPLETED", "data.pipeline": "train"}),
    a_rule("again", "RunCompleted", SubmitAction(pipeline="train", inputs=TODAY),
           where={"data.experimentName": "limited"}),
    a_rule("retrain", "DatasetDriftDetected", SubmitAction(pipeline="train", inputs=TODAY), cool_down=DAY),
    a_rule("deploy", "ModelRegistered", DeployAction(endpoint=ENDPOINT), where={"tags.stage": "prod"}),
    a_rule("tell-failure", "Bridge.RunEnded", where={"data.status": "FAILED"}),
    a_rule("tell-drift", "DatasetDriftDetected", cool_down=DAY),
])  # fmt: skip
ON_THE_WAY = [JobStatus.QUEUED, JobStatus.PREPARING, JobStatus.RUNNING, JobStatus.PAUSED, JobStatus.FINALIZING]
ENDS = [JobStatus.COMPLETED, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED]
ANY = st.integers(min_value=0, max_value=1_000_000)
#: How a job ends that nobody ended before: its status, how many events tell of it, whether they have its tags, and
#: whether Azure ML answers the next question about it.
LAST_WORDS = st.tuples(st.sampled_from(ENDS), st.sampled_from([0, 1, 2]), st.booleans(), st.booleans())


def chain_of(tags: Any) -> list[str]:
    return [name for name in tags.get("bridge_rule_chain", "").split(",") if name]


class Machine(RuleBasedStateMachine):
    """What may happen, and what must hold whatever did."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(RULES, detects=True)
        #: Rows are written at once, and the ledger always answers.
        self.is_prompt = True
        self.started: set[str] = set()
        self.emitted: list[AmlEvent] = []

    @initialize(detects=st.booleans(), prompt=st.booleans(), last=st.lists(LAST_WORDS, min_size=1, max_size=4))
    def begin(self, *, detects: bool, prompt: bool, last: list[tuple[str, int, bool, bool]]) -> None:
        self.world = World(RULES, detects=detects)
        self.is_prompt, self.detects = prompt, detects
        self.last_words = cycle(last)
        for key, pipeline in enumerate(("train", "limited")):
            self.somebody_starts_a_run(pipeline, key)
            self.messages_are_delivered([0], twice=False)

    # callers

    @rule(pipeline=st.sampled_from(["train", "limited"]), key=st.integers(0, 2))
    def somebody_starts_a_run(self, pipeline: str, key: int) -> None:
        try:
            (answer,) = accept_runs([request(f"k{key}", pipeline)], self.world.bridge)
        except RetryableError:
            return  # whoever asked is told so
        self.started.add(answer.run_id)
        self._settle()

    @precondition(lambda self: self.started)
    @rule(pick=ANY)
    def somebody_cancels_a_run(self, pick: int) -> None:
        runs = sorted(self.started | set(self.world.jobs.jobs))
        try:
            request_cancel(runs[pick % len(runs)], KEY, self.world.bridge)
        except RetryableError:
            return
        self._settle()

    # the broker

    @precondition(lambda self: self.world.broker.due())
    @rule(picks=st.lists(ANY, min_size=1, max_size=6), twice=st.booleans())
    def messages_are_delivered(self, picks: list[int], *, twice: bool) -> None:
        for pick in picks:
            if due := self.world.broker.due():
                self._deliver(due[pick % len(due)], twice=twice)

    @rule(minutes=st.sampled_from([1, 3, 9, 11, 40, 180, 1500]))
    def time_passes(self, minutes: int) -> None:
        self.world.clock.advance(timedelta(minutes=minutes))

    # Azure ML

    @precondition(lambda self: self.world.live())
    @rule(pick=ANY, to=ANY, ends=st.booleans(), tagged=st.booleans(), voice=st.sampled_from([0, 1, 2]))
    def azure_ml_moves_a_job(self, pick: int, to: int, *, ends: bool, tagged: bool, voice: int) -> None:
        """It sends no event of it, or one, or two."""
        live = self.world.live()
        run_id = live[pick % len(live)]
        now = job_rank(self.world.jobs.jobs[run_id].status)
        reachable = ENDS if ends else [each for each in ON_THE_WAY if job_rank(each) >= now] or ENDS
        self.world.move(run_id, reachable[to % len(reachable)])
        self._emit(self.world.events_of(run_id, tagged=tagged), times=voice)

    @precondition(lambda self: self.emitted)
    @rule(pick=ANY)
    def event_grid_repeats_itself(self, pick: int) -> None:
        self._emit([self.emitted[pick % len(self.emitted)]])

    @rule(name=st.sampled_from(["a", "b"]), hours=st.sampled_from([0, 1, 30]))
    def data_drifts(self, name: str, hours: int) -> None:
        self.world.clock.advance(timedelta(hours=hours))
        event_id = f"drift-{len(self.emitted)}"
        self._emit([self.world.event("DatasetDriftDetected", event_id, {"DataDriftName": name})])

    @rule(version=st.integers(1, 2), stage=st.sampled_from(["prod", "dev"]))
    def a_model_is_registered(self, version: int, stage: str) -> None:
        data = {"ModelName": "churn", "ModelVersion": str(version), "ModelTags": {"stage": stage}}
        self._emit([self.world.event("ModelRegistered", f"model-{version}-{stage}", data)])

    @rule()
    def deployments_become_ready(self) -> None:
        self.world.deployments_become_ready()

    # what fails

    @rule(call=st.sampled_from(["get", "submit", "cancel", "details", "tagged"]), answered=st.booleans())
    def azure_ml_fails_once(self, call: str, *, answered: bool) -> None:
        """Or has done what it was asked, and its answer is lost."""
        if answered:
            self.world.jobs.lost_answers.append(ServiceUnavailable())
        else:
            self.world.jobs.failures.append((call, ServiceUnavailable()))

    @rule(what=st.sampled_from(["queue", "deployments", "notifier"]))
    def something_else_fails_once(self, what: str) -> None:
        world = self.world
        failing = {"queue": world.queues.failures, "deployments": world.deployments.failures}
        failing.get(what, world.notifier.failures).append(ServiceUnavailable())

    @precondition(lambda self: not self.is_prompt)
    @rule()
    def the_ledger_goes_or_comes_back(self) -> None:
        self.world.ledger.away = not self.world.ledger.away

    # at every step

    @invariant()
    def no_run_has_ended_in_the_ledger_that_has_not_in_azure_ml(self) -> None:
        for run_id, job in self.world.jobs.jobs.items():
            row = self.world.ledger.run(run_id)
            if row is not None and is_terminal(row["status"]):
                assert row["status"] == job.status, run_id

    @invariant()
    def no_chain_has_a_rule_twice(self) -> None:
        chains = [chain_of(job.request.tags) for job in self.world.jobs.jobs.values()]
        assert [chain for chain in chains if len(set(chain)) < len(chain)] == []

    @invariant()
    def no_pipeline_has_more_active_runs_than_it_may(self) -> None:
        live = [self.world.jobs.jobs[run_id].request.experiment for run_id in self.world.live()]
        assert live.count("limited") <= MAX_ACTIVE_RUNS

    # in the end

    def teardown(self) -> None:
        self.world.come_to_rest(self._end)
        self.no_run_has_ended_in_the_ledger_that_has_not_in_azure_ml()
        self.no_chain_has_a_rule_twice()
        self._the_ledger_shows_what_azure_ml_knows()
        self._each_occasion_started_one_run()
        self._each_run_knows_what_led_to_it()
        self._each_model_was_deployed_once()
        self._everybody_was_told_once()

    def _the_ledger_shows_what_azure_ml_knows(self) -> None:
        truth = {run_id: job.status for run_id, job in self.world.jobs.jobs.items()}
        shown = {run_id: row["status"] for run_id in truth if (row := self.world.ledger.run(run_id))}
        assert shown == truth
        assert self.started <= set(truth)

    def _each_occasion_started_one_run(self) -> None:
        """Run ids come from occasions, so that it is the number of them that tells."""
        jobs = self.world.jobs.jobs.values()
        by = Counter(job.request.tags["bridge_caller"] for job in jobs)
        trained = [
            job
            for job in jobs
            if job.request.experiment == "train"
            and job.status == JobStatus.COMPLETED
            and "score" not in chain_of(job.request.tags)
        ]
        told = {event.data["runId"] for event in self.emitted if event.event_type.endswith("RunCompleted")}
        scored = [
            run_id
            for run_id, job in self.world.jobs.jobs.items()
            if run_id in told and job.request.experiment == "limited" and "again" not in chain_of(job.request.tags)
        ]
        assert by["rule:score"] == len(trained)
        assert by["rule:again"] == len(scored)
        assert by["rule:retrain"] == len(self._drifts())
        assert len(jobs) == sum(by.values()) == len(self.started) + len(trained) + len(scored) + len(self._drifts())

    def _each_run_knows_what_led_to_it(self) -> None:
        jobs, records = self.world.jobs.jobs, self.world.ledger.records
        about = {event.id: event.data.get("run_id") or event.data.get("runId") for event in records.aml_events}
        for row in records.rule_actions:
            if row.action == "submit" and row.status == "FIRED":
                cause = about[row.event_id]
                led = chain_of(jobs[cause].request.tags) if cause else []
                assert chain_of(jobs[str(row.run_id)].request.tags) == [*led, row.rule]

    def _each_model_was_deployed_once(self) -> None:
        versions = {event.data["ModelVersion"] for event in self.emitted if event.id.endswith("-prod")}
        begun = [change for change in self.world.deployments.changes if change.startswith("begin")]
        assert sorted(begun) == sorted(f"begin churn-{version}" for version in versions)
        assert {name for _, name in self.world.deployments.deployments} == {f"churn-{each}" for each in versions}

    def _everybody_was_told_once(self) -> None:
        failed = [job for job in self.world.jobs.jobs.values() if job.status == JobStatus.FAILED]
        told = {(each.occasion.rule, each.occasion.action_id) for each in self.world.notifier.sent}
        assert Counter(name for name, _ in told) == +Counter(
            {"tell-failure": len(failed), "tell-drift": len(self._drifts())}
        )
        if self.is_prompt and self.detects:
            first_tries = {key: count for key, count in self.world.broker.taken.items() if key.startswith("notify.")}
            assert all(count == 1 for count in first_tries.values()), first_tries

    def _drifts(self) -> set[tuple[str, str]]:
        drifts = [event for event in self.emitted if event.id.startswith("drift-")]
        return {(event.data["DataDriftName"], f"{event.event_time:%F}") for event in drifts}

    # how

    def _end(self, run_id: str) -> None:
        was_cancelled = self.world.jobs.jobs[run_id].status == JobStatus.CANCEL_REQUESTED
        status, voice, tagged, answers = next(self.last_words)
        if not answers:
            self.azure_ml_fails_once("get", answered=False)
        self.world.move(run_id, JobStatus.CANCELED if was_cancelled else status)
        self._emit(self.world.events_of(run_id, tagged=tagged), times=voice)

    def _emit(self, events: list[AmlEvent], times: int = 1) -> None:
        for event in events * times:
            self.emitted.append(event)
            self.world.broker.put(Queue.INBOUND_EVENTS, InboundEvent(event=event))

    def _deliver(self, delivery: Delivery, *, twice: bool) -> None:
        before = {queue: len(messages) for queue, messages in self.world.queues.sent.items()}
        self.world.handle(delivery, again=twice)
        for message in self.world.queues.sent[Queue.RUN_EVENTS][before[Queue.RUN_EVENTS] :]:
            ends = [fact for fact in message.body.run_events if fact.is_job_fact and is_terminal(fact.status)]  # type: ignore[union-attr]
            is_copy = delivery.queue is Queue.RUN_EVENTS
            assert not ends or is_copy or isinstance(delivery.message.body, CheckRun), "only a check ends a run"
        self._settle()

    def _settle(self) -> None:
        self.world.broker.collect()
        while self.is_prompt:
            rows = [each for each in self.world.broker.due() if each.queue is Queue.RUN_EVENTS]
            if not rows:
                return
            for each in rows:
                self.world.handle(each)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
