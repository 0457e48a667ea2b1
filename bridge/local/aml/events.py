"""The events that a workspace publishes about its runs, and their way to an Event Grid sink.

Casing and fields follow a capture of the real service (azure-docs PR 59351): run events have camelCase data.
"""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

import httpx

from bridge.local.aml.jobs import Job
from bridge.local.aml.lifecycle import Passage
from bridge.local.faults import FaultPlan

_PREFIX = "Microsoft.MachineLearningServices."
_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0)
_TIMEOUT_SECONDS = 5.0


def events_of(job: Job, passage: Passage) -> list[dict[str, Any]]:
    """What the workspace tells when the job enters a status."""
    data = {
        "experimentId": job.experiment_id,
        "experimentName": job.experiment,
        "runId": job.name,
        "runType": "azureml.PipelineRun",
        "createdBy": "emulator",
        "runTags": job.tags,
        "runProperties": {"azureml.runsource": "azureml.PipelineRun", "runType": "HTTP"},
    }
    events = [_event(job, passage, "RunStatusChanged", {**data, "runStatus": passage.status})]
    if passage.status == "Completed":
        events.append(_event(job, passage, "RunCompleted", data))
    return events


def _event(job: Job, passage: Passage, name: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "topic": job.scope,
        "subject": f"experiments/{job.experiment_id}/runs/{job.name}",
        "eventType": _PREFIX + name,
        "eventTime": passage.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "id": str(uuid.uuid4()),
        "dataVersion": "",
        "metadataVersion": "1",
        "data": data,
    }


class Publisher:
    """Brings events to the sink in the background: in order while all is well, a failing one is retried aside."""

    def __init__(self, sink: str | None, faults: FaultPlan) -> None:
        self._sink = sink
        self._faults = faults
        self._queue: asyncio.Queue[int] = asyncio.Queue()
        self._number = 0
        self.reset()

    def reset(self) -> None:
        """Forget what is under way: its outcome no longer counts."""
        self._waiting: dict[int, dict[str, Any]] = {}
        self._counts = {"published": 0, "delivered": 0, "dropped": 0}

    @property
    def counts(self) -> dict[str, int]:
        return {**self._counts, "waiting": len(self._waiting)}

    def publish(self, events: Sequence[dict[str, Any]]) -> None:
        """Queue events of one run; faults of kind drop_event and duplicate_event strike here."""
        if self._sink is None:
            return
        for event in events:
            self._counts["published"] += 1
            facts = {
                "status": event["data"].get("runStatus", "Completed"),
                "job": event["data"]["runId"],
                "event_type": event["eventType"],
            }
            fault = self._faults.strike("drop_event", "duplicate_event", **facts)
            if fault is not None and fault.kind == "drop_event":
                self._counts["dropped"] += 1
                continue
            for _ in range(2 if fault is not None else 1):
                self._number += 1
                self._waiting[self._number] = event
                self._queue.put_nowait(self._number)

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client, asyncio.TaskGroup() as aside:
            while True:
                number = await self._queue.get()
                if not await self._delivered(client, number):
                    aside.create_task(self._retry(client, number))

    async def _retry(self, client: httpx.AsyncClient, number: int) -> None:
        for seconds in _RETRY_SECONDS:
            await asyncio.sleep(seconds)
            if await self._delivered(client, number):
                return
        if self._waiting.pop(number, None) is not None:
            self._counts["dropped"] += 1

    async def _delivered(self, client: httpx.AsyncClient, number: int) -> bool:
        """Whether there is nothing left to do for this event."""
        event = self._waiting.get(number)
        if event is None:
            return True
        try:
            answer = await client.post(str(self._sink), json=[event])
        except httpx.HTTPError:
            return False
        if answer.is_success and self._waiting.pop(number, None) is not None:
            self._counts["delivered"] += 1
        return answer.is_success
