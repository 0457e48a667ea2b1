"""When runs are asked for: so many a day, evenly or mostly within one hour of the night."""

from dataclasses import dataclass

DAY = 24 * 3600
#: Of the runs, in the peak.
PEAK_SHARE = 0.8
PEAK_BEGINS = 3600
PEAK_SECONDS = 3600


@dataclass(frozen=True)
class Load:
    """A day's runs."""

    runs: int
    has_peak: bool = False

    @property
    def name(self) -> str:
        return f"{self.runs:,} a day, {'peak' if self.has_peak else 'even'}"

    @property
    def most_a_second(self) -> float:
        return self.runs * PEAK_SHARE / PEAK_SECONDS if self.has_peak else self.runs / DAY

    def split(self, shards: int) -> "Load":
        """What one of so many equal parts has to do, rounded up."""
        return Load(-(-self.runs // shards), self.has_peak)


def arrivals(load: Load) -> list[int]:
    """Runs in each second of the day: whole ones, because ten a day come one by one."""
    if not load.has_peak:
        return _even(load.runs, DAY)
    in_peak = round(load.runs * PEAK_SHARE)
    others = _even(load.runs - in_peak, DAY - PEAK_SECONDS)
    return others[:PEAK_BEGINS] + _even(in_peak, PEAK_SECONDS) + others[PEAK_BEGINS:]


def _even(runs: int, seconds: int) -> list[int]:
    return [(second + 1) * runs // seconds - second * runs // seconds for second in range(seconds)]
