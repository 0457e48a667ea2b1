"""The rules of a job's life and of the limits, without a server."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.local.aml.arm import ArmError
from bridge.local.aml.lifecycle import Ending, Life, timeline
from bridge.local.aml.limits import Limits

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


class Watch:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds

    @property
    def at(self) -> datetime:
        return START + timedelta(seconds=self.seconds)


def begun(watch: Watch, ending: Ending | None = None, scale: float = 1.0) -> Life:
    return Life.begin(timeline(ending or Ending(), scale), watch.now())


def entered(life: Life, watch: Watch, seconds: float) -> list[str]:
    watch.seconds += seconds
    return [passage.status for passage in life.settle(watch.now(), watch.at)]


def test_a_job_enters_each_status_when_it_is_due() -> None:
    watch = Watch()
    life = begun(watch)

    assert entered(life, watch, 0) == ["NotStarted"]
    assert entered(life, watch, 0.7) == ["Preparing", "Queued"]
    assert entered(life, watch, 0.1) == []
    assert entered(life, watch, 10) == ["Running", "Finalizing", "Completed"]
    assert life.is_over


def test_the_scale_stretches_a_life() -> None:
    watch = Watch()
    life = begun(watch, scale=10)

    assert entered(life, watch, 9) == ["NotStarted", "Preparing", "Queued"]
    assert entered(life, watch, 16) == ["Running", "Finalizing", "Completed"]


@pytest.mark.parametrize(
    ("ending", "last"),
    [
        (Ending("failed"), ["Running", "Finalizing", "Failed"]),
        (Ending("canceled"), ["Running", "CancelRequested", "Canceled"]),
        (Ending("failed", held=True), ["Preparing", "Queued", "Running"]),
    ],
)
def test_an_ending_decides_the_last_statuses(ending: Ending, last: list[str]) -> None:
    watch = Watch()

    assert entered(begun(watch, ending), watch, 100)[-3:] == last


def test_a_job_started_when_it_ran_and_ended_when_it_was_over() -> None:
    watch = Watch()
    life = begun(watch)
    entered(life, watch, 1)
    running = watch.at

    assert (life.started_at, life.ended_at) == (running, None)

    entered(life, watch, 5)
    assert (life.started_at, life.ended_at) == (running, watch.at)


def test_a_cancelled_job_never_runs_and_so_never_started() -> None:
    watch = Watch()
    life = begun(watch)
    entered(life, watch, 0.4)
    life.cancel(watch.now(), scale=2)

    assert entered(life, watch, 0) == ["CancelRequested"]
    assert entered(life, watch, 0.9) == []
    assert entered(life, watch, 0.2) == ["Canceled"]
    assert life.started_at is None


def test_cancelling_again_does_not_put_the_end_off() -> None:
    watch = Watch()
    life = begun(watch)
    life.cancel(watch.now(), scale=1)
    entered(life, watch, 0.4)
    life.cancel(watch.now(), scale=1)

    assert entered(life, watch, 0.2) == ["Canceled"]


def test_a_forced_status_takes_the_job_off_its_timeline() -> None:
    watch = Watch()
    life = begun(watch)
    entered(life, watch, 0)
    life.force("NotResponding", watch.now())

    assert entered(life, watch, 1000) == ["NotResponding"]
    assert not life.is_over


def test_writes_are_throttled_after_the_bucket_and_come_back_with_time() -> None:
    watch = Watch()
    limits = Limits(watch.now)
    for _ in range(200):
        limits.check("PUT")

    with pytest.raises(ArmError) as refused:
        limits.check("POST")
    limits.check("GET")
    watch.seconds += 0.15
    limits.check("PUT")

    assert (refused.value.status, refused.value.retry_after) == (429, 1)
    with pytest.raises(ArmError):
        limits.check("PUT")
