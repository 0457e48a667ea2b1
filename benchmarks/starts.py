"""How long a new instance takes, and what it weighs: each kind of function has instances of its own."""

import json
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from benchmarks import calls
from benchmarks.measure import Measure, at_most, most_of_limit
from bridge.domain import events
from bridge.domain.records import Records
from bridge.local.processes import ROOT, minimal_environment
from bridge.local.stack import Stack
from bridge.payloads import bodies

#: What any app of this kind imports, and what any that submits does.
BARE = "import azure.functions, pydantic"
BARE_SDK = "import azure.ai.ml"
_SAY = "import json, time, psutil; print(json.dumps({'at': time.time(), 'bytes': psutil.Process().memory_info().rss}))"


def measure_starts(stack: Stack, *, rounds: int) -> Iterator[Measure]:
    """All kinds in turn, again and again, in fresh interpreters; medians."""
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        once = _all_kinds(stack)
        if number or rounds == 1:  # the first one writes and reads what the system then keeps in memory
            for name, value in once.items():
                found.setdefault(name, []).append(value)
    middle = {name: statistics.median(values) for name, values in found.items()}
    yield Measure(
        measure="start: functions indexed",
        unit="s",
        bridge=middle["indexed"],
        limit=middle["bare"],
        goal=most_of_limit(1.3),
    )
    yield Measure(measure="start: http, first answer", unit="s", bridge=middle["http"], limit=middle["bare"])
    yield Measure(
        measure="start: execute, first PUT",
        unit="s",
        bridge=middle["execute"],
        limit=middle["bare sdk"],
        goal=most_of_limit(1.5),
    )
    yield Measure(measure="start: record, first rows", unit="s", bridge=middle["record"], limit=middle["bare"])
    for kind, limit in (("http", "bare"), ("execute", "bare sdk"), ("record", "bare")):
        yield Measure(
            measure=f"memory: {kind}, after its first call",
            unit="MiB",
            bridge=middle[f"{kind} MiB"],
            limit=middle[f"{limit} MiB"],
            goal=at_most(80) if kind == "http" else None,
        )


def _all_kinds(stack: Stack) -> dict[str, float]:
    took: dict[str, float] = {}
    for name, code in (("bare", BARE), ("bare sdk", BARE_SDK)):
        begin = time.time()
        said = _run(stack, ["-c", f"{code}; {_SAY}"], b"")
        took |= {name: said["at"] - begin, f"{name} MiB": said["bytes"] / 2**20}
    for kind, body in _first_calls().items():
        begin = time.time()
        said = _run(stack, ["-m", "benchmarks.instance", kind], body.encode(), {"FUNCTIONS_TARGET_GROUP": kind})
        took |= {kind: said["called"] - begin, f"{kind} MiB": said["bytes"] / 2**20}
        if kind == "http":
            took["indexed"] = said["indexed"] - begin
        if kind == "execute":
            took[kind] = _last_put(stack) - begin
    return took


def _first_calls() -> dict[str, str]:
    request = json.dumps({"pipeline": calls.PIPELINE, "inputs": calls.INPUTS, "idempotency_key": uuid.uuid4().hex})
    fact = events.job_fact("r-" + "a" * 26, "RUNNING", datetime.now(UTC))
    return {"http": request, "execute": request, "record": bodies.write(Records(run_events=(fact,)))}


def _last_put(stack: Stack) -> float:
    """When the only submission that there was reached Azure ML; seconds since 1970."""
    entries = [
        each for each in stack.call("azure_ml", "GET", "/requests")["requests"] if each["operation"] == "put_job"
    ]
    return max(datetime.fromisoformat(each["at"]).timestamp() - float(each["milliseconds"]) / 1000 for each in entries)


def _run(stack: Stack, arguments: list[str], text: bytes, settings: Mapping[str, str] | None = None) -> dict[str, Any]:
    environment = minimal_environment() | stack.settings | dict(settings or {})
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, input=text, capture_output=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    said: dict[str, Any] = json.loads(done.stdout.decode().splitlines()[-1])
    return said
