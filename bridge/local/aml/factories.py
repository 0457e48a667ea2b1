"""Data Factory, as far as the bridge meets it: pipelines that are started, and runs that can be found again.

Source: learn.microsoft.com, Data Factory REST API 2018-06-01, "Pipelines - Create Run" and "Pipeline Runs".

What it does not do: a factory has names of pipelines and no more, every resource group has the same ones, and a run
does nothing but pass its statuses. Parameters are not checked against a definition. Queries filter by PipelineName,
RunId and Status, answer on one page and ignore `orderBy`; RunId is not among the documented operands. A run is found by
a query at once, which the service does not promise. The error of an unknown pipeline is a guess.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.local.aml.agenda import Agenda
from bridge.local.aml.arm import ArmError
from bridge.local.aml.clock import Clock
from bridge.local.aml.lifecycle import Life

_TIMELINE = (("Queued", 0.0), ("InProgress", 0.5), ("Succeeded", 2.0))
_OVER = frozenset({"Succeeded", "Failed", "Cancelled"})


@dataclass
class FactoryRun:
    """One run of a pipeline."""

    factory: str
    pipeline: str
    parameters: dict[str, str]
    id: str
    created_at: datetime
    life: Life

    @property
    def updated_at(self) -> datetime:
        return self.life.passed[-1].at if self.life.passed else self.created_at

    def resource(self) -> dict[str, Any]:
        started, status = self.created_at, self.life.status
        ended = self.updated_at if status in _OVER else None
        return {
            "id": f"{self.factory}/pipelineruns/{self.id}",
            "runId": self.id,
            "runGroupId": self.id,
            "isLatest": True,
            "debugRunId": None,
            "pipelineName": self.pipeline,
            "parameters": self.parameters,
            "invokedBy": {"id": "emulator", "name": "Manual", "invokedByType": "Manual"},
            "runStart": _time(started),
            "runEnd": _time(ended) if ended else None,
            "durationInMs": int((ended - started).total_seconds() * 1000) if ended else None,
            "lastUpdated": _time(self.updated_at),
            "status": status,
            "message": "Operation failed" if status == "Failed" else "",
            "annotations": [],
            "runDimension": {},
        }


class Factories:
    """All factories, their pipelines and runs."""

    def __init__(self, agenda: Agenda, clock: Clock, time_scale: float) -> None:
        self._agenda = agenda
        self._clock = clock
        self._scale = time_scale
        #: Names of the pipelines by name of the factory.
        self.seeded: dict[str, list[str]] = {}
        self.runs: list[FactoryRun] = []

    def start(self, factory: str, pipeline: str, parameters: Mapping[str, Any]) -> FactoryRun:
        """A new run; `factory` is the factory's resource id."""
        if pipeline not in self._pipelines(factory):
            raise ArmError(404, "EntityNotFound", f"The pipeline {pipeline} was not found.")
        statuses = [(status, offset * self._scale) for status, offset in _TIMELINE]
        life = Life.begin(statuses, self._clock.now())
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
        run = FactoryRun(factory, pipeline, texts, str(uuid.uuid4()), self._clock.utc(), life)
        self.runs.append(run)
        self._follow(run)
        return run

    def get(self, factory: str, run_id: str) -> FactoryRun:
        self._pipelines(factory)
        found = next((run for run in self._of(factory) if run.id == run_id), None)
        if found is None:
            raise ArmError(404, "EntityNotFound", f"The pipeline run {run_id} was not found.")
        return found

    def query(self, factory: str, body: Mapping[str, Any]) -> list[FactoryRun]:
        """Runs last updated in the given span that pass all filters."""
        self._pipelines(factory)
        after, before = _moment(body, "lastUpdatedAfter"), _moment(body, "lastUpdatedBefore")
        tests = [_test(each) for each in body.get("filters") or []]
        return [
            run for run in self._of(factory) if after <= run.updated_at <= before and all(test(run) for test in tests)
        ]

    def force(self, run: FactoryRun, status: str) -> None:
        run.life.force(status, self._clock.now())
        self._follow(run)

    def _pipelines(self, factory: str) -> list[str]:
        pieces = factory.split("/")
        name, group = pieces[-1], pieces[4]
        if name not in self.seeded:
            raise ArmError(
                404,
                "ResourceNotFound",
                f"The Resource 'Microsoft.DataFactory/factories/{name}' under resource group '{group}' was not found.",
            )
        return self.seeded[name]

    def _of(self, factory: str) -> list[FactoryRun]:
        return [run for run in self.runs if run.factory.lower() == factory.lower()]

    def _follow(self, run: FactoryRun) -> None:
        """Let the run enter what is due, now and later."""
        run.life.settle(self._clock.now(), self._clock.utc())
        if run.life.next_due is not None:
            self._agenda.at(run.life.next_due, lambda: self._follow(run))


def _test(condition: Mapping[str, Any]) -> Callable[[FactoryRun], bool]:
    operand, operator, values = condition.get("operand"), condition.get("operator"), condition.get("values")
    facts: dict[Any, Callable[[FactoryRun], str]] = {
        "PipelineName": lambda run: run.pipeline,
        "RunId": lambda run: run.id,
        "Status": lambda run: run.life.status,
    }
    if operand not in facts or operator not in ("Equals", "In", "NotEquals", "NotIn") or not isinstance(values, list):
        raise ArmError(400, "BadRequest", f"This filter is not understood: {json.dumps(condition)}")
    wanted, fact, is_wanted = set(values), facts[operand], not operator.startswith("Not")
    return lambda run: (fact(run) in wanted) == is_wanted


def _moment(body: Mapping[str, Any], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(body.get(name)))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ArmError(400, "BadRequest", f"{name} must be a time with its zone.")
    return moment


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
