"""Fixtures of several files of unit tests."""

from collections.abc import Iterator

import pytest

from tests.unit.answering_app import KEY, App, answering


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An app that the command line takes for its own."""
    with answering() as found:
        monkeypatch.setenv("BRIDGE_URL", found.url)
        monkeypatch.setenv("BRIDGE_KEY", KEY)
        yield found
