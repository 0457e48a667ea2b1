"""The process that runs handlers: started by the first CALL, ended with the emulator, replaced when it dies."""

import contextlib
import itertools
import os
import subprocess
import sys
import threading
from concurrent.futures import Future
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from bridge.local.processes import OFFLINE, ROOT
from bridge.local.snowflake.procedures.messages import Invocation, Outcome

_MODULE = "bridge.local.snowflake.procedures.worker"
_DIED = "The process that runs procedures ended while this one ran."


class HandlerProcess:
    """Runs any number of invocations at the same time."""

    def __init__(self) -> None:
        self._connection: Connection[Invocation, Outcome] | None = None
        self._waiting: dict[int, Future[Outcome]] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def next_number(self) -> int:
        return next(self._numbers)

    def run(self, invocation: Invocation) -> Outcome:
        """The outcome, after as long as the handler takes."""
        future: Future[Outcome] = Future()
        with self._lock:
            if self._connection is None:
                self._connection = self._start()
            self._waiting[invocation.number] = future
            with contextlib.suppress(OSError):  # it is dying; whoever listens to it tells all that wait
                self._connection.send(invocation)
        return future.result()

    def _start(self) -> "Connection[Invocation, Outcome]":
        ours, its = Pipe()
        command = [sys.executable, "-m", _MODULE, str(its.fileno())]
        # Its end of the pipe is the only one that it inherits: when ours closes, whatever the reason, it ends.
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **OFFLINE}, stdin=subprocess.DEVNULL, pass_fds=[its.fileno()]
        )
        its.close()
        threading.Thread(target=self._listen, args=(ours, process), daemon=True).start()
        return ours

    def _listen(self, connection: "Connection[Invocation, Outcome]", process: "subprocess.Popen[bytes]") -> None:
        try:
            while True:
                outcome = connection.recv()
                with self._lock:
                    future = self._waiting.pop(outcome.number)
                future.set_result(outcome)
        except (EOFError, OSError):
            connection.close()
        process.wait()
        with self._lock:
            self._connection = None
            orphans, self._waiting = self._waiting, {}
        for number, future in orphans.items():
            future.set_result(Outcome(number=number, error=_DIED))
