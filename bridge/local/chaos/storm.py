"""Faults at random, from a seed: what fails next, where, how often; and the count of those that struck."""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from bridge.local.endpoints import QUEUES
from bridge.local.stack import HOST, Stack

#: Mean pause between two planned faults, and between two blows at a process or a whole service.
FAULT_SECONDS = 0.4
BLOW_SECONDS = 8.0
EMULATORS = ("azure_ml", "service_bus", "snowflake", "event_grid")
#: Faults that may wait to strike at the same time. The ledger is written once in seconds, the rest many times a second.
LIVE = {"azure_ml": 12, "service_bus": 12, "snowflake": 1, "event_grid": 6}
#: How long a service stays away, at most.
OUTAGE_SECONDS = {"service_bus": 3.0, "snowflake": 15.0, "azure_ml": 4.0, "event_grid": 4.0}
#: How wrong Azure ML's clock may be.
SKEW_SECONDS = 600.0
AML_OPERATIONS = ("put_job", "get_job", "run_history", "cancel_job")
QUEUE_NAMES = tuple(QUEUES.values())
FUNCTIONS = ("execute", "control", "ingest", "record")


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A fault as an emulator takes it."""

    service: str
    kind: str
    times: int
    match: dict[str, Any]
    params: dict[str, Any]


def planned(rng: random.Random) -> Planned:
    """The next fault of one of the emulators."""
    return rng.choice((_aml, _aml, _aml_event, _service_bus, _service_bus, _snowflake, _event_grid))(rng)


def _aml(rng: random.Random) -> Planned:
    kind, params = rng.choice(
        (
            ("status", {"status": 429, "retry_after": rng.randint(1, 5)}),
            ("status", {"status": 429, "retry_after": rng.randint(1, 5)}),
            ("status", {"status": 500}),
            ("status", {"status": 503, "retry_after": 1}),
            ("status", {"status": 500, "after_commit": True}),
            ("timeout", {"seconds": 8, "after_commit": rng.random() < 0.5}),
            ("timeout", {"seconds": rng.uniform(0.2, 2.0)}),
            ("disconnect", {"after_commit": rng.random() < 0.5}),
        )
    )
    operation = rng.choices(AML_OPERATIONS, (5, 3, 2, 1))[0]
    return Planned(
        service="azure_ml", kind=kind, times=rng.randint(1, 6), match={"operation": operation}, params=params
    )


def _aml_event(rng: random.Random) -> Planned:
    kind = rng.choice(("drop_event", "duplicate_event", "delay_event", "reorder_event"))
    params = {"seconds": rng.uniform(1, 60)} if kind == "delay_event" else {}
    return Planned(service="azure_ml", kind=kind, times=rng.randint(1, 20), match={}, params=params)


def _service_bus(rng: random.Random) -> Planned:
    kind, operation = rng.choice(
        (
            ("server_busy", "send"),
            ("drop_connection", "send"),
            ("drop_connection", "settle"),
            ("drop_connection", "receive"),
            ("lock_lost", "settle"),
            ("duplicate_delivery", "settle"),
            ("duplicate_delivery", "settle"),
            ("detach", "receive"),
        )
    )
    params = {"after_commit": rng.random() < 0.5} if kind == "drop_connection" else {}
    match = {"queue": rng.choice(QUEUE_NAMES), "operation": operation}
    return Planned(service="service_bus", kind=kind, times=rng.randint(1, 3), match=match, params=params)


def _snowflake(rng: random.Random) -> Planned:
    kind, params = rng.choice(
        (
            ("error", {"code": 625, "message": "Statement was aborted: too many waiters for the lock."}),
            ("http_status", {"status": 503}),
            ("delay", {"seconds": rng.uniform(1, 10)}),
            ("after_commit_error", {"status": 503}),
            ("after_commit_error", {}),
            ("session_gone", {}),
        )
    )
    return Planned(service="snowflake", kind=kind, times=rng.randint(1, 2), match={"verb": "INSERT"}, params=params)


def _event_grid(rng: random.Random) -> Planned:
    kind = rng.choice(("drop", "duplicate", "reorder", "delay"))
    params = {"seconds": rng.uniform(1, 60)} if kind == "delay" else {}
    # Event Grid keeps what it took; only what Azure ML never tells it is missing.
    match = {"door": "workspace"} if kind == "drop" else {}
    return Planned(service="event_grid", kind=kind, times=rng.randint(1, 10), match=match, params=params)


class Storm:
    """Makes faults until it is told to stop; `struck` counts what really happened."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self._stack = stack
        self._rng = random.Random(seed + 1)  # noqa: S311 - a storm that can be made again, no secret
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._faults, self._blows)]
        self._blow_rng = random.Random(seed + 2)  # noqa: S311 - as above
        #: Instances that are ended and started again; one is left alone, to see what its memory does in the long run.
        self._victims = [name for name in stack.hosts if name != HOST]
        #: Ids of planned faults that may not have struck yet, by service.
        self._waiting: dict[str, list[str]] = {service: [] for service in EMULATORS}
        self.struck: Counter[str] = Counter()
        self.failures: list[BaseException] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Calm: every fault is taken back, every service and every instance is there."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        if self.failures:
            raise self.failures[0]
        for service in EMULATORS:
            for fault in self._stack.call(service, "GET", "/faults"):
                self.struck[_name(service, fault)] += int(fault["struck"])
            self._stack.call(service, "DELETE", "/faults")
            self._stack.outage(service, down=False)
        self._set_skew(0)
        for name in self._stack.hosts:
            self._stack.call(name, "DELETE", "/faults")

    def _faults(self) -> None:
        with self._kept():
            while not self._stopped.wait(self._rng.expovariate(1 / FAULT_SECONDS)):
                fault = planned(self._rng)
                if self._has_room(fault):
                    plan = {"times": fault.times, "match": fault.match, "params": fault.params}
                    self._waiting[fault.service].append(self._stack.plan_fault(fault.service, fault.kind, **plan))

    def _has_room(self, fault: Planned) -> bool:
        """Whether earlier faults have struck: those of rare calls would pile up, and their service never answer."""
        waiting = self._waiting[fault.service]
        if len(waiting) >= LIVE[fault.service]:
            waiting[:] = [each for each in waiting if not self._stack.fault(fault.service, each)["consumed"]]
        return len(waiting) < LIVE[fault.service]

    def _blows(self) -> None:
        blows: Sequence[tuple[Callable[[], None], int]] = (
            (self._kill, 4),
            (self._crash, 3),
            (self._stop_and_start, 2),
            (self._outage, 4),
            (self._skew, 2),
            (self._skip_time, 3),
        )
        with self._kept():
            self._kill()  # in every storm, however short
            while not self._stopped.wait(self._blow_rng.expovariate(1 / BLOW_SECONDS)):
                self._blow_rng.choices([blow for blow, _ in blows], [weight for _, weight in blows])[0]()

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """A fault that cannot be made ends the run, rather than making it calmer than it says."""
        try:
            yield
        except Exception as error:
            self.failures.append(error)

    def _kill(self) -> None:
        name = self._blow_rng.choice(self._victims)
        self._stack.processes[name].kill()
        self.struck["functions: SIGKILL"] += 1
        self._start(name)

    def _crash(self) -> None:
        """SIGKILL right before or after a function's work, where it hurts most."""
        name = self._blow_rng.choice(self._victims)
        match = {"function": self._blow_rng.choice(FUNCTIONS), "when": self._blow_rng.choice(("before", "after"))}
        self._stack.plan_fault(name, "crash", match=match)
        deadline = time.monotonic() + 10
        while self._stack.processes[name].is_running and time.monotonic() < deadline:
            if self._stopped.wait(0.05):
                break
        if self._stack.processes[name].is_running:
            with contextlib.suppress(httpx.TransportError):  # struck after all
                self._stack.call(name, "DELETE", "/faults")
                return
        self.struck[f"functions: SIGKILL {match['when']} {match['function']}"] += 1
        self._start(name)

    def _stop_and_start(self) -> None:
        name = self._blow_rng.choice(self._victims)
        self._stack.processes[name].stop()
        self.struck["functions: SIGTERM"] += 1
        self._start(name)

    def _start(self, name: str) -> None:
        """Once the queues are there, since an instance is healthy only when its listeners are connected."""
        time.sleep(self._blow_rng.uniform(0, 2))
        self._stack.start_host(name)

    def _outage(self) -> None:
        service = self._blow_rng.choice(list(OUTAGE_SECONDS))
        self._stack.outage(service, down=True)
        self._stopped.wait(self._blow_rng.uniform(0.5, OUTAGE_SECONDS[service]))
        self._stack.outage(service, down=False)
        self.struck[f"{service}: outage"] += 1

    def _skew(self) -> None:
        self._set_skew(self._blow_rng.uniform(-SKEW_SECONDS, SKEW_SECONDS))
        self.struck["azure_ml: clock skew"] += 1

    def _set_skew(self, seconds: float) -> None:
        self._stack.call("azure_ml", "POST", "/skew", {"seconds": seconds})

    def _skip_time(self) -> None:
        """What waits is due sooner, or the back-off of minutes would make the run one of hours."""
        for service in ("event_grid", "azure_ml", "service_bus"):
            self._stack.call(service, "POST", "/clock", {"advance_seconds": self._blow_rng.uniform(30, 300)})


def _name(service: str, fault: dict[str, Any]) -> str:
    """As the report counts it."""
    details = [str(fault["params"][name]) for name in ("status",) if name in fault["params"]]
    details += ["after commit"] if fault["params"].get("after_commit") else []
    where = fault["match"].get("operation") or fault["match"].get("queue") or ""
    return " ".join(filter(None, [f"{service}:", fault["kind"], *details, where]))
