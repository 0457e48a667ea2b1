"""The simulation keeps the laws that it is made of, and agrees with the app's own pace and files."""

import heapq
import json
import re
from datetime import timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from random import Random

import pytest

from benchmarks.simulate import main
from benchmarks.simulation import costs, tables
from benchmarks.simulation.flow import HORIZON, UNLIMITED, Flow, at_most, flow, pace
from benchmarks.simulation.limits import ARM_READS, ARM_WRITES, Bucket
from benchmarks.simulation.loads import DAY, Load, arrivals
from benchmarks.simulation.record import Batch, batches, ledger
from benchmarks.simulation.scenarios import Cell, Setup, holds, pressure, windows
from bridge.adapters.pacing import Call, Pace
from bridge.domain.errors import Paced
from bridge.settings.app_settings import Settings

ROOT = Path(__file__).parents[2]
LIFE = costs.life()
#: Thirty-two runs a second for five minutes, of which ten find a place.
BURST = [32] * 300


@pytest.fixture(scope="module")
def burst() -> Flow:
    """More than one identity takes at once."""
    return flow(BURST, LIFE, writes=pace(10), reads=ARM_READS)


@pytest.mark.parametrize("load", [Load(10), Load(10, has_peak=True), Load(12_345), Load(12_345, has_peak=True)])
def test_a_day_brings_the_runs_that_it_should(load: Load) -> None:
    asked = arrivals(load)
    assert (len(asked), sum(asked)) == (DAY, load.runs)


def test_every_run_is_submitted_once_or_waits(burst: Flow) -> None:
    assert burst.put_off[0] == 0
    assert sum(burst.put_off) > 0
    assert sum(burst.submitted) + burst.unsubmitted == burst.waits.total() == sum(BURST)


def test_every_look_is_made_once_or_waits(burst: Flow) -> None:
    due = sum(BURST) * costs.costs(LIFE).reads
    assert burst.most_reads_waiting > 0
    assert sum(burst.reads) + burst.unread == burst.read_waits.total() == due


def test_every_run_gets_all_its_rows(burst: Flow) -> None:
    needed = costs.costs(LIFE)
    assert sum(burst.run_rows) + sum(burst.events) == sum(BURST) * needed.rows
    assert sum(burst.record_messages) == sum(BURST) * needed.record_messages


@pytest.mark.parametrize("seconds", [1, 2, 10, 60, 300])
def test_no_stretch_of_time_has_more_calls_than_azure_takes(burst: Flow, seconds: int) -> None:
    assert most(burst.submitted, seconds) <= ARM_WRITES.size + ARM_WRITES.refill * (seconds - 1)
    assert most(burst.reads, seconds) <= ARM_READS.size + ARM_READS.refill * (seconds - 1)
    assert most(burst.submitted, seconds) >= ARM_WRITES.refill * seconds, "nothing is left unused while runs wait"


def most(counts: list[int], seconds: int) -> int:
    sums = [0, *accumulate(counts)]
    return max(late - early for early, late in zip(sums, sums[seconds:], strict=False))


def test_waiting_is_what_the_apps_own_pace_makes_of_it(burst: Flow) -> None:
    waits, put_off = paced(BURST)
    for part in (0.25, 0.5, 0.75, 0.99):
        assert at_most(burst.waits, part) == pytest.approx(waits[int(len(waits) * part)], rel=0.02, abs=1)
    assert sum(flow(BURST, LIFE, writes=pace(10), reads=UNLIMITED).put_off) == pytest.approx(put_off, rel=0.02)


def paced(asked: list[int]) -> tuple[list[float], int]:
    """The same runs through `bridge/adapters/pacing.py`, one process, by a clock that jumps from run to run.

    Copies come a moment after their time, as from a broker: exactly on it they would meet each place as it gets free.
    """
    now, late = 0.0, Random(7)  # noqa: S311 - repeatable is what it has to be
    app = Pace(writes_per_second=10, now=lambda: now, sleep=lambda _: None)
    times = [second + number / count for second, count in enumerate(asked) for number in range(count)]
    coming = [(came, came) for came in times]
    waits, put_off = [], 0
    while coming:
        now, came = heapq.heappop(coming)
        try:
            app.enter(Call.SUBMIT)
            waits.append(now - came)
        except Paced as wait:
            put_off += 1
            again = wait.retry_after or timedelta()
            heapq.heappush(coming, (now + again.total_seconds() + late.uniform(0, 0.1), came))
    return sorted(waits), put_off


def test_ten_million_on_one_identity_never_catch_up() -> None:
    asked = arrivals(Load(10_000_000))[:7200]
    happened = flow(asked, LIFE, writes=pace(10), reads=UNLIMITED)
    left = [sum(asked[:until]) - sum(happened.submitted[:until]) for until in (1800, 3600, 7200)]
    assert left[0] > 0.9 * sum(asked[:1800])
    assert left[2] > 1.99 * left[1] > 3.9 * left[0], "the rest grows as long as runs come"


def test_ten_million_hold_on_enough_identities_and_not_on_fewer() -> None:
    load = Load(10_000_000)
    enough = next(shards for shards in range(1, 100) if max(vars(pressure(load, Setup(shards=shards))).values()) <= 1)
    assert holds(load.split(enough), costs.JOB_MINUTES, within=600)
    assert not holds(load.split(enough - 2), costs.JOB_MINUTES, within=600)


def test_a_lone_statement_is_billed_a_minute_at_least() -> None:
    lone = ledger(iter([Batch(at=1000, messages=[(1000, 1)], statements=1)]))
    assert lone.starts == 1
    assert lone.seconds >= 60


def test_the_least_is_billed_even_if_the_warehouse_could_sleep_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.simulation.record.AUTO_SUSPEND_SECONDS", 1)
    assert ledger(iter([Batch(at=0, messages=[(0, 1)], statements=1)])).seconds == 60


@pytest.mark.parametrize(("apart", "starts"), [(30, 1), (60, 1), (90, 2)])
def test_a_warehouse_that_is_awake_is_not_started_again(apart: int, starts: int) -> None:
    found = ledger(iter(Batch(at=at, messages=[(at, 1)], statements=1) for at in (1000, 1000 + apart)))
    assert found.starts == starts
    assert found.seconds == pytest.approx(60 + costs.STATEMENT_SECONDS + (apart if starts == 1 else 60), abs=3)


def test_batches_hold_every_message_and_wait_for_no_longer_than_the_window() -> None:
    sent = [(second * 7919) % 5 * (second % 97 > 30) for second in range(5000)]
    found = list(batches(sent, sent, window=30, size=50))
    assert sum(count for batch in found for _, count in batch.messages) == sum(sent)
    assert max(sum(count for _, count in batch.messages) for batch in found) == 50
    assert max(batch.at - second for batch in found for second, _ in batch.messages) == 30


def test_what_fills_several_batches_is_written_at_once() -> None:
    found = list(batches([0, 170, 0, 0], [0, 0, 0, 0], window=30, size=50))
    assert [(batch.at, batch.messages) for batch in found] == [(1, [(1, 50)])] * 3 + [(31, [(1, 20)])]


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    loads = [Load(runs, has_peak) for runs in (10, 1000) for has_peak in (False, True)]
    return windows(loads, (5, 15, 30, 60, 150), Setup())


def test_a_longer_window_never_costs_more_and_is_never_fresher(cells: list[Cell]) -> None:
    for shorter, longer in pairwise(cells):
        if shorter.load == longer.load:
            later = longer.window - shorter.window  # the day's last batch is written so much later
            assert longer.ledger.seconds <= shorter.ledger.seconds + later
            assert longer.ledger.statements <= shorter.ledger.statements
            assert longer.ledger.mean_age >= shorter.ledger.mean_age
            assert max(longer.ledger.ages) >= max(shorter.ledger.ages)


def test_the_last_runs_of_the_day_are_followed_to_their_end() -> None:
    assert DAY + max(moment.after for moment in LIFE) < HORIZON


def test_of_few_runs_each_start_is_paid(cells: list[Cell]) -> None:
    few = cells[2].ledger
    assert cells[2].load == Load(10)
    assert few.seconds >= 60 * few.starts
    assert few.starts >= 3 * 10, "acceptance, the end, and the last look at it are far apart"


def test_numbers_from_files_are_those_of_the_files() -> None:
    account = (ROOT / "sql" / "010_account.sql").read_text(encoding="utf-8")
    values = (ROOT / "sql" / "values.example.yaml").read_text(encoding="utf-8")
    environ = json.loads((ROOT / "local.settings.example.json").read_text(encoding="utf-8"))["Values"]
    del environ["AML_WRITES_PER_SECOND"], environ["EXECUTE_MAX_INSTANCES"]
    settings = Settings.from_environ(environ)
    assert re.findall(r"AUTO_SUSPEND = (\d+)", account) == [str(costs.AUTO_SUSPEND_SECONDS)]
    assert re.findall(r"credit_quota: (\d+)", values) == [str(costs.CREDIT_QUOTA)]
    assert settings.aml_writes_per_second == costs.WRITES_PER_SECOND
    assert settings.execute_max_instances == costs.EXECUTE_INSTANCES
    assert settings.record_window_seconds == costs.WINDOW_SECONDS
    assert pace(costs.WRITES_PER_SECOND) == Bucket(size=100, refill=10)


def test_measured_speed_is_taken_where_there_is_any(tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    assert costs.measured(path).source == "defaults of the simulation"
    path.write_text(
        json.dumps({"measures": [{"measure": "CPU a run, execute", "unit": "ms", "bridge": 7.5}]}), encoding="utf-8"
    )
    found = costs.measured(path)
    assert (found.submit_cpu_ms, found.record_rows_per_second) == (7.5, 2000)
    assert "CPU a run" in found.source


def test_the_page_shows_what_the_command_prints(cells: list[Cell]) -> None:
    lines = set((ROOT / "docs" / "scale.md").read_text(encoding="utf-8").splitlines())
    printed = [tables.of_a_run(costs.costs(LIFE), costs.JOB_MINUTES), tables.of_reach(10_000_000, Setup())]
    printed += tables.of_windows(cells)
    for table in printed:
        assert set(table.markdown().splitlines()) - {""} <= lines


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--job-minutes", "4"], "give 5 to 59"),
        (["--within", "0"], "give 1 to 86400 seconds"),
        (["--measures", "/nowhere.json"], "is no file"),
        (["--measures", __file__], "is not what `make bench` writes"),
        (["--plot", "/nowhere/x.svg"], "there is no directory /nowhere"),
    ],
)
def test_a_wrong_argument_is_told_before_anything_is_worked_out(
    arguments: list[str], complaint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["simulate", *arguments])

    with pytest.raises(SystemExit) as caught:
        main()

    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err
