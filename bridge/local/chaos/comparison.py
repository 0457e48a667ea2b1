"""The three ledgers side by side: what callers were told, what Azure ML ran, what Snowflake shows."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.local.chaos.callers import ToldLedger
from bridge.local.chaos.plan import Kind, Wish

#: Azure ML's word for an end, and the ledger's.
ENDS = {"Completed": "COMPLETED", "Failed": "FAILED", "Canceled": "CANCELED"}
#: Of a kind of wish: the ends that are right.
RIGHT = {
    Kind.GOOD: {"Completed"},
    Kind.CONFLICT: {"Completed"},
    Kind.FAILS: {"Failed"},
    Kind.CANCELED: {"Completed", "Canceled"},
}
#: What must be empty.
FINDINGS = ("lost", "doubled", "wrong", "dead_letters", "unhandled")
OTHER = "-other"
SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the ledger's view of runs."""

    run_id: str
    status: str
    mark: str
    conflicts: int
    error_code: str | None


@dataclass
class Verdict:
    """What the comparison found, a list of texts for each kind of fault; all empty is what is wanted."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    dead_letters: list[str] = field(default_factory=list)
    unhandled: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def is_good(self) -> bool:
        return not any(getattr(self, name) for name in FINDINGS)

    def lines(self) -> list[str]:
        """For people."""
        found = []
        for name in FINDINGS:
            texts: list[str] = getattr(self, name)
            found.append(f"{name.replace('_', ' '):<14}{len(texts)}")
            found += [f"    {text}" for text in texts[:SHOWN]]
        return found


class Comparison:
    """Reads the ledgers once, then looks at each wish."""

    def __init__(self, told: ToldLedger, jobs: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> None:
        self._told = told
        self._jobs: dict[str, list[Mapping[str, Any]]] = {}
        for job in jobs:
            self._jobs.setdefault(family(mark_of(job["inputs"])), []).append(job)
        self._rows: dict[str, list[Row]] = {}
        for row in rows:
            self._rows.setdefault(row.run_id, []).append(row)
        self._by_mark: dict[str, list[Row]] = {}
        for row in rows:
            self._by_mark.setdefault(family(row.mark), []).append(row)
        self.verdict = Verdict()

    def judge_cancels(self, traced: Collection[str]) -> None:
        """`traced` are the runs whose history says what became of a cancel: done, or why not."""
        for run_id in self._told.cancels.difference(traced):
            self.verdict.lost.append(f"the cancel of {run_id} was taken and left no trace")

    def judge(self) -> Verdict:
        verdict = self.verdict
        wishes = {mark: wish for mark, wish in self._told.wishes.items() if not mark.endswith(OTHER)}
        for mark, wish in wishes.items():
            verdict.counts[f"wishes: {wish.kind}"] += 1
            self._judge(mark, wish)
        for mark in self._jobs.keys() - wishes.keys():
            verdict.doubled.append(f"a job that nobody asked for: {mark or '(no mark)'}")
        for mark in self._by_mark.keys() - wishes.keys():
            verdict.wrong.append(f"a run in the ledger that nobody asked for: {mark or '(no mark)'}")
        verdict.counts["jobs"] = sum(map(len, self._jobs.values()))
        verdict.counts["jobs put again"] = sum(job["puts"] > 1 for jobs in self._jobs.values() for job in jobs)
        verdict.counts["rows of RUNS_ALL"] = sum(map(len, self._rows.values()))
        verdict.counts["conflicts"] = sum(row.conflicts for rows in self._rows.values() for row in rows)
        return verdict

    def _judge(self, mark: str, wish: Wish) -> None:
        told = self._told.told.get(mark, [])
        jobs = self._jobs.get(mark, [])
        statuses = {answer.status for answer in told}
        ids = {answer.run_id for answer in told if answer.run_id}
        if len(jobs) > 1:
            self.verdict.doubled.append(f"{mark} ({wish.kind}) has {len(jobs)} jobs")
        if len(ids) > 1:
            self.verdict.wrong.append(f"{mark} was told of several runs: {sorted(ids)}")
        if wish.kind is Kind.REJECTED:
            self._judge_rejected(mark, told != [], statuses, bool(jobs))
            return
        if told and not jobs:
            row = next(iter(self._by_mark.get(mark, [])), None)
            self.verdict.lost.append(f"{mark} ({wish.kind}) was taken and has no job; the ledger: {row}")
        for job in jobs:
            self._judge_job(mark, wish, job, ids, is_told=bool(told))

    def _judge_rejected(self, mark: str, is_told: bool, statuses: set[str], has_job: bool) -> None:
        if has_job or not statuses <= {"REJECTED", "TAKEN"}:
            self.verdict.wrong.append(f"{mark} should have been rejected: told {sorted(statuses)}, job: {has_job}")
        rows = {row.status for row in self._by_mark.get(mark, [])}
        if is_told and rows != {"REJECTED"}:
            self.verdict.lost.append(f"the rejection of {mark} shows in the ledger as {sorted(rows) or 'nothing'}")

    def _judge_job(self, mark: str, wish: Wish, job: Mapping[str, Any], ids: set[str], *, is_told: bool) -> None:
        name, status = str(job["name"]), str(job["status"])
        if ids and name not in ids:
            self.verdict.wrong.append(f"{mark} was told of {sorted(ids)}, its job is {name}")
        if status not in RIGHT[wish.kind]:
            self.verdict.wrong.append(f"{mark} ({wish.kind}) ended in Azure ML as {status}")
        rows = self._rows.get(name, [])
        if not rows:
            self.verdict.lost.append(f"{mark}: the job {name} is not in the ledger")
        elif len(rows) > 1:
            self.verdict.doubled.append(f"{mark}: the ledger has {len(rows)} rows of {name}")
        elif rows[0].status != ENDS.get(status):
            self.verdict.wrong.append(f"{mark}: {name} is {status} in Azure ML, {rows[0].status} in the ledger")
        if wish.kind is Kind.CONFLICT and is_told and rows and not rows[0].conflicts:
            self._judge_conflict(mark, name)

    def _judge_conflict(self, mark: str, name: str) -> None:
        if self._told.told.get(f"{mark}{OTHER}"):
            self.verdict.lost.append(f"{mark}: the second request with its key left no note at {name}")


def mark_of(inputs: Any) -> str:
    """The mark in the inputs of a job or a row; empty when there is none."""
    given = json.loads(inputs) if isinstance(inputs, str) else inputs or {}
    value = given.get("note") or given.get("reason") or ""
    return str(value.get("value", "") if isinstance(value, Mapping) else value)


def family(mark: str) -> str:
    """Two requests with one key are one wish."""
    return mark.removesuffix(OTHER)
