"""AUTH_MODE=key: whoever has no key comes nowhere, and whoever has one still cannot do everything."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pytest

from bridge.local.endpoints import FUNCTION_KEY
from tests.security.attacks import SUBMIT, deeply_nested, injections, oversized, zip_bombs
from tests.security.target import GOOD, MARK, RUN, Attack, Target, refused, target

KEY = {"x-functions-key": FUNCTION_KEY}
ROW = {"data": [[0, "for-everybody", GOOD, MARK]]}
#: A way in of every kind.
DOORS = (
    Attack(status=401, logged="401 for create_run"),
    Attack(status=401, logged="401 for list_runs", method="GET"),
    Attack(status=401, logged="401 for snowflake_submit_run", path=SUBMIT, body=ROW),
    Attack(status=401, logged="401 for create_message", path="/messages", body={"queue": "run-commands", "body": RUN}),
)


@pytest.fixture(scope="module")
def key_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with target(tmp_path_factory.mktemp("key")) as found:
        yield found
        assert not [secret for secret in found.secrets() if secret in found.log()]


def without_key() -> Iterator[Attack]:
    yield from DOORS
    for attack in DOORS[:1]:
        yield replace(attack, path="/runs?code=")


def wrong_keys() -> Iterator[Attack]:
    for key in ("wrong", FUNCTION_KEY[:-1], FUNCTION_KEY.upper(), f"{FUNCTION_KEY} {FUNCTION_KEY}", "*"):
        for attack in DOORS:
            yield replace(attack, headers={"x-functions-key": key})
    # The header wins over the address.
    yield replace(DOORS[0], path=f"/runs?code={FUNCTION_KEY}", headers={"x-functions-key": "wrong"})
    yield replace(DOORS[0], headers={"authorization": f"Bearer {FUNCTION_KEY}"})


def forged_headers() -> Iterator[Attack]:
    for headers in (
        {"x-ms-client-principal": "eyJhdXRoX3R5cCI6ImFhZCIsImNsYWltcyI6W119"},
        {"x-ms-client-principal-id": MARK, "x-ms-client-principal-name": MARK, "x-ms-client-principal-idp": "aad"},
        {"sf-context-current-role": "ACCOUNTADMIN", "sf-context-current-user": "ROOT"},
    ):
        yield replace(DOORS[0], headers=headers)


def forbidden_pipelines() -> Iterator[Attack]:
    for name in ("for-another", "for-submitters"):
        refusal = f"1 NOT_ALLOWED ({name})"
        yield Attack(status=403, body={**RUN, "pipeline": name}, logged=refusal)
        rows = {"data": [[0, name, GOOD, MARK]]}
        yield Attack(status=200, path=SUBMIT, body=rows, logged=refusal, row_code="NOT_ALLOWED")


def forbidden_roles() -> Iterator[Attack]:
    """With keys nobody has a role, whatever the headers say."""
    role = {"sf-context-current-role": "CHURN_TEAM", "sf-context-current-role-base64": "Q0hVUk5fVEVBTQ=="}
    for headers in ({}, role):
        yield Attack(
            status=403,
            body={**RUN, "pipeline": "for-the-team"},
            headers=headers,
            logged="1 NOT_ALLOWED (for-the-team)",
        )


#: Name -> what is sent, and with which headers besides its own.
ATTACKS: dict[str, tuple[Callable[[], Iterator[Attack]], dict[str, str]]] = {
    "no key": (without_key, {}),
    "wrong key": (wrong_keys, {}),
    "forged platform header": (forged_headers, {}),
    "forbidden pipeline": (forbidden_pipelines, KEY),
    "forbidden role": (forbidden_roles, KEY),
    "oversized": (oversized, KEY),
    "deeply nested": (deeply_nested, KEY),
    "zip bomb": (zip_bombs, KEY),
    "injection strings": (injections, KEY),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_refused_and_logged_without_secrets(key_target: Target, name: str) -> None:
    attacks, headers = ATTACKS[name]

    for attack in attacks():
        refused(key_target, attack, headers)


def test_a_key_is_what_lets_in(key_target: Target) -> None:
    """Or nothing here would prove anything."""
    answer = key_target.send(Attack(status=202, logged="", body={**RUN, "dry_run": True}), KEY)

    assert (answer.status_code, answer.json()["dry_run"]) == (200, True)


def test_a_filter_is_a_value_and_never_sql(key_target: Target) -> None:
    url = {"pipeline": "' OR 1=1 --", "query_batch_id": "') UNION SELECT * FROM DEAD_LETTERS --"}

    answer = key_target.send(Attack(status=200, logged="", method="GET", path=f"/runs?{httpx.QueryParams(url)}"), KEY)

    assert (answer.status_code, answer.json()["runs"]) == (200, [])
