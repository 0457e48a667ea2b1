"""How many submissions Azure ML refuses when the app has more to do than it takes: `make bench-pacing`.

Starts the laptop stack with several Functions hosts on the same queues, has the emulator of Azure ML answer 429 as the
documented limits say (200 writes at once, 10 a second more), accepts some thousand runs as fast as it goes, and waits
until each of them is a job. What is counted is what Azure ML answered to submissions. `--unpaced` lifts the pace, to
show what it is for; the pause after a 429 stays. The seconds say nothing of Azure: they follow from the limits.
"""

import argparse
import json
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402 - the repository's root is no package

from bridge.local.stack import Stack, local_stack  # noqa: E402

BATCH_ROWS = 500
#: Of submissions, that Azure ML may refuse.
ALLOWED_PERCENT = 5.0
#: Writes a second, more than anybody makes.
UNPACED = 10_000


@dataclass(frozen=True)
class Figures:
    """What came of it."""

    runs: int
    jobs: int
    submissions: int
    refused: int
    #: Of all calls that were no submissions.
    other_refused: int
    seconds: float
    #: Most messages that waited at one moment.
    most_waiting: int

    @property
    def percent(self) -> float:
        return 100 * self.refused / self.submissions if self.submissions else 0.0

    @property
    def is_good(self) -> bool:
        return self.jobs == self.runs and self.percent <= ALLOWED_PERCENT


def settings(hosts: int, writes_per_second: int = 10) -> dict[str, str]:
    """The app's own defaults for so many instances."""
    return {"AML_WRITES_PER_SECOND": str(writes_per_second), "EXECUTE_MAX_INSTANCES": str(hosts)}


def measure(stack: Stack, runs: int, *, within: float, scale: float = 1.0) -> Figures:
    """Start so many runs at once, and wait until all are jobs. The emulator's counts begin anew.

    `scale` multiplies the limits that the emulator has.
    """
    stack.call("azure_ml", "POST", "/reset", {})
    stack.call("azure_ml", "POST", "/limits", {"on": True, "scale": scale})
    begin = time.monotonic()
    _accept(stack, runs)
    most_waiting = 0
    while True:
        answers = stack.call("azure_ml", "GET", "/requests")["answers"]
        submissions = answers.get("put_job", {})
        queue = stack.call("service_bus", "GET", "/queues")["run-commands"]
        most_waiting = max(most_waiting, queue["scheduled"])
        seconds = time.monotonic() - begin
        if submissions.get("201", 0) >= runs or seconds > within:
            break
        time.sleep(0.5)
    jobs = stack.call("azure_ml", "GET", "/jobs")
    return Figures(
        runs=runs,
        jobs=len(jobs),
        submissions=sum(submissions.values()),
        refused=submissions.get("429", 0),
        other_refused=sum(counts.get("429", 0) for operation, counts in answers.items() if operation != "put_job"),
        seconds=round(seconds, 1),
        most_waiting=most_waiting,
    )


def _accept(stack: Stack, runs: int) -> None:
    """As Snowflake would send the rows of one query."""
    functions, query = stack.endpoints["functions"], uuid.uuid4().hex
    headers = {"x-functions-key": functions["key"], "sf-external-function-current-query-id": query}
    with httpx.Client(base_url=f"{functions['base_url']}/api/v1", headers=headers, timeout=60, trust_env=False) as http:
        for first in range(0, runs, BATCH_ROWS):
            batch = {"sf-external-function-query-batch-id": f"{query}:{first}"}
            numbers = range(min(BATCH_ROWS, runs - first))
            data = [[row, "churn-training", {"as_of": "2026-11-01"}, f"{query}-{first + row}"] for row in numbers]
            answer = http.post("/snowflake/submit_run", json={"data": data}, headers=batch)
            answer.raise_for_status()
            if any(row[1]["status"] != "ACCEPTED" for row in answer.json()["data"]):
                raise RuntimeError("a run was rejected")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description="submissions that Azure ML refuses at full load")
    parser.add_argument("--runs", type=int, default=1500)
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--unpaced", action="store_true", help="lift the pace")
    parser.add_argument("--within", type=float, default=600, help="seconds after which it is given up")
    arguments = parser.parse_args()
    say(f"{arguments.runs} runs, {arguments.hosts} hosts, {'unpaced' if arguments.unpaced else 'paced'}")
    own = settings(arguments.hosts, UNPACED if arguments.unpaced else 10)
    with local_stack(hosts=arguments.hosts, settings=own) as stack:
        figures = measure(stack, arguments.runs, within=arguments.within)
    say(json.dumps({**asdict(figures), "percent_refused": round(figures.percent, 2)}, indent=1))
    return 0 if figures.is_good or arguments.unpaced else 1


if __name__ == "__main__":
    sys.exit(main())
