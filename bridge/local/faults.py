"""Faults that an emulator is told to make, each counted when it strikes, so that a test can prove that it did."""

import threading
import uuid
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault:
    """One planned fault: what goes wrong, for which requests, how often."""

    #: What happens, in the emulator's own vocabulary, for example "status" or "timeout".
    kind: str
    #: How many more requests it may strike; None for every one until it is removed.
    times: int | None = 1
    #: Facts of a request that must all agree. A text agrees when it is contained, anything else when it is equal.
    match: dict[str, Any] = field(default_factory=dict)
    #: What the kind needs to know, for example {"status": 429, "retry_after": 2}.
    params: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    struck: int = 0

    @property
    def consumed(self) -> bool:
        return self.times is not None and self.struck >= self.times

    def agrees(self, facts: dict[str, Any]) -> bool:
        return all(_agrees(wanted, facts.get(name)) for name, wanted in self.match.items())

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "times": self.times,
            "match": self.match,
            "params": self.params,
            "struck": self.struck,
            "consumed": self.consumed,
        }


class FaultPlan:
    """The faults of one emulator; safe to use from several threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        #: Those that may still strike: a long run plans thousands, and every request asks.
        self._live: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
            self._live.append(fault)
        return fault

    def strike(self, *kinds: str, **facts: Any) -> Fault | None:
        """The first live fault of these kinds that agrees with the request, counted; None when all is well."""
        with self._lock:
            for fault in self._live:
                if fault.kind in kinds and not fault.consumed and fault.agrees(facts):
                    fault.struck += 1
                    if fault.consumed:
                        self._live.remove(fault)
                    return fault
        return None

    def all(self) -> list[Fault]:
        with self._lock:
            return list(self._faults)

    def find(self, fault_id: str) -> Fault | None:
        return next((fault for fault in self.all() if fault.id == fault_id), None)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
            self._live.clear()


def _agrees(wanted: Any, actual: Any) -> bool:
    if isinstance(wanted, str) and isinstance(actual, str):
        return wanted in actual
    return bool(wanted == actual)
