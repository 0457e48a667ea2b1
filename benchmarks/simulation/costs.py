"""What one run costs the bridge: messages, calls and rows, as the code sends them, and what was measured of its speed.

The counts belong to a run that goes well, was asked for by a request of its own and has no rule about it.
`tests/benchmarks/test_costs.py` has the app's own services handle such a run, and compares.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from bridge.adapters import pacing
from bridge.services.check_chain import FIRST_STEPS

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "latest.json"
_SERVICE_BUS = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))["extensions"]["serviceBus"]

#: maxMessageBatchSize of host.json.
BATCH_MESSAGES = int(_SERVICE_BUS["maxMessageBatchSize"])
#: maxBatchWaitTime of host.json; RECORD_WINDOW_SECONDS follows it.
WINDOW_SECONDS = int(_SERVICE_BUS["maxBatchWaitTime"].rpartition(":")[2])
#: AUTO_SUSPEND of sql/010_account.sql.
AUTO_SUSPEND_SECONDS = 60
#: Credits a month after which the warehouse is suspended: the default of credit_quota, sql/values.example.yaml.
CREDIT_QUOTA = 30
#: Defaults of the settings AML_WRITES_PER_SECOND and EXECUTE_MAX_INSTANCES.
WRITES_PER_SECOND = 10
EXECUTE_INSTANCES = 4
BURST_SECONDS = pacing.BURST_SECONDS
#: How fast reads come back that Azure ML has refused.
READS_RETURN_PER_SECOND = pacing.READS_PER_SECOND

# Assumed: nobody has measured these.
#: Of one message, with what the broker adds.
MESSAGE_BYTES = 1500
#: Of one INSERT on a warehouse that is awake, whatever its rows.
STATEMENT_SECONDS = 0.3
#: Until a warehouse that sleeps takes a statement: docs.snowflake.com says a second or two, as a rule.
RESUME_SECONDS = 2
#: CPU of a message that is not a submission.
MESSAGE_CPU_MS = 5.0
#: Seconds after the submission at which a job changes its status, if it runs for 20 minutes. Azure ML tells each change
#: by an event, and the end by two.
STATUSES = (
    ("NotStarted", 0),
    ("Preparing", 10),
    ("Queued", 20),
    ("Running", 90),
    ("Finalizing", -30),
    ("Completed", 0),
)
RUNS_FROM_SECONDS = 90
JOB_MINUTES = 20


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What one run causes at one time after its submission."""

    after: int
    #: Of Event Grid, each a message for `ingest` and one for `record`.
    events: int = 0
    #: Messages for `control`, each a read of Azure ML.
    checks: int = 0
    #: Whether a check finds a change: a message of one row for `record`.
    is_change: bool = False
    #: Rows of RUN_EVENTS that the events bring; each also brings one of AML_EVENTS.
    run_rows: int = 0


@dataclass(frozen=True)
class Measured:
    """Speed of the app's own code, and where it is from."""

    submit_cpu_ms: float = 12.0
    record_rows_per_second: float = 2000.0
    source: str = "defaults of the simulation"


def life(job_minutes: int = JOB_MINUTES) -> list[Moment]:
    """Everything after the submission, by time: the job's events and the chain of checks until it sees the end."""
    end = job_minutes * 60
    if end <= 2 * RUNS_FROM_SECONDS:
        raise ValueError("a job of less than four minutes has another order of events")
    starts = [Moment(after=after, events=1, run_rows=1) for _, after in STATUSES[:4]]
    ends = [
        Moment(after=end + STATUSES[4][1], events=1, run_rows=1),
        # Two events tell of the end, RunStatusChanged and RunCompleted. Each has the job looked at.
        Moment(after=end, events=2, checks=2, is_change=True),
    ]
    return sorted([*starts, *ends, *_chain(end)], key=lambda moment: moment.after)


def _chain(end: int) -> list[Moment]:
    """A step reports what differs from the step before: the first that it runs, the last that it has ended."""
    steps, minutes = [], 0
    for number in range(1, 1000):
        minutes = FIRST_STEPS[number - 1] if number <= len(FIRST_STEPS) else minutes + 60
        is_last = minutes * 60 > end
        steps.append(Moment(after=minutes * 60, checks=1, is_change=number == 1 or is_last))
        if is_last:
            return steps
    raise ValueError("a job cannot run for so long")


@dataclass(frozen=True)
class Costs:
    """Of one run, from the request to the last look at its job."""

    writes: int
    reads: int
    messages: int
    events: int
    record_messages: int
    rows: int


def costs(moments: list[Moment]) -> Costs:
    """Sums of a life, with what comes before it: command, ACCEPTED and SUBMITTED."""
    events = sum(moment.events for moment in moments)
    checks = sum(moment.checks for moment in moments)
    changes = sum(moment.checks for moment in moments if moment.is_change)
    record = 2 + events + changes
    rows = 2 + events + sum(moment.run_rows for moment in moments) + changes
    return Costs(
        writes=1, reads=checks, messages=1 + checks + events + record, events=events, record_messages=record, rows=rows
    )


#: Lines of `make bench`.
CPU, ROWS = "CPU a run, execute", "record: rows a second"


def measured(path: Path = RESULTS) -> Measured:
    """What was measured on this machine, as far as there is a file that says so."""
    if not path.exists():
        return Measured()
    found = {
        each["measure"]: float(each["bridge"]) for each in json.loads(path.read_text(encoding="utf-8"))["measures"]
    }
    usual = Measured()
    known = {CPU, ROWS} & found.keys()
    return Measured(
        submit_cpu_ms=found.get(CPU, usual.submit_cpu_ms),
        record_rows_per_second=found.get(ROWS, usual.record_rows_per_second),
        source=f"measured, {path.name}: {', '.join(sorted(known))}" if known else usual.source,
    )
