"""`python -m tests.fuzz --requests N --seed S`: fuzzed requests to the real app on the laptop stack, and the verdict.

Everything is on loopback, and it stops by itself. The exit code is 1 when an answer was a 5xx, slow, missing, with a
traceback or not as `openapi.json` says, or when the app's log has a traceback.
"""

import argparse
import contextlib
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from bridge.local.stack import local_stack
from tests.fuzz.campaign import Campaign, report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--threads", type=int, default=4, help="requests at a time")
    arguments = parser.parse_args()
    if arguments.requests < 1 or arguments.threads < 1:
        parser.error("--requests and --threads are 1 or more")
    # As Ctrl-C does: the stack's processes are ended in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Another process makes the requests while this one sends them.
    with local_stack() as stack, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as makers:
        campaign = Campaign(stack, threads=arguments.threads)
        with contextlib.suppress(KeyboardInterrupt):  # what was sent so far is told as well
            campaign.run(arguments.requests, arguments.seed, makers=makers, tell=lambda text: print(text, flush=True))
        makers.shutdown(wait=False, cancel_futures=True)
        verdict = campaign.verdict()
    print(report(campaign.outcome))
    for text in verdict:
        print(f"FAILED: {text}")
    return 1 if verdict else 0


if __name__ == "__main__":
    sys.exit(main())
