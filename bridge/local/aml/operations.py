"""Long-running operations: what a client polls until a resource has the state that was asked for."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.local.aml.agenda import Agenda
from bridge.local.aml.arm import not_found
from bridge.local.aml.clock import service_time

#: The states in which nothing is under way.
TERMINAL = frozenset({"Succeeded", "Failed", "Canceled"})


@dataclass
class Operation:
    """One asynchronous operation, as `mfeOperationsStatus` shows it."""

    id: str
    scope: str
    started_at: datetime
    status: str = "InProgress"
    error: dict[str, Any] | None = None
    ended_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        return self.status in TERMINAL

    def resource(self) -> dict[str, Any]:
        answer = {
            "id": f"{self.scope}/mfeOperationsStatus/{self.id}",
            "name": self.id,
            "status": self.status,
            "startTime": service_time(self.started_at),
        }
        if self.ended_at:
            answer["endTime"] = service_time(self.ended_at)
        return answer | ({"error": self.error} if self.error else {})


class Operations:
    """All operations that were ever begun."""

    def __init__(self, utc: Callable[[], datetime]) -> None:
        self._utc = utc
        self._operations: dict[str, Operation] = {}

    def begin(self, kind: str, scope: str) -> Operation:
        """A new one; `kind` is the prefix that the service puts before its id, "oe" or "od"."""
        operation = Operation(f"{kind}:{uuid.uuid4()}", scope, self._utc())
        self._operations[operation.id] = operation
        return operation

    def end(self, operation: Operation, status: str, error: dict[str, Any] | None) -> None:
        if not operation.is_over:
            operation.status, operation.error, operation.ended_at = status, error, self._utc()

    def get(self, operation_id: str) -> Operation:
        operation = self._operations.get(operation_id)
        if operation is None:
            raise not_found(f"The operation {operation_id} could not be found.")
        return operation


class Provisioning:
    """The provisioning state of one resource, and the operation that is changing it."""

    def __init__(self, agenda: Agenda, operations: Operations) -> None:
        self._agenda = agenda
        self._operations = operations
        self._turn = 0
        self._operation: Operation | None = None
        self.state = "Succeeded"
        self.error: dict[str, Any] | None = None

    @property
    def is_busy(self) -> bool:
        return self.state not in TERMINAL

    def begin(self, state: str, operation: Operation, seconds: float | None, end: Callable[[], None]) -> None:
        """Enter a state that `end` is to leave after this time; without one it stays until it is told."""
        self.enter(state)
        self._operation = operation
        turn = self._turn

        def due() -> None:
            if turn == self._turn:
                end()

        if seconds is not None:
            self._agenda.after(seconds, due)

    def enter(self, state: str, error: dict[str, Any] | None = None) -> None:
        """Be in this state, whatever was planned; a terminal one ends the operation."""
        self._turn += 1
        self.state, self.error = state, error
        if self._operation is not None and state in TERMINAL:
            self._operations.end(self._operation, state, error)
