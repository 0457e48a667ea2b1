"""The pace of one process: its share in the long run, a burst, a pause for all, and returns that are spread."""

import json
import re
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.pacing import Call, Pace
from bridge.adapters.transport import POOL_SIZE, call_of
from bridge.domain.errors import Paced
from bridge.local.endpoints import Ports, app_settings

ROOT = Path(__file__).parents[2]
ARM = "https://management.azure.com/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices"
JOBS = f"{ARM}/workspaces/w/jobs"


class Watch:
    """Time that passes only while somebody sleeps, or when it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def pace_of(watch: Watch, rate: float = 8, instances: int = 1) -> Pace:
    """Eight a second, because an eighth is exact."""
    return Pace(writes_per_second=rate, instances=instances, now=watch, sleep=watch.sleep)


def put_off(pace: Pace, call: Call = Call.SUBMIT) -> float | None:
    """After how many seconds the caller is to come back; None when it may call now."""
    try:
        pace.enter(call)
    except Paced as paced:
        return paced.retry_after.total_seconds() if paced.retry_after else 0.0
    return None


def at_once(pace: Pace, watch: Watch) -> int:
    """How many calls may be made without any wait."""
    count, slept = 0, len(watch.slept)
    while put_off(pace) is None and len(watch.slept) == slept:
        count += 1
    return count


@pytest.mark.parametrize(("instances", "burst"), [(1, 80), (4, 20), (80, 1), (1000, 1)])
def test_the_burst_is_shared_by_the_instances_and_stays_below_azure_mls(instances: int, burst: int) -> None:
    watch = Watch()

    assert at_once(pace_of(watch, instances=instances), watch) == burst
    assert burst * min(instances, 80) == 80, "of Azure ML's 200, with room for processes that start anew"


@pytest.mark.parametrize(("instances", "per_second"), [(1, 8.0), (4, 2.0), (16, 0.5)])
def test_in_the_long_run_each_process_has_its_share(instances: int, per_second: float) -> None:
    watch = Watch()
    pace = pace_of(watch, instances=instances)
    at_once(pace, watch)
    begin, calls = watch.now, 0

    while watch.now < begin + 200:
        wait = put_off(pace)
        watch.now += wait or 0.0
        calls += wait is None

    assert calls == pytest.approx(per_second * 200, abs=1)


def test_a_short_wait_blocks_and_a_long_one_does_not() -> None:
    watch = Watch()
    pace = pace_of(watch)
    at_once(pace, watch)

    assert put_off(pace) is None
    assert watch.slept == [0.125, 0.125]
    pace._sleep = lambda _: None  # so many threads at the same moment
    assert sum(put_off(pace) is None for _ in range(100)) == 8
    assert put_off(pace) == 1.125 + 92 * 0.125


def test_those_who_are_put_off_come_back_one_by_one() -> None:
    watch = Watch()
    pace = pace_of(watch)
    pace.throttled(Call.SUBMIT, timedelta(seconds=30))

    waits = [put_off(pace) for _ in range(1000)]

    assert waits == [30 + 0.125 * number for number in range(1000)]


def test_who_was_put_off_finds_a_place_when_it_comes_back() -> None:
    watch = Watch()
    pace = pace_of(watch)
    pace.throttled(Call.SUBMIT, timedelta(seconds=30))
    due = sorted(watch.now + (put_off(pace) or 0.0) for _ in range(300))

    for moment in due:
        watch.now = max(watch.now, moment)
        assert put_off(pace) is None


def test_a_cancel_comes_before_the_submissions_that_wait() -> None:
    watch = Watch()
    pace = pace_of(watch)
    pace._sleep = lambda _: None
    while put_off(pace) is None:
        pass
    for _ in range(5000):
        put_off(pace)

    assert put_off(pace, Call.CHANGE) is None


def test_a_429_pauses_every_write_for_as_long_as_it_says() -> None:
    watch = Watch()
    pace = pace_of(watch)
    pace.throttled(Call.SUBMIT, timedelta(seconds=17))

    assert put_off(pace) == 17
    assert put_off(pace, Call.CHANGE) == 17
    assert put_off(pace, Call.READ) is None
    watch.now += 17
    assert put_off(pace) is None


def test_after_a_pause_there_is_no_burst_because_azure_ml_has_none_left() -> None:
    watch = Watch()
    pace = pace_of(watch)
    pace.throttled(Call.CHANGE, timedelta(seconds=60))
    watch.now += 60

    assert at_once(pace, watch) == 1


def test_a_429_of_a_read_pauses_reads_only() -> None:
    watch = Watch()
    pace = pace_of(watch)
    pace.throttled(Call.READ, timedelta(seconds=9))

    assert [put_off(pace, Call.READ) for _ in range(3)] == pytest.approx([9, 9.05, 9.1])
    assert put_off(pace) is None


def test_reads_of_callers_who_never_come_back_do_not_hold_up_checks_for_hours() -> None:
    watch = Watch()
    pace = pace_of(watch)
    pace.throttled(Call.READ, timedelta(seconds=9))

    waits = [put_off(pace, Call.READ) for _ in range(10_000)]

    assert max(wait or 0 for wait in waits) == 9 + 300


@pytest.mark.parametrize(("asked", "seconds"), [(None, 5), (timedelta(days=2), 3600)])
def test_a_pause_is_never_nothing_and_never_days(asked: timedelta | None, seconds: int) -> None:
    watch = Watch()
    pace = pace_of(watch)
    pace.throttled(Call.SUBMIT, asked)

    assert put_off(pace) == seconds


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    watch = Watch()
    pace = pace_of(watch)
    pace.throttled(Call.SUBMIT, timedelta(seconds=60))
    pace.throttled(Call.SUBMIT, timedelta(seconds=1))

    assert put_off(pace) == 60


def test_who_slept_into_a_pause_does_not_call() -> None:
    watch = Watch()
    pace = pace_of(watch)
    at_once(pace, watch)

    def sleep(seconds: float) -> None:
        pace.throttled(Call.SUBMIT, timedelta(seconds=20))
        pace.throttled(Call.SUBMIT, timedelta(milliseconds=1))
        watch.now += seconds

    pace._sleep = sleep

    assert put_off(pace) == 20 - 0.125


@given(st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=300), st.integers(1, 8))
def test_whatever_the_arrivals_azure_mls_bucket_is_never_overdrawn(gaps: list[float], instances: int) -> None:
    watch = Watch()
    paces = [pace_of(watch, 10, instances) for _ in range(instances)]
    azure_ml, filled_at = 200.0, watch.now
    for number, gap in enumerate(gaps):
        watch.now += gap / 10
        for _ in range(20):
            if put_off(paces[number % instances]) is None:
                azure_ml = min(200.0, azure_ml + (watch.now - filled_at) * 10) - 1
                filled_at = watch.now
    assert azure_ml >= 0


def test_threads_share_one_bucket() -> None:
    inside: list[int] = []
    most = 0

    def now() -> float:
        """The bucket is looked at and changed in one piece: here nobody else may be."""
        nonlocal most
        inside.append(1)
        most = max(most, len(inside))
        threading.Event().wait(0.001)
        inside.pop()
        return 1000.0

    pace = Pace(writes_per_second=8, now=now, sleep=lambda _: None)
    passed: list[int] = []

    def call() -> None:
        passed.extend(number for number in range(20) if put_off(pace) is None)

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(passed), most) == (80 + 8, 1)


@pytest.mark.parametrize(
    ("method", "url", "call"),
    [
        ("PUT", f"{JOBS}/r-1", Call.SUBMIT),
        ("PUT", f"{JOBS}/r-1?api-version=1", Call.SUBMIT),
        ("POST", f"{JOBS}/r-1/cancel", Call.CHANGE),
        ("PUT", f"{ARM}/workspaces/w/onlineEndpoints/e/deployments/d", Call.CHANGE),
        ("PUT", f"{ARM}/workspaces/w/onlineEndpoints/e", Call.CHANGE),
        ("GET", f"{JOBS}/r-1", Call.READ),
        ("GET", f"{JOBS}?tag=bridge", Call.READ),
        ("GET", "https://westeurope.api.azureml.ms/history/v1.0/subscriptions/s/x", None),
        ("POST", ARM.replace("MachineLearningServices", "DataFactory") + "/factories/f/pipelines/p/createRun", None),
    ],
)
def test_only_what_azure_mls_limits_count_is_paced(method: str, url: str, call: Call | None) -> None:
    assert call_of(method, url) is call


def test_threads_connections_and_the_hosts_calls_agree() -> None:
    """The worker's threads are the limit of what one process does at once; the host may really run double."""
    calls = json.loads((ROOT / "host.json").read_text())["extensions"]["serviceBus"]["maxConcurrentCalls"]
    example = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]
    laptop = app_settings(Ports.choose(None))
    deploy, queues = ((ROOT / "docs" / name).read_text() for name in ("deploy.md", "queues.md"))

    assert 2 * calls == POOL_SIZE
    for text in (example["PYTHON_THREADPOOL_THREAD_COUNT"], laptop["PYTHON_THREADPOOL_THREAD_COUNT"]):
        assert int(text) == 2 * calls
    assert f"`PYTHON_THREADPOOL_THREAD_COUNT={2 * calls}`" in deploy
    assert re.search(rf"`maxConcurrentCalls` {calls} .*hence {2 * calls} worker threads", queues)
