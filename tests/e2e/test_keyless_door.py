"""AUTH_MODE=entra: a procedure without any key starts a run, and without the right token nobody does anything.

External functions also tell the role of their query, and that decides. A stack of its own: the mode is the app's.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
import snowflake.connector as snowflake_connector
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import ProgrammingError

from bridge.deploy.rendering import Renderer
from bridge.deploy.statements import statements
from bridge.deploy.values import Door
from bridge.local import endpoints
from bridge.local.endpoints import APP_ID, CLIENT_ID, TENANT_ID
from bridge.local.processes import ROOT
from bridge.local.sql_scripts import laptop_values
from bridge.local.stack import Stack, local_stack
from tests.e2e.driver import PATIENCE, Driver, new_key
from tests.eventually import eventually

PRINCIPAL = f"app:{CLIENT_ID}"
STRANGER, OTHER_TENANT = "00000000-0000-0000-0000-0000000000aa", "00000000-0000-0000-0000-0000000000bb"
SNOWFLAKE_ID = "00000000-0000-0000-0000-0000000000cc"
FOR_THE_TEAM = """
  for-the-team:
    target: {kind: aml_pipeline, component: "azureml:churn_retraining:1"}
    allow: {roles: [CHURN_TEAM]}
    inputs: {as_of: {type: date, required: true}, note: {type: string, default: ""}}
"""
SCRIPTS = ("038_secret_identity.sql", "040_access.sql", "041_procedures_keyless.sql")
RUN = {"pipeline": "churn-training", "inputs": {"as_of": "2026-11-01"}}
#: A way in of every kind: REST, external functions, reads.
REQUESTS = (
    ("POST", "/runs", RUN),
    ("GET", "/runs", None),
    ("POST", "/snowflake/submit_run", {"data": [[0, RUN["pipeline"], RUN["inputs"], None]]}),
    ("POST", "/messages", {"queue": "run-commands", "body": RUN}),
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    file = tmp_path_factory.mktemp("keyless") / "pipelines.yaml"
    text = (ROOT / "pipelines.yaml").read_text()
    file.write_text(text.replace("principals: [key, ", f'principals: ["{PRINCIPAL}", ') + FOR_THE_TEAM)
    clients = {"ALLOWED_CLIENT_IDS": f"{CLIENT_ID},{SNOWFLAKE_ID}", "SNOWFLAKE_CLIENT_IDS": SNOWFLAKE_ID}
    with local_stack(settings={"AUTH_MODE": "entra", "PIPELINES_FILE": str(file), **clients}) as running:
        deploy_keyless(running)
        yield running


@pytest.fixture(scope="module")
def driver(stack: Stack) -> Iterator[Driver]:
    with Driver(stack) as driver:
        yield driver


@pytest.fixture
def http(stack: Stack) -> Iterator[httpx.Client]:
    """Without any key."""
    base_url = f"{stack.endpoints['functions']['base_url']}/api/v1"
    with httpx.Client(base_url=base_url, timeout=30, trust_env=False) as client:
        yield client


def deploy_keyless(stack: Stack, client_id: str = CLIENT_ID) -> None:
    """As `make sql-deploy` with the door procedures_keyless in the place of procedures_key."""
    values = laptop_values([Door.PROCEDURES_KEYLESS]).model_copy(update={"client_id": client_id})
    renderer = Renderer(values, {})
    with snowflake_connector.connect(**stack.endpoints["snowflake"]) as connection, connection.cursor() as cursor:
        cursor.execute(f"USE SCHEMA {endpoints.DATABASE}.{endpoints.SCHEMA}")
        for script in SCRIPTS:
            for statement in statements(renderer.render(script).text):
                cursor.execute(statement)


def token(stack: Stack, client: str = CLIENT_ID, **claims: Any) -> str:
    """One that the tenant has signed; claims as they are given, the rest as usual."""
    body = {"client_id": client, "resource": APP_ID, "claims": claims}
    return str(stack.call("entra", "POST", "/tokens", body)["access_token"])


def own_token(stack: Stack, **header: Any) -> str:
    """The claims of a good token under another signature: ours, none, or one made of the public key."""
    _, middle, _ = token(stack).split(".")
    claims = json.loads(base64.urlsafe_b64decode(middle + "=="))
    if header.get("alg") == "none":
        return jwt.encode(claims, "", "none", headers=header)
    if header.get("alg") == "HS256":
        (key,) = httpx.get(f"{endpoints.url(stack.ports.entra)}/{TENANT_ID}/discovery/v2.0/keys").json()["keys"]
        public = jwt.PyJWK(key).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        start = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': key['kid']})}.{middle}"
        return f"{start}.{part(hmac.new(public, start.encode(), hashlib.sha256).digest())}"
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, private, "RS256", headers=header)


def part(content: Any) -> str:
    """One third of a token."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


#: What is wrong -> the header Authorization and the answer.
ATTACKS: dict[str, Any] = {
    "no token": (lambda _: None, 401),
    "a function key": (lambda _: None, 401),
    "garbage": (lambda _: "Bearer garbage", 401),
    "another scheme": (lambda _: "Basic " + base64.b64encode(b"a:b").decode(), 401),
    "expired": (lambda stack: "Bearer " + token(stack, exp=1_700_000_000, nbf=1_600_000_000, iat=1_600_000_000), 401),
    "another audience": (lambda stack: "Bearer " + token(stack, aud=STRANGER), 401),
    "another tenant": (
        lambda stack: "Bearer " + token(stack, iss=f"https://sts.windows.net/{OTHER_TENANT}/", appid=CLIENT_ID),
        401,
    ),
    "no signature": (lambda stack: "Bearer " + own_token(stack, alg="none"), 401),
    "signed with the public key": (lambda stack: "Bearer " + own_token(stack, alg="HS256"), 401),
    "an unknown key": (lambda stack: "Bearer " + own_token(stack, kid="mine"), 401),
    "another application": (lambda stack: "Bearer " + token(stack, client=STRANGER), 403),
}


def test_a_procedure_without_any_key_starts_a_run(driver: Driver, stack: Stack) -> None:
    key = new_key()

    ((answer,),) = driver.sql("CALL START_RUN('churn-training', {'as_of': '2026-11-01'}, ?)", key)
    ((again,),) = driver.sql("CALL START_RUN('churn-training', {'as_of': '2026-11-01'}, ?)", key)

    told = json.loads(answer)
    assert (told["status"], json.loads(again)["run_id"]) == ("ACCEPTED", told["run_id"])
    driver.wait_for(told["run_id"], "COMPLETED")
    ((principal, source),) = driver.sql("SELECT principal, source FROM runs WHERE run_id = ?", told["run_id"])
    assert (principal, source) == (PRINCIPAL, "procedure")


def test_a_program_with_a_token_is_an_ordinary_caller(http: httpx.Client, stack: Stack) -> None:
    http.headers["Authorization"] = "Bearer " + token(stack)

    accepted = http.post("/runs", json={**RUN, "idempotency_key": new_key()})
    refused = http.post("/runs", json={"pipeline": "nothing"})

    assert (accepted.status_code, refused.status_code) == (202, 404)
    assert http.get("/pipelines").status_code == 200


def test_what_the_app_rejects_is_an_answer(driver: Driver) -> None:
    ((answer,),) = driver.sql("CALL START_RUN('nothing', {}, NULL)")

    assert json.loads(answer)["error"]["code"] == "UNKNOWN_PIPELINE"


def test_an_application_that_does_not_trust_snowflake_is_an_error(driver: Driver, stack: Stack) -> None:
    deploy_keyless(stack, client_id=APP_ID)
    try:
        with pytest.raises(ProgrammingError, match=r"AADSTS700211(.|\n)*federated credential"):
            driver.sql("CALL START_RUN('churn-training', {'as_of': '2026-11-01'}, NULL)")
    finally:
        deploy_keyless(stack)


@pytest.mark.parametrize("attack", ATTACKS)
def test_whoever_has_no_right_token_does_nothing(driver: Driver, http: httpx.Client, stack: Stack, attack: str) -> None:
    make, status = ATTACKS[attack]
    authorization = make(stack)
    headers = {"Authorization": authorization} if authorization else {}
    if attack == "a function key":
        headers["x-functions-key"] = endpoints.FUNCTION_KEY
    driver.wait_until_quiet()
    jobs = set(driver.jobs())

    for method, path, body in REQUESTS:
        answer = http.request(method, path, json=body, headers=headers)

        assert answer.status_code == status, (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
        assert not authorization or authorization.split()[-1] not in answer.text

    assert waiting(stack) == 0
    assert set(driver.jobs()) == jobs


def waiting(stack: Stack) -> int:
    """Messages that wait for now or for later in the queue of requests."""
    queue = stack.call("service_bus", "GET", "/queues")["run-commands"]
    return int(queue["active"] + queue["scheduled"] + queue["locked"])


def test_while_entra_is_away_callers_are_to_try_again(http: httpx.Client, stack: Stack) -> None:
    """With a host that has no keys yet."""
    authorization = {"Authorization": "Bearer " + token(stack)}
    stack.outage("entra", down=True)
    try:
        stack.start_host()
        answer = http.post("/runs", json=RUN, headers=authorization)
        health = http.get("/health")
    finally:
        stack.outage("entra", down=False)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert waiting(stack) == 0
    assert health.status_code == 200
    eventually(lambda: http.get("/pipelines", headers=authorization).status_code == 200, PATIENCE)


# Snowflake's roles


@pytest.fixture
def snowflake(stack: Stack) -> Iterator[SnowflakeConnection]:
    """A session, behind an API Management that hands on the token with which Snowflake calls."""
    mapping = {"from": endpoints.API_URL, "to": f"{endpoints.url(stack.ports.functions)}/api"}
    headers = {"Authorization": f"Bearer {token(stack, client=SNOWFLAKE_ID)}"}
    stack.call("snowflake", "POST", "/url-map", {**mapping, "headers": headers})
    with snowflake_connector.connect(**stack.endpoints["snowflake"], role="CHURN_TEAM") as connection:
        yield connection


def asked(connection: SnowflakeConnection, sql: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        ((answer,),) = cursor.execute(sql).fetchall()
    found: dict[str, Any] = json.loads(answer)
    return found


def test_the_role_of_the_query_decides_what_it_may_start(driver: Driver, snowflake: SnowflakeConnection) -> None:
    submit = f"SELECT SUBMIT_RUN('for-the-team', {{'as_of': '2026-11-01'}}, '{new_key()}')"

    allowed = asked(snowflake, submit)
    snowflake.cursor().execute("USE ROLE ANALYST")
    refused = asked(snowflake, submit)
    snowflake.cursor().execute('USE ROLE "Churn_Team"')
    misspelt = asked(snowflake, submit)
    told = asked(snowflake, "SELECT PING()")

    assert allowed["status"] == "ACCEPTED"
    assert [answer["error"]["code"] for answer in (refused, misspelt)] == ["NOT_ALLOWED", "NOT_ALLOWED"]
    assert (told["principal"], told["roles"]) == (f"app:{SNOWFLAKE_ID}", ["Churn_Team"])
    driver.wait_for(allowed["run_id"], "COMPLETED")


def test_only_the_role_that_may_start_a_run_may_cancel_or_rerun_it(
    driver: Driver, stack: Stack, snowflake: SnowflakeConnection
) -> None:
    stack.plan_fault("azure_ml", "drop_event", times=None)
    submit = f"SELECT SUBMIT_RUN('for-the-team', {{'as_of': '2026-11-01'}}, '{new_key()}')"
    run_id = asked(snowflake, submit)["run_id"]
    eventually(lambda: run_id in driver.jobs(), PATIENCE)
    stack.call("azure_ml", "POST", f"/jobs/{run_id}/status", {"status": "Running"})
    eventually(lambda: driver.run(run_id), PATIENCE)

    snowflake.cursor().execute("USE ROLE ANALYST")
    assert asked(snowflake, f"SELECT SUBMIT_CANCEL('{run_id}')")["status"] == "CANCEL_REQUESTED"
    rerun = asked(snowflake, f"SELECT SUBMIT_RERUN('{run_id}', '{new_key()}')")

    assert rerun["error"]["code"] == "NOT_ALLOWED"
    eventually(lambda: "CANCEL_IGNORED" in driver.history(run_id), PATIENCE)
    assert driver.jobs()[run_id]["status"] == "Running"

    snowflake.cursor().execute("USE ROLE CHURN_TEAM")
    asked(snowflake, f"SELECT SUBMIT_CANCEL('{run_id}')")
    eventually(lambda: driver.jobs()[run_id]["status"] in {"CancelRequested", "Canceled"}, PATIENCE)
    stack.call("azure_ml", "DELETE", "/faults")


def test_a_function_of_ones_own_cannot_pretend_a_role(driver: Driver, snowflake: SnowflakeConnection) -> None:
    """Headers that a function sets come under another name, and CONTEXT_HEADERS are the session's."""
    snowflake.cursor().execute("USE ROLE ANALYST")
    for number, headers in enumerate(("", "HEADERS = ('sf-context-current-role' = 'CHURN_TEAM')")):
        name = f"MY_SUBMIT_{number}"
        snowflake.cursor().execute(
            f"CREATE OR REPLACE EXTERNAL FUNCTION {name}(p VARCHAR, i OBJECT, k VARCHAR) RETURNS VARIANT "
            f"API_INTEGRATION = ML_BRIDGE_API {headers} AS '{endpoints.API_URL}/v1/snowflake/submit_run'"
        )

        answer = asked(snowflake, f"SELECT {name}('for-the-team', {{'as_of': '2026-11-01'}}, '{new_key()}')")

        assert answer["error"]["code"] == "NOT_ALLOWED"
        snowflake.cursor().execute(f"DROP FUNCTION {name}(VARCHAR, OBJECT, VARCHAR)")
