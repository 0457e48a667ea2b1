"""The emulators for the contract suites, started once, and the ports over the real SDKs on them."""

from collections.abc import Iterator

import pytest

from bridge.local.stack import Stack, local_stack
from bridge.settings import Settings


@pytest.fixture(scope="session")
def emulators() -> Iterator[Stack]:
    """All four emulators, without the app."""
    with local_stack(host=False) as stack:
        yield stack


@pytest.fixture(scope="session")
def settings(emulators: Stack) -> Settings:
    return Settings.from_environ(emulators.settings)
