"""The catalogue of settings says all that is read, and nothing else."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from bridge.domain.errors import ConfigurationError
from bridge.settings.app_settings import Settings
from bridge.settings.catalogue import GROUPS, SETTINGS, declared, default_of
from bridge.settings.reader import Reader
from bridge.settings.secrets import secret_values
from bridge.settings.setting import ReadBy, Setting

ROOT = Path(__file__).parents[2]
#: The ways to be told what is needed: by mode, and by how the app signs in to Snowflake.
WAYS = [
    {},
    {"AUTH_MODE": "entra"},
    *({"SNOWFLAKE_AUTHENTICATOR": one} for one in SETTINGS["SNOWFLAKE_AUTHENTICATOR"].choices),
]
APP = [setting for setting in SETTINGS.values() if setting.read_by is ReadBy.APP]
each_of_the_app = pytest.mark.parametrize("setting", APP, ids=lambda setting: setting.name)


class Watched(Mapping[str, str]):
    """An environment that knows which of its names were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    values: dict[str, str] = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]
    return values


@pytest.fixture(scope="module")
def asked(example: dict[str, str]) -> set[str]:
    found: set[str] = set()
    for way in WAYS:
        environ = Watched(example | way | {"NOTIFY_OPS_URL": "https://hooks.example/x"})
        with suppress(ConfigurationError):  # what is missing was asked for all the same
            Settings.from_environ(environ)
        found |= {declared(name).name for name in environ.asked}
    return found


@each_of_the_app
def test_every_setting_of_the_app_is_read(setting: Setting, asked: set[str]) -> None:
    assert setting.name in asked


def test_a_setting_that_is_not_in_the_catalogue_cannot_be_read() -> None:
    with pytest.raises(KeyError):
        Reader({"NEW_SETTING": "1"}).text("NEW_SETTING")


def test_the_example_has_every_setting_but_those_that_say_why_not(example: dict[str, str]) -> None:
    assert set(example) == {setting.name for setting in SETTINGS.values() if not setting.not_in_example}


def test_the_example_shows_the_defaults_and_the_examples(example: dict[str, str]) -> None:
    """Somebody who copies it changes nothing that he does not write himself."""
    shown = {
        name: value
        for name, value in example.items()
        if value and value not in {SETTINGS[name].default, SETTINGS[name].example}
    }

    assert shown == {}


@each_of_the_app
def test_a_default_is_what_counts_when_nothing_is_set(setting: Setting) -> None:
    reader = Reader({})

    assert reader.text(setting.name) == default_of(setting.name)
    assert bool(reader.problems) == (setting.default is None)


@each_of_the_app
def test_a_default_is_itself_allowed(setting: Setting) -> None:
    if setting.default and setting.choices:
        assert setting.default in setting.choices
    if setting.default and setting.limits:
        assert setting.limits[0] <= int(setting.default) <= setting.limits[1]


def test_what_is_not_set_is_told_with_an_example() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ({})

    assert "RUN_EVENTS_QUEUE is not set: for example run-events" in caught.value.problems


@pytest.mark.parametrize(
    "name", [setting.name for setting in SETTINGS.values() if setting.is_secret and "{" not in setting.name]
)
def test_a_secret_is_kept_out_of_the_log(name: str) -> None:
    connection = "Endpoint=sb://x/;SharedAccessKey=s3cret-of-the-test"

    assert "s3cret-of-the-test" in set(secret_values({name: "s3cret-of-the-test"})) | set(
        secret_values({name: connection})
    )


def test_a_setting_is_told_once_and_as_a_sentence() -> None:
    names = [setting.name for group in GROUPS for setting in group.settings]

    assert len(names) == len(set(names))
    assert [setting.name for setting in SETTINGS.values() if not setting.meaning.endswith(".")] == []
