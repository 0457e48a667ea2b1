"""The token endpoint as our procedures ask it, and its refusals in Entra's words."""

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from tests.contract.entra_service import APP, CLIENT, ISSUER, OLD_APP, STRANGER, SUBJECT, TENANT, EntraService

#: Entra itself would check it; nobody here has Snowflake's key.
KEY = "s" * 64
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EntraService]:
    with EntraService(tmp_path_factory.mktemp("entra")) as service:
        yield service


@pytest.fixture
def entra(started: EntraService) -> EntraService:
    started.begin()
    return started


def assertion(**changes: Any) -> str:
    now = int(time.time())
    usual = {
        "iss": ISSUER,
        "sub": SUBJECT,
        "aud": "api://AzureADTokenExchange",
        "iat": now,
        "nbf": now,
        "exp": now + 60,
    }
    return jwt.encode({name: value for name, value in {**usual, **changes}.items() if value is not None}, KEY, "HS256")


def fields(**changes: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": CLIENT,
        "scope": f"api://{APP}/.default",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion(),
        **changes,
    }


def refusal(entra: EntraService, tenant: str = TENANT, **changes: str) -> tuple[int, str, int]:
    answer = entra.http.post(f"/{tenant}/oauth2/v2.0/token", data=fields(**changes))
    document = answer.json()
    (code,) = document["error_codes"]
    assert document["error_description"].startswith(f"AADSTS{code}: ")
    return answer.status_code, document["error"], code


@pytest.mark.parametrize(("app", "audience", "issuer", "caller"), [
    (APP, APP, f"https://login.microsoftonline.com/{TENANT}/v2.0", "azp"),
    (OLD_APP, f"api://{OLD_APP}", f"https://sts.windows.net/{TENANT}/", "appid"),
])  # fmt: skip
def test_snowflakes_token_is_exchanged_for_one_of_the_version_that_the_app_wants(
    entra: EntraService, app: str, audience: str, issuer: str, caller: str
) -> None:
    answer = entra.http.post(f"/{TENANT}/oauth2/v2.0/token", data=fields(scope=f"api://{app}/.default")).json()

    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3599)
    (published,) = entra.http.get(f"/{TENANT}/discovery/v2.0/keys").json()["keys"]
    assert jwt.get_unverified_header(answer["access_token"])["kid"] == published["kid"]
    claims = jwt.decode(
        answer["access_token"], jwt.PyJWK(published), algorithms=["RS256"], audience=audience, issuer=issuer
    )
    assert (claims[caller], claims["tid"]) == (CLIENT, TENANT)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://other.invalid"}, 700211),
        ({"sub": SUBJECT.upper()}, 700213),
        ({"sub": "other", "aud": "api://x"}, 700212),
        ({"exp": 1000}, 700024),
        ({"nbf": time.time() + 3600}, 700024),
        ({"sub": None}, 50027),
    ],
)
def test_a_token_that_nobody_trusts_is_no_credential(entra: EntraService, changes: dict[str, Any], code: int) -> None:
    assert refusal(entra, client_assertion=assertion(**changes)) == (401, "invalid_client", code)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_id": STRANGER}, (401, "invalid_client", 700211)),
        ({"client_id": "nobody"}, (400, "unauthorized_client", 700016)),
        ({"client_assertion": "x"}, (401, "invalid_client", 50027)),
        ({"client_assertion": ""}, (401, "invalid_client", 7000218)),
        ({"client_assertion_type": "password"}, (401, "invalid_client", 7000218)),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", 70003)),
        ({"scope": ""}, (400, "invalid_request", 900144)),
        ({"scope": f"api://{APP}/read"}, (400, "invalid_scope", 1002012)),
        ({"scope": "https://vault.azure.net/.default"}, (400, "invalid_resource", 500011)),
        ({"tenant": "common"}, (400, "invalid_request", 90002)),
    ],
)
def test_other_requests_are_refused(
    entra: EntraService, changes: dict[str, str], expected: tuple[int, str, int]
) -> None:
    assert refusal(entra, **changes) == expected


def test_metadata_names_the_addresses_of_the_real_entra(entra: EntraService) -> None:
    v2 = entra.http.get(f"/{TENANT}/v2.0/.well-known/openid-configuration").json()
    v1 = entra.http.get(f"/{TENANT}/.well-known/openid-configuration").json()

    assert v2["jwks_uri"] == f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys"
    assert (v1["issuer"], v2["issuer"]) == (
        f"https://sts.windows.net/{TENANT}/",
        f"https://login.microsoftonline.com/{TENANT}/v2.0",
    )
    assert entra.http.get("/common/discovery/keys").status_code == 400


def test_a_planned_fault_strikes_the_operation_that_it_names(entra: EntraService) -> None:
    plan = {"kind": "status", "match": {"operation": "token"}, "params": {"status": 429, "retry_after": 3}}
    entra.tell("/faults", plan)

    assert entra.http.get(f"/{TENANT}/discovery/keys").status_code == 200
    struck = entra.http.post(f"/{TENANT}/oauth2/v2.0/token", data=fields())
    assert (struck.status_code, struck.headers["retry-after"]) == (429, "3")
    assert entra.http.post(f"/{TENANT}/oauth2/v2.0/token", data=fields()).status_code == 200


def test_after_a_roll_over_both_keys_are_published(entra: EntraService) -> None:
    kid = entra.tell("/rotate")["kid"]

    kids = [key["kid"] for key in entra.http.get(f"/{TENANT}/discovery/keys").json()["keys"]]
    assert len(kids) == 2
    assert jwt.get_unverified_header(entra.token())["kid"] == kids[0] == kid
