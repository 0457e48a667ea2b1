"""AUTH_MODE=entra: a token is worth what it says, and only if Entra says it."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.local.endpoints import APP_ID, CLIENT_ID, FUNCTION_KEY, TENANT_ID
from bridge.local.stack import Stack
from tests.security.attacks import SUBMIT, deeply_nested, oversized, zip_bombs
from tests.security.target import GOOD, MARK, RUN, Attack, Target, refused, target

SNOWFLAKE_ID, STRANGER = "00000000-0000-0000-0000-0000000000aa", "00000000-0000-0000-0000-0000000000bb"
OTHER_TENANT = "00000000-0000-0000-0000-0000000000cc"
ISSUER = f"https://login.microsoftonline.com/{TENANT_ID}/v2.0"
OWN_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Tenant:
    """What Entra gives, and what others make of it."""

    stack: Stack

    def token(self, client: str = CLIENT_ID, **claims: Any) -> str:
        body = {"client_id": client, "resource": APP_ID, "claims": claims}
        return str(self.stack.call("entra", "POST", "/tokens", body)["access_token"])

    def forged(self, **header: Any) -> str:
        """The claims of a good token under a signature of our own."""
        middle = self.token().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=="))
        return jwt.encode(claims, OWN_KEY, "RS256", headers=header)


@pytest.fixture(scope="module")
def token_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    settings = {"AUTH_MODE": "entra", "ALLOWED_CLIENT_IDS": f"{CLIENT_ID},{SNOWFLAKE_ID}"}
    with target(tmp_path_factory.mktemp("entra"), **settings, SNOWFLAKE_CLIENT_IDS=SNOWFLAKE_ID) as found:
        yield found
        assert not [secret for secret in found.secrets() if secret in found.log()]


@pytest.fixture
def tenant(token_target: Target) -> Tenant:
    return Tenant(token_target.stack)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def everywhere(status: int, logged: str, headers: dict[str, str]) -> Iterator[Attack]:
    """A way in of every kind."""
    row = {"data": [[0, "for-everybody", GOOD, MARK]]}
    yield Attack(status=status, logged=logged, headers=headers)
    yield Attack(status=status, logged=logged, headers=headers, method="GET")
    yield Attack(status=status, logged=logged, headers=headers, path=SUBMIT, body=row)
    yield Attack(
        status=status, logged=logged, headers=headers, path="/messages", body={"queue": "run-commands", "body": RUN}
    )


def no_token(_: Tenant) -> Iterator[Attack]:
    yield from everywhere(401, "it has no token", {})
    yield from everywhere(401, "it has no token", {"x-functions-key": FUNCTION_KEY})


def wrong_keys(tenant: Tenant) -> Iterator[Attack]:
    """Of signatures, which are what stands in the place of keys here."""
    good = tenant.token()
    start, _, _ = good.rpartition(".")
    yield from everywhere(401, "wrong signature", bearer(tenant.forged(kid="mine")))
    for token in (f"{start}.", f"{start}.{good.rpartition('.')[2][::-1]}", tenant.forged(kid="../../dev/null")):
        yield Attack(status=401, logged="a token is refused", headers=bearer(token))
    yield Attack(status=401, logged="cannot be read", headers=bearer("garbage"))


def many_unknown_keys(tenant: Tenant) -> Iterator[Attack]:
    for number in range(20):
        yield Attack(status=401, logged="wrong signature", headers=bearer(tenant.forged(kid=f"k{number}")))


def expired(tenant: Tenant) -> Iterator[Attack]:
    now = int(time.time())
    yield from everywhere(401, "has expired", bearer(tenant.token(exp=now - 120, nbf=now - 900, iat=now - 900)))
    yield Attack(status=401, logged="not valid yet", headers=bearer(tenant.token(nbf=now + 900)))


def foreign_tenants(tenant: Tenant) -> Iterator[Attack]:
    for issuer in (
        f"https://login.microsoftonline.com/{OTHER_TENANT}/v2.0",
        f"https://sts.windows.net/{OTHER_TENANT}/",
    ):
        headers = bearer(tenant.token(iss=issuer, appid=CLIENT_ID, tid=OTHER_TENANT))
        yield from everywhere(401, "not of this app's tenant", headers)


def wrong_audiences(tenant: Tenant) -> Iterator[Attack]:
    for audience in (STRANGER, "https://management.azure.com", "00000003-0000-0000-c000-000000000000"):
        yield from everywhere(401, "not for this app", bearer(tenant.token(aud=audience)))


def strangers(tenant: Tenant) -> Iterator[Attack]:
    yield from everywhere(403, f"the application {STRANGER} is not among", bearer(tenant.token(STRANGER)))
    yield from everywhere(403, "the token is a user's", bearer(tenant.token(scp="access")))


def forged_headers(_: Tenant) -> Iterator[Attack]:
    """Every claim of it would be right; only that nobody has told the app to believe it."""
    now = int(time.time())
    claims = {"aud": APP_ID, "iss": ISSUER, "azp": CLIENT_ID, "iat": now, "nbf": now, "exp": now + 600}
    found = [{"typ": name, "val": str(value)} for name, value in claims.items()]
    document = json.dumps({"auth_typ": "aad", "claims": found, "name_typ": "name", "role_typ": "roles"})
    for header in (base64.b64encode(document.encode()).decode(), "garbage"):
        headers = {"x-ms-client-principal": header, "x-ms-client-principal-id": CLIENT_ID}
        yield from everywhere(401, "it has no token", headers)


def forbidden_pipelines(tenant: Tenant) -> Iterator[Attack]:
    headers = bearer(tenant.token(roles=["Bridge.Read"]))
    for name in ("for-another", "for-submitters", "churn-training"):
        refusal = f"of 1 requests by app:{CLIENT_ID}, http: 1 NOT_ALLOWED ({name})"
        yield Attack(status=403, body={**RUN, "pipeline": name}, headers=headers, logged=refusal)


def forbidden_roles(tenant: Tenant) -> Iterator[Attack]:
    """From others than Snowflake the right role does not count, and from Snowflake only the right one."""
    right, wrong = (
        {"sf-context-current-role-base64": base64.b64encode(role).decode()} for role in (b"CHURN_TEAM", b"churn_team")
    )
    rows = {"data": [[0, "for-the-team", GOOD, MARK]]}
    body = {**RUN, "pipeline": "for-the-team"}
    refusal = "1 NOT_ALLOWED (for-the-team)"
    for client, role in ((CLIENT_ID, right), (SNOWFLAKE_ID, wrong), (SNOWFLAKE_ID, {})):
        headers = {**bearer(tenant.token(client)), **role}
        yield Attack(status=403, body=body, headers=headers, logged=refusal)
        yield Attack(status=200, path=SUBMIT, body=rows, headers=headers, logged=refusal, row_code="NOT_ALLOWED")
    broken = {**bearer(tenant.token(SNOWFLAKE_ID)), "sf-context-current-role-base64": "CHURN_TEAM!"}
    yield Attack(status=403, body=body, headers=broken, logged="sf-context-current-role")


def strangers_bombs(_: Tenant) -> Iterator[Attack]:
    """Not even looked at: whoever has no token gets no further than that."""
    for attacks in (oversized, zip_bombs, deeply_nested):
        for attack in attacks():
            yield Attack(
                status=401, logged="it has no token", path=attack.path, body=attack.body, headers=attack.headers
            )


ATTACKS: dict[str, Callable[[Tenant], Iterator[Attack]]] = {
    "no key": no_token,
    "wrong key": wrong_keys,
    "many unknown keys": many_unknown_keys,
    "expired token": expired,
    "foreign tenant": foreign_tenants,
    "wrong audience": wrong_audiences,
    "another application, a user": strangers,
    "forged platform header": forged_headers,
    "forbidden pipeline": forbidden_pipelines,
    "forbidden role": forbidden_roles,
    "a stranger's bombs": strangers_bombs,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_refused_and_logged_without_secrets(token_target: Target, tenant: Tenant, name: str) -> None:
    for attack in ATTACKS[name](tenant):
        refused(token_target, attack, {})


def test_unknown_keys_do_not_make_the_app_ask_entra_each_time(token_target: Target, tenant: Tenant) -> None:
    asked = int(token_target.stack.call("entra", "GET", "/requests").get("keys", 0))

    for attack in many_unknown_keys(tenant):
        refused(token_target, attack, {})

    assert int(token_target.stack.call("entra", "GET", "/requests").get("keys", 0)) <= asked + 1


def test_the_right_token_is_what_lets_in(token_target: Target, tenant: Tenant) -> None:
    """Or nothing here would prove anything."""
    right = {"sf-context-current-role-base64": base64.b64encode(b"CHURN_TEAM").decode()}
    callers = {
        "for-everybody": bearer(tenant.token()),
        "for-submitters": bearer(tenant.token(roles=["Bridge.Submit"])),
        "for-the-team": {**bearer(tenant.token(SNOWFLAKE_ID)), **right},
    }

    for name, headers in callers.items():
        answer = token_target.send(
            Attack(status=200, logged="", body={**RUN, "pipeline": name, "dry_run": True}), headers
        )

        assert (answer.status_code, answer.json().get("dry_run")) == (200, True), answer.text
