"""How a service in Snowflake signs in to its ledger: by the token of the moment, renewed in a file."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.adapters.snowflake import SnowflakeLedger
from bridge.domain.errors import RetryableError
from bridge.local.processes import OFFLINE
from bridge.settings.app_settings import Settings
from tests.emulators.receiver import Receiver

EXAMPLE = Path(__file__).parents[2] / "local.settings.example.json"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """In the place of Snowflake: it lets nobody in, and remembers by which token they tried."""
    for name, value in OFFLINE.items():
        monkeypatch.setenv(name, value)
    with Receiver() as running:
        running.answers = [403] * 20
        yield running


def test_the_token_is_read_anew_at_each_login(receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.touch(mode=0o600)
    values: dict[str, str] = json.loads(EXAMPLE.read_text())["Values"]
    service = {
        "SNOWFLAKE_AUTHENTICATOR": "OAUTH",
        "SNOWFLAKE_TOKEN_FILE": str(file),
        "SNOWFLAKE_HOST": "127.0.0.1",
        "SNOWFLAKE_PORT": str(receiver.port),
        "SNOWFLAKE_PROTOCOL": "http",
        "SNOWFLAKE_USER": "",
        "SNOWFLAKE_ROLE": "",
    }
    ledger = SnowflakeLedger(Settings.from_environ(values | service).snowflake.connection_arguments())

    for token in ("first-token", "second-token"):
        file.write_text(token, encoding="utf-8")
        with pytest.raises(RetryableError):
            ledger.run("r-" + "a" * 26)

    logins = [request for request in receiver.received if request.path.endswith("/login-request")]
    assert [login.body["data"]["TOKEN"] for login in logins] == ["first-token", "second-token"]
    assert {login.body["data"]["AUTHENTICATOR"] for login in logins} == {"OAUTH"}
    assert {login.body["data"]["LOGIN_NAME"] for login in logins} == {""}
    assert {login.query.partition("roleName=")[2] for login in logins} == {""}
