"""`python -m bridge.local.snowflake.procedures.worker FD`: started by the emulator with one end of a pipe."""

import os
import sys
import threading
from multiprocessing.connection import Connection

from bridge.local.snowflake.procedures.messages import Invocation, Outcome
from bridge.local.snowflake.procedures.worker import network, secrets_module
from bridge.local.snowflake.procedures.worker.running import outcome_of


def main(descriptor: int) -> None:
    connection: Connection[Outcome, Invocation] = Connection(descriptor)
    sending = threading.Lock()

    def run(invocation: Invocation) -> None:
        outcome = outcome_of(invocation)
        with sending:
            connection.send(outcome)

    sys.stdout = sys.stderr  # what handlers print belongs into the log
    secrets_module.install()
    network.install()
    while True:
        try:
            invocation = connection.recv()
        except (EOFError, OSError):  # the emulator has ended, and nothing in here is worth waiting for
            os._exit(0)
        threading.Thread(target=run, args=(invocation,), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
