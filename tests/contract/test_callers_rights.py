"""What counts besides an application's id: app roles, the platform's headers, Snowflake's role. Signatures are real."""

import base64
import json
import logging
import time
from typing import Any

import pytest

from bridge.adapters.entra import EntraAuthenticator
from bridge.domain.callers import CallerIdentity
from bridge.domain.errors import CallerRefused, Unauthenticated
from tests.contract.entra_service import APP, CLIENT, OLD_APP, STRANGER, TENANT, EntraService

V1, V2 = f"https://sts.windows.net/{TENANT}/", f"https://login.microsoftonline.com/{TENANT}/v2.0"
OTHER = "99999999-9999-4999-8999-999999999999"
NAME = f"app:{CLIENT}"
ROLE, TWIN, PLATFORM = "sf-context-current-role", "sf-context-current-role-base64", "x-ms-client-principal"
ROLE_TYPE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


def authenticator(entra: EntraService, **options: Any) -> EntraAuthenticator:
    audiences = {form for app in (APP, OLD_APP) for form in (app, f"api://{app}")}
    given = {"audiences": audiences, **options}
    return EntraAuthenticator(tenant_id=TENANT, client_ids={CLIENT}, authority=entra.url, **given)


def bearer(token: str, **headers: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", **headers}


def b64(text: str | bytes) -> str:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def platform(*more: tuple[str, str], auth_typ: str = "aad", role_typ: str = "roles", **changes: str | None) -> str:
    """The header as App Service makes it of a token of version 2; None takes a claim away."""
    now = int(time.time())
    usual = {"aud": APP, "iss": V2, "azp": CLIENT, "iat": str(now), "nbf": str(now), "exp": str(now + 600)}
    claims = [(name, value) for name, value in {**usual, **changes}.items() if value is not None]
    found = [{"typ": name, "val": value} for name, value in [*claims, *more]]
    return b64(json.dumps({"auth_typ": auth_typ, "claims": found, "name_typ": "name", "role_typ": role_typ}))


# app roles


def test_app_roles_come_with_the_caller_whether_asked_for_or_not(entra: EntraService) -> None:
    token = entra.token(roles=["Bridge.Submit", "Bridge.Admin", "Bridge.Submit"], idtyp="app")
    expected = CallerIdentity(principal=NAME, app_roles=("Bridge.Admin", "Bridge.Submit"))

    assert authenticator(entra).identify(bearer(token)) == expected
    assert authenticator(entra, app_roles={"Bridge.Submit", "X"}).identify(bearer(token)) == expected


@pytest.mark.parametrize("roles", [None, [], ["Bridge.Read"], ["bridge.submit"], ["Bridge.Submit2"]])
def test_without_the_app_role_that_is_asked_for_nobody_comes_in(entra: EntraService, roles: list[str] | None) -> None:
    with pytest.raises(CallerRefused, match=r"none of the app roles Bridge\.Submit .ALLOWED_APP_ROLES"):
        authenticator(entra, app_roles={"Bridge.Submit"}).identify(bearer(entra.token(roles=roles)))


@pytest.mark.parametrize("roles", ["Bridge.Submit", {"Bridge.Submit": 1}, [5], [["Bridge.Submit"]], 7])
def test_app_roles_of_another_form_are_refused(entra: EntraService, roles: object) -> None:
    for door in (authenticator(entra), authenticator(entra, app_roles={"Bridge.Submit"})):
        with pytest.raises(Unauthenticated, match="cannot be read"):
            door.identify(bearer(entra.token(roles=roles)))


@pytest.mark.parametrize("claims", [{"scp": "access"}, {"idtyp": "user"}, {"scp": "access", "idtyp": "user"}])
def test_a_user_comes_in_only_by_an_app_role_that_is_asked_for(entra: EntraService, claims: dict[str, Any]) -> None:
    token = entra.token(roles=["Bridge.Submit"], preferred_username="a@b.example", **claims)

    with pytest.raises(CallerRefused, match="a user's"):
        authenticator(entra).identify(bearer(token))
    with pytest.raises(CallerRefused, match="none of the app roles"):
        authenticator(entra, app_roles={"Bridge.Admin"}).identify(bearer(token))
    assert authenticator(entra, app_roles={"Bridge.Submit"}).identify(bearer(token)).principal == NAME


# the role in Snowflake


@pytest.mark.parametrize("role", ["ML_TEAM", "ml team", "Daten-Ökonomie", "approle:x", "X" * 255])
def test_the_role_of_a_query_comes_with_snowflakes_application(entra: EntraService, role: str) -> None:
    door = authenticator(entra, snowflake_client_ids={CLIENT})
    shown = "".join(letter if " " <= letter <= "~" else " " for letter in role)

    caller = door.identify(bearer(entra.token(azp=CLIENT.upper()), **{ROLE: shown, TWIN: b64(role)}))

    assert caller == CallerIdentity(principal=NAME, roles=(role,))


def test_a_whole_name_needs_no_twin(entra: EntraService) -> None:
    door = authenticator(entra, snowflake_client_ids={CLIENT})

    assert door.identify(bearer(entra.token(), **{ROLE: "ML_TEAM"})).roles == ("ML_TEAM",)
    assert door.identify(bearer(entra.token())).roles == ()
    assert door.identify(bearer(entra.token(), **{ROLE: "", TWIN: ""})).roles == ()


@pytest.mark.parametrize(
    "headers",
    [
        {ROLE: "ML TEAM"},  # could be ML\u00d6TEAM, cut for the header
        {TWIN: "not base64!"},
        {TWIN: b64(b"\xff\xfe")},
        {TWIN: b64("A\nB")},
        {TWIN: b64("X" * 256)},
        {TWIN: f"{b64('ML_TEAM')},{b64('OTHER')}", ROLE: "ML_TEAM"},  # two headers of one name
    ],
)
def test_a_role_that_may_be_another_one_is_refused(entra: EntraService, headers: dict[str, str]) -> None:
    door = authenticator(entra, snowflake_client_ids={CLIENT})

    with pytest.raises(CallerRefused, match="the header sf-context-current-role"):
        door.identify(bearer(entra.token(), **headers))


@pytest.mark.parametrize("snowflake", [(), (STRANGER,)])
def test_nobody_else_can_say_which_role_it_has(entra: EntraService, snowflake: tuple[str, ...]) -> None:
    door = authenticator(entra, snowflake_client_ids=snowflake)

    caller = door.identify(bearer(entra.token(), **{ROLE: "ML_TEAM", TWIN: b64("ML_TEAM")}))

    assert caller == CallerIdentity(principal=NAME)
    assert door.identify(bearer(entra.token(), **{TWIN: "not base64!"})) == CallerIdentity(principal=NAME)


# the platform's headers


@pytest.mark.parametrize("application", [{}, {"iss": V1, "appid": CLIENT, "azp": None, "aud": f"api://{OLD_APP}"}])
def test_where_the_platform_is_trusted_its_word_is_enough(entra: EntraService, application: dict[str, Any]) -> None:
    door = authenticator(entra, trust_platform_headers=True)

    assert door.identify({PLATFORM: platform(**application)}) == CallerIdentity(principal=NAME)
    assert entra.key_requests() == 0


@pytest.mark.parametrize(("role_typ", "name"), [("roles", "roles"), (ROLE_TYPE, ROLE_TYPE), ("x", ROLE_TYPE)])
def test_app_roles_are_found_under_each_of_their_names(entra: EntraService, role_typ: str, name: str) -> None:
    door = authenticator(entra, trust_platform_headers=True, app_roles={"Bridge.Submit"})

    header = platform(
        (name, "Bridge.Read"), (name, "Bridge.Submit"), ("groups", "a"), ("groups", "b"), role_typ=role_typ
    )

    assert door.identify({PLATFORM: header}).app_roles == ("Bridge.Read", "Bridge.Submit")
    with pytest.raises(CallerRefused, match="none of the app roles"):
        door.identify({PLATFORM: platform((name, "Bridge.Read"), role_typ=role_typ)})


def test_a_user_of_the_platform_is_a_user(entra: EntraService) -> None:
    door = authenticator(entra, trust_platform_headers=True)
    scope = ("http://schemas.microsoft.com/identity/claims/scope", "access")

    with pytest.raises(CallerRefused, match="a user's"):
        door.identify({PLATFORM: platform(scope)})


SIGNED_IN: dict[str, Any] = {"azp": None, "aud": CLIENT}


@pytest.mark.parametrize("version", [{}, {"iss": V1}])
def test_a_person_who_signs_in_with_the_browser_is_a_user_of_this_application(
    entra: EntraService, version: dict[str, str]
) -> None:
    """The platform has an id token of them, which names no application but its audience."""
    header = platform(("roles", "Bridge.Look"), **SIGNED_IN, **version)
    trusting: dict[str, Any] = {"trust_platform_headers": True}
    door = authenticator(entra, audiences={CLIENT}, app_roles={"Bridge.Look"}, **trusting)

    assert door.identify({PLATFORM: header}) == CallerIdentity(principal=NAME, app_roles=("Bridge.Look",))
    with pytest.raises(CallerRefused, match="a user's"):
        authenticator(entra, audiences={CLIENT}, **trusting).identify({PLATFORM: header})
    with pytest.raises(CallerRefused, match="none of the app roles"):
        door.identify({PLATFORM: platform(**SIGNED_IN)})
    with pytest.raises(CallerRefused, match=f"{APP} is not among ALLOWED_CLIENT_IDS"):
        authenticator(entra, **trusting).identify({PLATFORM: platform(azp=None)})


def test_what_the_platform_may_say_an_id_token_may_not_say_by_itself(entra: EntraService) -> None:
    door = authenticator(entra, audiences={CLIENT}, app_roles={"Bridge.Look"}, trust_platform_headers=True)

    with pytest.raises(Unauthenticated, match="names no application"):
        door.identify(bearer(entra.token(azp=None, aud=CLIENT, roles=["Bridge.Look"])))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": OTHER}, "not for this app"),
        ({"iss": f"https://login.microsoftonline.com/{OTHER}/v2.0"}, "not of this app's tenant"),
        ({"exp": str(int(time.time()) - 61), "nbf": "0", "iat": "0"}, "expired"),
        ({"nbf": str(int(time.time()) + 600)}, "not valid yet"),
        ({"azp": None, "appid": CLIENT}, "names no application"),
        ({"exp": None}, "cannot be read"),
        ({"exp": "soon"}, "cannot be read"),
        ({"aud": None}, "cannot be read"),
        ({"iss": None}, "cannot be read"),
        ({"auth_typ": "google"}, "cannot be read"),
    ],
)
def test_its_claims_are_checked_as_a_tokens(entra: EntraService, changes: dict[str, str], reason: str) -> None:
    door = authenticator(entra, trust_platform_headers=True)

    with pytest.raises(Unauthenticated, match=reason):
        door.identify({PLATFORM: platform(**changes)})


def test_a_claim_that_comes_twice_is_refused(entra: EntraService) -> None:
    """Of two audiences one would do."""
    door = authenticator(entra, trust_platform_headers=True)

    for name, other in (("aud", OTHER), ("iss", V1), ("azp", STRANGER), ("exp", "1")):
        with pytest.raises(Unauthenticated, match="cannot be read"):
            door.identify({PLATFORM: platform((name, other))})
    assert door.identify({PLATFORM: platform(("aud", APP))}).principal == NAME


def test_an_application_that_is_not_listed_is_refused_here_too(entra: EntraService) -> None:
    with pytest.raises(CallerRefused, match=STRANGER):
        authenticator(entra, trust_platform_headers=True).identify({PLATFORM: platform(azp=STRANGER)})


@pytest.mark.parametrize(
    "header",
    ["x", "e30", "e30=", b64("[]"), b64("{"), b64(b"\xff"), b64("[" * 10_000), b64('{"auth_typ": "aad"}'),
     b64('{"auth_typ": "aad", "claims": [{"typ": "aud", "val": 5}]}'), b64('{"auth_typ": "aad", "claims": {}}'),
     platform() + ",e30="],
    ids=lambda header: header[:20],
)  # fmt: skip
def test_a_header_of_another_form_is_refused(
    entra: EntraService, caplog: pytest.LogCaptureFixture, header: str
) -> None:
    with pytest.raises(Unauthenticated, match="cannot be read"):
        authenticator(entra, trust_platform_headers=True).identify({PLATFORM: header})
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert PLATFORM in record.getMessage()


def test_a_token_is_never_made_up_for_by_the_platform(entra: EntraService) -> None:
    door = authenticator(entra, trust_platform_headers=True)

    with pytest.raises(Unauthenticated, match="not for this app"):
        door.identify(bearer(entra.token(aud=OTHER), **{PLATFORM: platform()}))
    with pytest.raises(CallerRefused, match=STRANGER):
        door.identify(bearer(entra.token(client=STRANGER), **{PLATFORM: platform()}))
    assert door.identify(bearer(entra.token(), **{PLATFORM: "e30="})).principal == NAME


def test_unless_it_is_trusted_the_platforms_header_changes_nothing(entra: EntraService) -> None:
    door = authenticator(entra)

    with pytest.raises(Unauthenticated, match="Authorization: Bearer"):
        door.identify({PLATFORM: platform()})
    assert door.identify(bearer(entra.token(), **{PLATFORM: platform(azp=STRANGER)})).principal == NAME
    assert door.identify(bearer(entra.token(), **{PLATFORM: "x"})).principal == NAME
