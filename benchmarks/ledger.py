"""How long the ledger's questions take when RUN_EVENTS is large: `.venv-local/bin/python benchmarks/ledger.py`.

Fills a database file with events of a year, creates the views of `sql/030_views.sql` and asks what the app and people
ask, with the app's own statements. The seconds are DuckDB's on this machine, behind fakesnow, and say nothing of
Snowflake's: that has other engines, many machines and a start of each statement that alone takes longer than most of
these. What carries over is the shape: how many rows of RUN_EVENTS leave the scan, so whether old ones are left out by
RECORDED_AT, and how many are folded (sorted or grouped), so whether a question stays bounded when the ledger grows.
"""

import argparse
import json
import logging
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from fakesnow.instance import FakeSnow  # noqa: E402 - the repository's root is no package

from bridge.adapters.statements import read_statements  # noqa: E402
from bridge.deploy.statements import statements  # noqa: E402
from bridge.local.snowflake.rewrites import parse_statement, rewrite  # noqa: E402
from bridge.procedures.upkeep import purge_ledger  # noqa: E402

APP = read_statements(ROOT / "bridge" / "adapters" / "snowflake.sql")
EVENTS = ROOT / "benchmarks" / "ledger_events.sql"
SQL = ROOT / "sql"
EVENTS_PER_RUN = 8
NEWEST = "SELECT * FROM RUNS ORDER BY COALESCE(ACCEPTED_AT, SUBMITTED_AT, LAST_RECORDED_AT) DESC, RUN_ID LIMIT 50"

Rows = list[tuple[Any, ...]]


@dataclass
class Result:
    """One line of the table."""

    name: str
    seconds: list[float] = field(default_factory=list)
    rows: int = 0
    #: Rows of RUN_EVENTS; None where that is not asked.
    scanned: int | None = None
    folded: int | None = None


class Ledger:
    """The ledger in a DuckDB file; statements are translated as the laptop's Snowflake translates them."""

    def __init__(self, directory: Path) -> None:
        self._connection = FakeSnow(db_path=directory).connect("BENCH", "ML_BRIDGE")
        self._duck = self._connection._duck_conn
        self._duck.execute("SET TimeZone = 'UTC'")
        self._translated: dict[str, str] = {}
        #: While there is one, every statement is explained to it as well.
        self.counted: Result | None = None

    def run_script(self, text: str) -> None:
        for statement in statements(text):
            self._connection.cursor().execute(statement)

    def fill(self, runs: int) -> int:
        self._duck.execute(EVENTS.read_text(encoding="utf-8").replace("$runs", str(runs)))
        self._duck.execute("CHECKPOINT")
        (found,) = self._duck.execute("SELECT COUNT(*) FROM RUN_EVENTS").fetchone()
        return int(found)

    def ask(self, sql: str, binds: Sequence[Any] = ()) -> Rows:
        if sql not in self._translated:
            self._translated[sql] = self._translate(sql, binds)
        text = self._translated[sql]
        if self.counted is not None:
            ((_, plan),) = self._duck.execute(f"EXPLAIN (ANALYZE, FORMAT json) {text}", list(binds)).fetchall()
            operators = list(_operators(json.loads(plan)["operator"]))
            self.counted.scanned = (self.counted.scanned or 0) + max(map(_scanned, operators))
            self.counted.folded = (self.counted.folded or 0) + max(map(_folded, operators))
        return list(self._duck.execute(text, list(binds)).fetchall())

    def _translate(self, sql: str, binds: Sequence[Any]) -> str:
        cursor = self._connection.cursor()
        rewritten = rewrite(parse_statement(sql), context={}, resolve=lambda *_: None)
        (part,) = cursor._transform_explode(rewritten)
        return str(cursor._transform(part, list(binds)).sql(dialect="duckdb"))

    def sql(self, query: str, params: Sequence[Any] | None = None) -> "Deferred":
        """As procedures use a Snowpark session."""
        return Deferred(self, query, params or ())


@dataclass(frozen=True)
class Deferred:
    """What Snowpark's `Session.sql` answers, as far as the procedures use it."""

    ledger: Ledger
    query: str
    binds: Sequence[Any]

    def collect(self) -> Rows:
        return self.ledger.ask(self.query, self.binds)


def _operators(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for operator in found:
        yield operator
        yield from _operators(operator.get("children", []))


def _scanned(operator: dict[str, Any]) -> int:
    is_scan = operator["type"] == "TABLE_SCAN" and "RUN_EVENTS" in str(operator["extra_info"].get("Table"))
    return int(operator["intermediate_rows"]) if is_scan else 0


def _folded(operator: dict[str, Any]) -> int:
    is_fold = "GROUP_BY" in operator["type"] or operator["type"] == "WINDOW"
    return int(operator["children"][0]["intermediate_rows"]) if is_fold else 0


def in_list(name: str, ids: Sequence[str]) -> str:
    """As the adapter does it."""
    return APP[name].replace("IN (?)", f"IN ({', '.join('?' * len(ids))})")


def page(ledger: Ledger, status: str | None) -> Rows:
    ids = [row[0] for row in ledger.ask(APP["list_runs"], [status, status, *[None] * 6, 50, 0])]
    return ledger.ask(in_list("runs_on_page", ids), ids)


def batch(ledger: Ledger, batch_id: str) -> Rows:
    ids = sorted({row[0] for row in ledger.ask(APP["batch_rows"], [batch_id])})
    return ledger.ask(in_list("runs_by_id", ids), ids)


def insert(ledger: Ledger, number: int) -> Rows:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    events = [
        {"event_id": f"e-{number}-{i}", "run_id": f"r-{number}-{i}", "is_job_fact": False, "attempt": 1}
        | {"status": "ACCEPTED", "rank": 20, "occurred_at": now, "pipeline": "p", "inputs": {"rows": i}}
        for i in range(1000)
    ]
    return ledger.ask(APP["insert_run_events"], [json.dumps(events)])


def questions(ledger: Ledger, run_id: str, batch_id: str) -> dict[str, Callable[[int], Rows]]:
    """What is measured; each gets the number of the round."""
    return {
        "RUNS, newest 50, every column": lambda _: ledger.ask(NEWEST),
        "RUNS, count by status": lambda _: ledger.ask("SELECT STATUS, COUNT(*) FROM RUNS GROUP BY STATUS"),
        "page of 50 (GET /runs)": lambda _: page(ledger, None),
        "page of 50, FAILED": lambda _: page(ledger, "FAILED"),
        "one run of RUNS_ALL": lambda _: ledger.ask(APP["one_run"], [run_id]),
        "history of one run": lambda _: ledger.ask(APP["run_history"], [run_id]),
        "batch of 20 rows": lambda _: batch(ledger, batch_id),
        "insert of 1,000 events": lambda number: insert(ledger, number),
        "RUNS_ALL, count by status": lambda _: ledger.ask("SELECT STATUS, COUNT(*) FROM RUNS_ALL GROUP BY STATUS"),
        "purge of a month": lambda number: [tuple(purge_ledger(ledger, 335 - 30 * number).values())],
    }


def measure(name: str, ask: Callable[[int], Rows], ledger: Ledger, rounds: int) -> Result:
    result = Result(name)
    for number in range(rounds):
        start = time.perf_counter()
        result.rows = len(ask(number))
        result.seconds.append(time.perf_counter() - start)
    if not name.startswith(("insert", "purge")):  # once more would change something
        ledger.counted = result
        ask(rounds)
        ledger.counted = None
    return result


def views(script: Path) -> str:
    text = script.read_text(encoding="utf-8")
    for part in (SQL / "parts").glob("*.sql"):
        text = text.replace(f"<% {part.stem}_sql %>", part.read_text(encoding="utf-8"))
    return text


@contextmanager
def filled(events: int, script: Path, directory: str | None) -> Iterator[tuple[Ledger, int]]:
    with tempfile.TemporaryDirectory(prefix="ledger-", dir=directory) as place:
        ledger = Ledger(Path(place))
        for migration in sorted((SQL / "migrations").glob("V*.sql")):
            ledger.run_script(migration.read_text(encoding="utf-8"))
        count = ledger.fill(events // EVENTS_PER_RUN)
        ledger.run_script(views(script))
        yield ledger, count


def table(results: Sequence[Result]) -> str:
    lines = [f"{'question':32} {'min':>8} {'median':>8} {'max':>8} {'rows':>6} {'scanned':>11} {'folded':>11}"]
    for result in results:
        times = (min(result.seconds), statistics.median(result.seconds), max(result.seconds))
        counts = ("" if count is None else f"{count:,}" for count in (result.scanned, result.folded))
        columns = [*(f"{each:8.3f}" for each in times), f"{result.rows:6}", *(f"{each:>11}" for each in counts)]
        lines.append(f"{result.name:32} {' '.join(columns)}".rstrip())
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the ledger's questions on many events.")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--views", type=Path, default=SQL / "030_views.sql", help="other views, to compare with")
    parser.add_argument("--directory", help="where the database file may be; 10 million events take about 1 GB")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    with filled(arguments.events, arguments.views, arguments.directory) as (ledger, count):
        # Of the middle of the year; its id is neither the first nor the last.
        some = "SELECT RUN_ID, QUERY_BATCH_ID FROM RUN_EVENTS WHERE STATUS = 'ACCEPTED' LIMIT 1 OFFSET ?"
        asked = questions(ledger, *ledger.ask(some, [count // EVENTS_PER_RUN // 2])[0])
        results = [measure(name, ask, ledger, arguments.rounds) for name, ask in asked.items()]
    if arguments.json:
        sys.stdout.write(json.dumps({"events": count, "questions": [vars(result) for result in results]}) + "\n")
    else:
        sys.stdout.write(f"{count:,} events; seconds on this machine's DuckDB\n{table(results)}\n")


if __name__ == "__main__":
    main()
