"""What procedures find in Snowflake: secrets. And servers to call, with waits that a test can afford."""

import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from bridge.procedures import doors
from tests.procedures.playback import Playback

KEY = "s3cret/key+of=the-door"
WIF_TOKEN = "token-that-snowflake-issued"


class Secrets(ModuleType):
    """`snowflake.snowpark.secrets`, which only Snowflake itself can offer."""

    def __init__(self) -> None:
        super().__init__("snowflake.snowpark.secrets")
        self.texts = {"door_key": KEY}
        self.audiences: list[str] = []

    def get_generic_secret_string(self, name: str) -> str:
        if name not in self.texts:
            raise ValueError(f"Secret '{name}' does not exist or not authorized")
        return self.texts[name]

    def get_wif_token(self, name: str, audience: str) -> str:
        if name != "wif":
            raise ValueError(f"Secret '{name}' does not exist or not authorized")
        self.audiences.append(audience)
        return WIF_TOKEN


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> Secrets:
    module = Secrets()
    snowpark = ModuleType("snowflake.snowpark")
    snowpark.secrets = module  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "snowflake.snowpark", snowpark)
    return module


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(doors, "LONGEST_WAIT_SECONDS", 0.05)
    doors._tokens.clear()


@pytest.fixture
def playback() -> Iterator[Playback]:
    with Playback() as server:
        yield server


@pytest.fixture
def other_playback() -> Iterator[Playback]:
    with Playback() as server:
        yield server


@pytest.fixture
def failing() -> Callable[[Callable[[], object]], str]:
    """The text of a call that must fail; it never holds the key."""

    def text_of(call: Callable[[], object]) -> str:
        with pytest.raises(doors.CallFailed) as caught:
            call()
        error: BaseException | None = caught.value
        while error is not None:  # with everything that it was raised from
            for hidden in (KEY, WIF_TOKEN):
                assert hidden not in str(error)
            error = error.__cause__ or error.__context__
        return str(caught.value)

    return text_of
