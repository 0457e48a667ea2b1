"""Getting in without a key: the token that Snowflake issues is exchanged for one of Entra."""

from collections.abc import Callable
from urllib.parse import parse_qs

import pytest

from bridge.procedures.doors import EventGridDoor, FederatedIdentity, HttpDoor, publish_event, start_run
from tests.procedures.conftest import WIF_TOKEN, Secrets
from tests.procedures.playback import Answer, Playback

Failing = Callable[[Callable[[], object]], str]
TENANT, CLIENT = "11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000"
ACCESS_TOKEN = "access-token-of-entra"


@pytest.fixture
def entra(other_playback: Playback) -> Playback:
    other_playback.plays(token(3599))
    return other_playback


@pytest.fixture
def app(playback: Playback) -> Playback:
    playback.plays(Answer(202, {"status": "ACCEPTED"}))
    return playback


def token(seconds: object) -> Answer:
    return Answer(200, {"token_type": "Bearer", "expires_in": seconds, "access_token": ACCESS_TOKEN})


def identity(entra: Playback, name: str = "wif", scope: str = "api://bridge/.default") -> FederatedIdentity:
    return FederatedIdentity(name, TENANT, CLIENT, scope, entra.url)


def test_entra_is_the_default_authority() -> None:
    assert FederatedIdentity("wif", TENANT, CLIENT, "s").authority == "https://login.microsoftonline.com"


def test_the_token_of_snowflake_is_exchanged_for_one_of_the_app(
    app: Playback, entra: Playback, secrets: Secrets
) -> None:
    start_run(HttpDoor(app.url, identity(entra)), "train", "{}")

    (asked,) = entra.received
    assert asked.path == f"/{TENANT}/oauth2/v2.0/token"
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": [CLIENT],
        "scope": ["api://bridge/.default"],
        "client_assertion_type": ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
        "client_assertion": [WIF_TOKEN],
    }
    assert secrets.audiences == ["api://AzureADTokenExchange"]
    assert app.received[0].headers["Authorization"] == f"Bearer {ACCESS_TOKEN}"


def test_a_token_is_used_until_shortly_before_its_end(app: Playback, entra: Playback) -> None:
    for _ in range(3):
        start_run(HttpDoor(app.url, identity(entra)), "train", "{}")

    assert len(entra.received) == 1


@pytest.mark.parametrize("seconds", [300, "299", 0, None])
def test_a_token_about_to_end_is_not_used_again(app: Playback, entra: Playback, seconds: object) -> None:
    entra.plays(token(seconds))

    for _ in range(2):
        start_run(HttpDoor(app.url, identity(entra)), "train", "{}")

    assert len(entra.received) == 2


def test_every_scope_has_its_own_token(app: Playback, entra: Playback) -> None:
    for scope in ("a", "b"):
        start_run(HttpDoor(app.url, identity(entra, scope=scope)), "train", "{}")

    assert [parse_qs(asked.body.decode())["scope"] for asked in entra.received] == [["a"], ["b"]]


def test_passing_trouble_of_entra_is_tried_again(app: Playback, entra: Playback) -> None:
    entra.plays(Answer(503), token(3599))

    assert start_run(HttpDoor(app.url, identity(entra)), "train", "{}")["status"] == "ACCEPTED"
    assert len(entra.received) == 2


@pytest.mark.parametrize(
    "refusal",
    [
        Answer(401, {"error": "invalid_client", "error_description": f"AADSTS700213: no match for {WIF_TOKEN}"}),
        Answer(400, b"<html>"),
        Answer(200, {"token_type": "Bearer"}),
        Answer(200, {"access_token": "a\nb"}),
    ],
)
def test_a_refused_exchange_names_the_federated_credential(
    app: Playback, entra: Playback, failing: Failing, refusal: Answer
) -> None:
    entra.plays(refusal)

    text = failing(lambda: start_run(HttpDoor(app.url, identity(entra)), "train", "{}"))

    assert f"answered {refusal.status}" in text
    assert "federated credential" in text
    assert "DESC SECRET" in text
    assert app.received == []


def test_a_refusal_of_entra_is_quoted(app: Playback, entra: Playback, failing: Failing) -> None:
    entra.plays(Answer(401, {"error": "invalid_client", "error_description": "AADSTS700213: No matching record."}))

    assert "AADSTS700213" in failing(lambda: start_run(HttpDoor(app.url, identity(entra)), "train", "{}"))


def test_a_secret_that_issues_no_token_is_told(app: Playback, entra: Playback, failing: Failing) -> None:
    text = failing(lambda: start_run(HttpDoor(app.url, identity(entra, "forgotten")), "train", "{}"))

    assert "secret 'forgotten'" in text


def test_a_token_that_the_door_refuses_is_not_shown(app: Playback, entra: Playback, failing: Failing) -> None:
    app.plays(Answer(401, f"Bearer {ACCESS_TOKEN} has no role".encode(), "text/plain"))

    text = failing(lambda: start_run(HttpDoor(app.url, identity(entra)), "train", "{}"))

    assert ACCESS_TOKEN not in text
    assert CLIENT in text


def test_an_event_is_published_with_a_token(playback: Playback, entra: Playback) -> None:
    playback.plays(Answer(200))
    door = EventGridDoor(f"{playback.url}/api/events", identity(entra, scope="https://eventgrid.azure.net/.default"))

    assert publish_event(door, "Bridge.Test", "orders/1", "{}")["status"] == "PUBLISHED"
    assert playback.received[0].headers["Authorization"] == f"Bearer {ACCESS_TOKEN}"
