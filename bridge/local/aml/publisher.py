"""The way of the workspace's events to an Event Grid sink, with everything that can happen to an event on it."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import httpx

from bridge.local.aml.agenda import Agenda
from bridge.local.faults import FaultPlan

_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0)
_TIMEOUT_SECONDS = 5.0
#: Events in one request, when so many wait.
_TOGETHER = 50
#: An event that is held until a later one has arrived waits no longer than this: there may be no later one.
_LONGEST_HOLD_SECONDS = 60.0


class Publisher:
    """Brings events to the sink in the background: in order while all is well, a failing one is retried aside."""

    def __init__(self, sink: str | None, faults: FaultPlan, agenda: Agenda) -> None:
        self._sink = sink
        self._faults = faults
        self._agenda = agenda
        self._queue: asyncio.Queue[int] = asyncio.Queue()
        self._number = 0
        #: In requests that are not answered yet; a reset cannot take them back.
        self._sending: set[int] = set()
        self.reset()

    def reset(self) -> None:
        """Forget what is under way: its outcome no longer counts."""
        self._waiting: dict[int, dict[str, Any]] = {}
        self._held: list[int] = []
        self._counts = {"published": 0, "delivered": 0, "dropped": 0}

    async def at_rest(self) -> None:
        """Wait for the requests that are on their way."""
        while self._sending:
            await asyncio.sleep(0.01)

    @property
    def counts(self) -> dict[str, int]:
        return {**self._counts, "waiting": len(self._waiting.keys() | self._sending)}

    def publish(self, events: Sequence[dict[str, Any]]) -> None:
        """Queue events; faults of kind drop_event, duplicate_event, delay_event and reorder_event strike here."""
        if self._sink is None:
            return
        for event in events:
            self._counts["published"] += 1
            fault = self._faults.strike(
                "drop_event", "duplicate_event", "delay_event", "reorder_event", **_facts(event)
            )
            kind = fault.kind if fault else None
            if kind == "drop_event":
                self._counts["dropped"] += 1
                continue
            number = self._accept(event)
            if fault and kind == "delay_event":
                self._agenda.after(float(fault.params["seconds"]), partial(self._queue.put_nowait, number))
            elif kind == "reorder_event":
                self._held.append(number)
                self._agenda.after(_LONGEST_HOLD_SECONDS, partial(self._let_go, number))
            else:
                self._queue.put_nowait(number)
            if kind == "duplicate_event":
                self._queue.put_nowait(self._accept(event))

    def _accept(self, event: dict[str, Any]) -> int:
        self._number += 1
        self._waiting[self._number] = event
        return self._number

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client, asyncio.TaskGroup() as aside:
            while True:
                numbers = [await self._queue.get()]
                while len(numbers) < _TOGETHER and not self._queue.empty():
                    numbers.append(self._queue.get_nowait())
                if not await self._delivered(client, numbers):
                    for number in numbers:
                        aside.create_task(self._retry(client, number))

    async def _retry(self, client: httpx.AsyncClient, number: int) -> None:
        for seconds in _RETRY_SECONDS:
            await asyncio.sleep(seconds)
            if await self._delivered(client, [number]):
                return
        if self._waiting.pop(number, None) is not None:
            self._counts["dropped"] += 1

    async def _delivered(self, client: httpx.AsyncClient, numbers: Sequence[int]) -> bool:
        """Whether there is nothing left to do for these events."""
        events = {number: self._waiting[number] for number in numbers if number in self._waiting}
        if not events:
            return True
        self._sending |= events.keys()
        try:
            answer = await client.post(str(self._sink), json=list(events.values()))
        except httpx.HTTPError:
            return False
        finally:
            self._sending -= events.keys()
        for number in events:
            if answer.is_success and self._waiting.pop(number, None) is not None:
                self._counts["delivered"] += 1
                self._release(number)
        return answer.is_success

    def _release(self, delivered: int) -> None:
        """Let go of the events that were held until this one, a later one, had arrived."""
        for number in [each for each in self._held if each < delivered]:
            self._let_go(number)

    def _let_go(self, number: int) -> None:
        if number in self._held:
            self._held.remove(number)
            self._queue.put_nowait(number)


def _facts(event: dict[str, Any]) -> dict[str, Any]:
    """What faults match on: of a run also its id and its status, which a RunCompleted only implies."""
    data = {key.lower(): value for key, value in event["data"].items()}
    is_completion = event["eventType"].endswith("RunCompleted")
    return {
        "event_type": event["eventType"],
        "subject": event["subject"],
        "job": data.get("runid"),
        "status": data.get("runstatus", "Completed" if is_completion else None),
    }
