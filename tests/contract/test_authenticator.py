"""Who is let in by a token of Entra: real signatures, keys fetched over HTTP from the emulator."""

import base64
import json
import logging
import select
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.adapters.entra import EntraAuthenticator
from bridge.adapters.entra_keys import PAUSE_AFTER_FAILURE_SECONDS, PAUSE_SECONDS, RENEW_SECONDS
from bridge.domain.errors import CallerRefused, ServiceUnavailable, Unauthenticated
from bridge.local.processes import free_port
from tests.contract.entra_service import APP, CLIENT, OLD_APP, STRANGER, TENANT, EntraService

V1, V2 = f"https://sts.windows.net/{TENANT}/", f"https://login.microsoftonline.com/{TENANT}/v2.0"
OTHER = "99999999-9999-4999-8999-999999999999"


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def door(entra: EntraService, hands: Hands) -> EntraAuthenticator:
    return authenticator(entra.url, hands)


def authenticator(url: str, hands: Hands, tenant: str = TENANT) -> EntraAuthenticator:
    audiences = {form for app in (APP, OLD_APP) for form in (app, f"api://{app}")}
    return EntraAuthenticator(
        tenant_id=tenant, audiences=audiences, client_ids={CLIENT}, authority=url, monotonic=hands
    )


def principal(door: EntraAuthenticator, authorization: str | None) -> str:
    """Under which name a request with this header comes in."""
    return door.identify({} if authorization is None else {"authorization": authorization}).principal


def refused(door: EntraAuthenticator, token: str, reason: str) -> None:
    with pytest.raises(Unauthenticated, match=reason) as caught:
        principal(door, f"Bearer {token}")
    assert token not in str(caught.value)


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {"aud": APP, "iss": V2, "azp": CLIENT, "iat": now, "nbf": now, "exp": now + 600}
    return {**usual, **changes}


def b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer  ", "BEARER "])
def test_an_allowed_application_comes_in_under_its_id(
    door: EntraAuthenticator, entra: EntraService, scheme: str
) -> None:
    assert principal(door, scheme + entra.token()) == f"app:{CLIENT}"


@pytest.mark.parametrize("audience", [OLD_APP, f"api://{OLD_APP}"])
def test_tokens_of_version_1_count_too(door: EntraAuthenticator, entra: EntraService, audience: str) -> None:
    assert principal(door, f"Bearer {entra.token(resource=OLD_APP, aud=audience)}") == f"app:{CLIENT}"


def test_an_id_is_the_same_in_capitals(door: EntraAuthenticator, entra: EntraService) -> None:
    assert principal(door, f"Bearer {entra.token(azp=CLIENT.upper())}") == f"app:{CLIENT}"


def test_an_application_that_is_not_listed_is_refused_by_name(door: EntraAuthenticator, entra: EntraService) -> None:
    with pytest.raises(CallerRefused, match=STRANGER):
        principal(door, f"Bearer {entra.token(client=STRANGER)}")


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic eDp5", "x", "Bearer a b", "Bearer a,Bearer b"]
)
def test_without_a_bearer_token_nobody_comes_in(door: EntraAuthenticator, entra: EntraService, header: str) -> None:
    with pytest.raises(Unauthenticated, match="Authorization: Bearer"):
        principal(door, header)
    assert entra.key_requests() == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": time.time() - 61, "nbf": 0, "iat": 0}, "expired"),
        ({"nbf": time.time() + 600}, "not valid yet"),
        ({"iat": time.time() + 600}, "not valid yet"),
        ({"exp": None}, "cannot be read"),
        ({"nbf": None}, "cannot be read"),
        ({"exp": "soon"}, "cannot be read"),
        ({"aud": None}, "cannot be read"),
        ({"aud": OTHER}, "not for this app"),
        ({"aud": "https://management.azure.com"}, "not for this app"),
        ({"aud": f"api://{APP}/x"}, "not for this app"),
        ({"aud": 5}, "not for this app"),
        ({"iss": None}, "cannot be read"),
        ({"iss": f"https://sts.windows.net/{OTHER}/"}, "not of this app's tenant"),
        ({"iss": f"https://login.microsoftonline.com/{OTHER}/v2.0"}, "not of this app's tenant"),
        ({"iss": f"https://login.microsoftonline.com/{TENANT}/"}, "not of this app's tenant"),
        ({"azp": None}, "names no application"),
        ({"azp": None, "appid": CLIENT}, "names no application"),
        ({"azp": [CLIENT]}, "names no application"),
        ({"iss": V1}, "names no application"),
    ],
)
def test_a_token_that_says_something_else_is_refused(
    door: EntraAuthenticator, entra: EntraService, changes: dict[str, Any], reason: str
) -> None:
    refused(door, entra.token(**changes), reason)


def test_a_minute_between_two_clocks_is_nothing(door: EntraAuthenticator, entra: EntraService) -> None:
    now = time.time()

    assert principal(door, f"Bearer {entra.token(exp=now - 30, nbf=now - 90)}")
    assert principal(door, f"Bearer {entra.token(nbf=now + 30)}")


def test_only_the_tenants_keys_and_rs256_count(door: EntraAuthenticator, entra: EntraService) -> None:
    (published,) = entra.http.get(f"/{TENANT}/discovery/v2.0/keys").json()["keys"]
    header = {"typ": "JWT", "kid": published["kid"]}
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = jwt.PyJWK(published, "RS256").key.public_numbers()
    shared_secret = f"{public.n}-{public.e}".ljust(64, "x")
    signature = entra.token().rpartition(".")[2]

    refused(door, jwt.encode(claims(), own, "RS256", headers=header), "wrong signature")
    refused(door, jwt.encode(claims(), own, "PS256", headers=header), "wrong signature")
    refused(door, jwt.encode(claims(), shared_secret, "HS256", headers=header), "wrong signature")
    refused(door, f"{b64({**header, 'alg': 'none'})}.{b64(claims())}.", "wrong signature")
    refused(door, f"{b64({**header, 'alg': 'RS256'})}.{b64(claims())}.", "wrong signature")
    refused(door, f"{b64({**header, 'alg': 'RS256'})}.{b64(claims())}.{signature}", "wrong signature")
    refused(door, entra.token(headers={"alg": "RS512"}), "wrong signature")
    refused(door, entra.token(headers={"crit": ["x"], "x": 1}), "cannot be read")


@pytest.mark.parametrize("place", ["jwk", "jku", "x5u", "x5c", "x5t"])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_key_that_comes_with_the_token_does_not_count(
    door: EntraAuthenticator, entra: EntraService, place: str, is_known: bool
) -> None:
    (published,) = entra.http.get(f"/{TENANT}/discovery/v2.0/keys").json()["keys"]
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = own.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as listener:
        values: dict[str, object] = {
            "jwk": json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key())),
            "x5c": [base64.b64encode(public).decode()],
            "x5t": "mine",
        }
        address = f"http://127.0.0.1:{listener.server_port}/keys"
        headers = {"kid": published["kid"] if is_known else "mine", place: values.get(place, address)}

        refused(door, jwt.encode(claims(), own, "RS256", headers=headers), "wrong signature")

        assert not select.select([listener], [], [], 0)[0], "nobody has asked at the address in the token"


@pytest.mark.parametrize("kid", [None, "", 5, ["a"], "x" * 5000, "../../x"])
def test_a_strange_name_of_a_key_is_an_unknown_one(door: EntraAuthenticator, kid: object) -> None:
    token = f"{b64({'alg': 'RS256', 'typ': 'JWT', 'kid': kid})}.{b64(claims())}.{b64('x')}"

    refused(door, token, "wrong signature|cannot be read")


@pytest.mark.parametrize(
    "token",
    ["xyz", "a.b", "a.b.c", "....", f"{b64('x')}.e30.x", f"{b64([])}.e30.x", f"{b64({})}.e30.x", "x" * 20_000,
     base64.urlsafe_b64encode(b"[" * 12_000).decode() + ".e30.x"],
    ids=lambda token: token[:10],
)  # fmt: skip
def test_garbage_is_refused(door: EntraAuthenticator, token: str) -> None:
    refused(door, token, "cannot be read|wrong signature")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(alphabet="Bearer .-_=ey0JhbGciOiJSUzI1NiIsImtpZCI6", max_size=60))
def test_no_header_brings_anything_but_a_refusal(door: EntraAuthenticator, text: str) -> None:
    with pytest.raises(Unauthenticated):
        principal(door, f"Bearer {text}")


def test_the_log_says_more_than_the_answer_and_never_the_token(
    door: EntraAuthenticator, entra: EntraService, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = [entra.token(aud=OTHER), "a.b.c", entra.token(client=STRANGER)]
    with caplog.at_level(logging.DEBUG, logger="bridge"):
        for token in tokens:
            with pytest.raises((Unauthenticated, CallerRefused)):
                principal(door, f"Bearer {token}")

    assert len(caplog.records) == 3
    assert "Audience doesn't match" in caplog.text
    assert not [token for token in tokens if token in caplog.text]


# keys


def test_keys_are_fetched_once_for_many_tokens(door: EntraAuthenticator, entra: EntraService, hands: Hands) -> None:
    for _ in range(3):
        principal(door, f"Bearer {entra.token()}")
        hands.seconds += RENEW_SECONDS / 4

    assert entra.key_requests() == 1


def test_a_new_key_is_fetched_when_a_token_names_it(
    door: EntraAuthenticator, entra: EntraService, hands: Hands
) -> None:
    principal(door, f"Bearer {entra.token()}")
    entra.tell("/rotate")

    refused(door, entra.token(), "wrong signature")
    hands.seconds += PAUSE_SECONDS

    assert principal(door, f"Bearer {entra.token()}") == f"app:{CLIENT}"
    assert entra.key_requests() == 2


def test_unknown_keys_cost_one_request_a_minute(door: EntraAuthenticator, entra: EntraService, hands: Hands) -> None:
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    principal(door, f"Bearer {entra.token()}")

    for number in range(10):
        refused(door, jwt.encode(claims(), own, "RS256", headers={"kid": f"k{number}"}), "wrong signature")
        hands.seconds += PAUSE_SECONDS / 5

    assert entra.key_requests() == 2


def test_a_withdrawn_key_ends_to_count_within_a_day(
    door: EntraAuthenticator, entra: EntraService, hands: Hands
) -> None:
    entra.tell("/rotate")
    token = entra.token()
    principal(door, f"Bearer {token}")
    entra.tell("/reset")

    assert principal(door, f"Bearer {token}")
    hands.seconds += RENEW_SECONDS

    refused(door, token, "wrong signature")


@pytest.mark.parametrize("trouble", ["away", "busy", "no JSON"])
def test_while_the_keys_cannot_be_fetched_the_caller_is_to_try_again(
    door: EntraAuthenticator, entra: EntraService, hands: Hands, trouble: str
) -> None:
    token = entra.token()
    fault = {"kind": "status", "times": None, "params": {"status": 200 if trouble == "no JSON" else 503}}
    entra.tell(*(("/outage", {"down": True}) if trouble == "away" else ("/faults", fault)))

    for _ in range(3):
        with pytest.raises(ServiceUnavailable) as caught:
            principal(door, f"Bearer {token}")
        assert caught.value.retry_after is not None
        assert "127.0.0.1" not in str(caught.value)
    assert entra.key_requests() == (0 if trouble == "away" else 1)

    entra.begin()
    hands.seconds += PAUSE_AFTER_FAILURE_SECONDS
    assert principal(door, f"Bearer {token}") == f"app:{CLIENT}"


def test_known_keys_outlive_an_outage(door: EntraAuthenticator, entra: EntraService, hands: Hands) -> None:
    token = entra.token()
    principal(door, f"Bearer {token}")
    entra.tell("/outage", {"down": True})
    hands.seconds += 2 * RENEW_SECONDS

    assert principal(door, f"Bearer {token}") == f"app:{CLIENT}"


def test_an_unknown_tenant_has_no_keys(entra: EntraService, hands: Hands) -> None:
    with pytest.raises(ServiceUnavailable):
        principal(authenticator(entra.url, hands, tenant=OTHER), f"Bearer {entra.token()}")


def test_nobody_listens_at_the_authority(hands: Hands, entra: EntraService) -> None:
    with pytest.raises(ServiceUnavailable):
        principal(authenticator(f"http://127.0.0.1:{free_port()}", hands), f"Bearer {entra.token()}")
