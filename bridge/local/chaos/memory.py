"""How much memory each process holds while the run goes on: a leak shows as a last quarter above the second."""

import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bridge.local.stack import Stack

#: Of Linux; elsewhere `ps` is asked.
PROC = Path("/proc")
SAMPLE_SECONDS = 1.0
#: What the last quarter may be above the second.
TOLERANCE = 0.10


@dataclass(frozen=True)
class Sample:
    """One look at one process."""

    at: float
    pid: int
    megabytes: float


class MemoryWatch:
    """Samples the resident memory of every process of the stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.samples: dict[str, list[Sample]] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(SAMPLE_SECONDS):
            now = time.monotonic()
            for name, process in list(self._stack.processes.items()):
                pid = process.pid
                megabytes = resident(pid) if pid else None
                if pid and megabytes:
                    self.samples.setdefault(name, []).append(Sample(now, pid, megabytes))


def resident(pid: int) -> float | None:
    """Megabytes of a process; None when it has gone."""
    try:
        if PROC.is_dir():
            lines = (PROC / str(pid) / "status").read_text(encoding="utf-8").splitlines()
            return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024
        command = ["ps", "-o", "rss=", "-p", str(pid)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True)
        return int(shown.stdout) / 1024
    except (OSError, StopIteration, ValueError, subprocess.CalledProcessError):
        return None


@dataclass(frozen=True)
class Growth:
    """The memory of one process in the second and in the last quarter of the time that it was watched."""

    second: float
    last: float

    @property
    def share(self) -> float:
        return self.last / self.second - 1

    @property
    def is_flat(self) -> bool:
        return self.share <= TOLERANCE


def growth(samples: Mapping[str, list[Sample]]) -> dict[str, Growth]:
    """By process, of those that lived through it all: a process that was killed begins anew."""
    found = {}
    for name, seen in samples.items():
        if len(seen) < 8 or len({sample.pid for sample in seen}) > 1:
            continue
        quarter = len(seen) // 4
        values = [sample.megabytes for sample in seen]
        found[name] = Growth(median(values[quarter : 2 * quarter]), median(values[-quarter:]))
    return found
