"""The short form of `make chaos`: a few hundred runs while everything fails."""

from collections.abc import Mapping

import pytest

from bridge.local.chaos.run import run_chaos

#: Its plan has every kind of wish and a batch without keys that is sent twice.
SEED = 94
RUNS = 120


def strikes(struck: Mapping[str, int], service: str) -> int:
    return sum(times for name, times in struck.items() if name.startswith(service))


@pytest.mark.timeout(400)
def test_nothing_is_lost_doubled_or_wrong_while_everything_fails() -> None:
    outcome = run_chaos(count=RUNS, seed=SEED, hosts=2, lock_seconds=6)

    assert outcome.verdict.is_good, "\n".join(outcome.verdict.lines())
    assert outcome.verdict.counts["jobs"] > RUNS / 2
    assert outcome.verdict.counts["unreadable messages kept"] > 0
    for service in ("azure_ml", "service_bus", "snowflake", "event_grid", "functions"):
        assert strikes(outcome.struck, service) > 0, f"no fault of {service} struck: {outcome.struck}"
