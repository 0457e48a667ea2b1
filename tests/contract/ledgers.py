"""The ledgers that keep one contract: in memory, and the real adapter on the emulated Snowflake."""

from collections.abc import Iterator

import pytest

from bridge.adapters.memory_ledger import MemoryLedger
from bridge.adapters.snowflake import SnowflakeLedger
from bridge.ports import Ledger
from bridge.settings.app_settings import Settings

KINDS = ("memory", "snowflake")


def ledger_of_kind(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """For a fixture over KINDS; the emulators are only started for the real one."""
    if request.param == "memory":
        yield MemoryLedger()
        return
    settings: Settings = request.getfixturevalue("settings")
    real = SnowflakeLedger(settings.snowflake.connection_arguments())
    yield real
    real.close()
