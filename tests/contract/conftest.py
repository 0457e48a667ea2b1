"""The emulators for the contract suites, started once, and the ports over the real SDKs on them."""

from collections.abc import Iterator

import pytest

from bridge.local.stack import Stack, local_stack
from bridge.settings.app_settings import Settings
from tests.contract.entra_service import EntraService


@pytest.fixture(scope="package")
def emulators() -> Iterator[Stack]:
    """All four emulators, without the app."""
    with local_stack(host=False) as stack:
        yield stack


@pytest.fixture(scope="package")
def _entra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EntraService]:
    with EntraService(tmp_path_factory.mktemp("entra")) as service:
        yield service


@pytest.fixture
def entra(_entra: EntraService) -> EntraService:
    _entra.begin()
    return _entra


@pytest.fixture(scope="package")
def settings(emulators: Stack) -> Settings:
    return Settings.from_environ(emulators.settings)
