"""What procedures may carry and where they may go: secrets, network rules, integrations, and the way on the laptop."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from snowflake.connector.errors import ProgrammingError

from bridge.local.snowflake.procedures.hosts import allows
from bridge.local.snowflake.sql_text import without_secrets
from tests.emulators.receiver import Receiver
from tests.emulators.snowflake_procedures import create
from tests.emulators.snowflake_service import SnowflakeService, refused, rows, value

APP = "https://app.example/api"
VALUE = "it's-a-very-secret-value"
PRIVILEGES = "EXTERNAL_ACCESS_INTEGRATIONS = (E) SECRETS = ('key' = K, 'identity' = LAPTOP.ML_BRIDGE.W)"
POSTS = """
    import requests
    from requests.adapters import HTTPAdapter
    from snowflake.snowpark import secrets
    from urllib3.util.retry import Retry

    def run(session, url):
        retry = Retry(total=2, backoff_factor=0.01, status_forcelist=[503], allowed_methods=None)
        with requests.Session() as http:
            http.mount("https://", HTTPAdapter(max_retries=retry))
            key = secrets.get_generic_secret_string("key")
            answer = http.post(url, json={"text": "é"}, headers={"x-key": key}, timeout=5)
            return [answer.status_code, answer.url]
"""


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[SnowflakeService, Receiver]]:
    with Receiver() as receiver:
        mapping = f"{APP}=>{receiver.url}/base"
        with SnowflakeService("--url-map", mapping, "--header", "x-functions-key=host-key") as service:
            yield service, receiver


@pytest.fixture
def service(running: tuple[SnowflakeService, Receiver]) -> SnowflakeService:
    return running[0]


@pytest.fixture
def receiver(running: tuple[SnowflakeService, Receiver]) -> Receiver:
    running[1].clear()
    return running[1]


@pytest.fixture
def connection(service: SnowflakeService) -> Any:
    """A session with a secret of each kind, a rule and an integration of both."""
    connection = service.connect()
    quoted = VALUE.replace("'", "''")
    for statement in (
        f"CREATE OR REPLACE SECRET K TYPE = GENERIC_STRING SECRET_STRING = '{quoted}' COMMENT = 'key of the app'",
        "CREATE OR REPLACE SECRET W TYPE = WORKLOAD_IDENTITY_FEDERATION",
        "CREATE OR REPLACE NETWORK RULE R MODE = EGRESS TYPE = HOST_PORT\n"
        "  VALUE_LIST = ('app.example', 'unmapped.example:443')",
        "CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION E ALLOWED_NETWORK_RULES = (R)\n"
        "  ALLOWED_AUTHENTICATION_SECRETS = (K, ML_BRIDGE.W) ENABLED = TRUE",
    ):
        rows(connection, statement)
    return connection


def failure_of(connection: Any, call: str) -> str:
    with connection.cursor() as cursor, pytest.raises(ProgrammingError) as error:
        cursor.execute(f"CALL {call}")
    assert error.value.errno == 100357
    return str(error.value)


def test_a_request_goes_where_the_url_map_says(connection: Any, receiver: Receiver) -> None:
    create(connection, "POSTS(url VARCHAR)", POSTS, options=PRIVILEGES)

    answer = json.loads(value(connection, f"CALL POSTS('{APP}/v1/runs?x=1')"))

    assert answer == [200, f"{APP}/v1/runs?x=1"]
    received = receiver.received[0]
    assert (received.path, received.query, received.body) == ("/base/v1/runs", "x=1", {"text": "é"})
    assert (received.headers["x-key"], received.headers["x-functions-key"]) == (VALUE, "host-key")


def test_the_handlers_own_retries_work(connection: Any, receiver: Receiver) -> None:
    create(connection, "POSTS(url VARCHAR)", POSTS, options=PRIVILEGES)
    receiver.answers += [503, 503, 202]

    assert json.loads(value(connection, f"CALL POSTS('{APP}/x')"))[0] == 202
    assert len(receiver.received) == 3


def test_the_url_map_may_change_at_any_time(service: SnowflakeService, connection: Any, receiver: Receiver) -> None:
    rows(connection, "ALTER NETWORK RULE R SET VALUE_LIST = ('app.example', 'new.example:8443')")
    create(connection, "POSTS(url VARCHAR)", POSTS, options=PRIVILEGES)
    service.tell("/url-map", {"from": "https://new.example:8443", "to": f"{receiver.url}/new"})

    assert json.loads(value(connection, "CALL POSTS('https://new.example:8443/x')"))[0] == 200
    assert receiver.received[0].path == "/new/x"


@pytest.mark.parametrize("options", [PRIVILEGES, ""])
@pytest.mark.parametrize("url", ["https://other.example/x", "http://app.example/x", "RECEIVER"])
def test_a_host_that_no_rule_names_cannot_be_reached(
    connection: Any, receiver: Receiver, url: str, options: str
) -> None:
    body = """
        import requests
        def run(session, url):
            try:
                return requests.post(url, json={}, timeout=5).status_code
            except requests.exceptions.ConnectionError as error:
                return str(error)
    """
    create(connection, "TRIES(url VARCHAR)", body, options=options)

    told = value(connection, "CALL TRIES(?)", [url.replace("RECEIVER", f"{receiver.url}/x")])

    assert "Max retries exceeded with url: /x" in told
    assert "Failed to establish a new connection: [Errno 16] Device or resource busy" in told
    assert not receiver.received


def test_a_host_without_a_way_on_the_laptop_cannot_be_reached(connection: Any) -> None:
    create(connection, "POSTS(url VARCHAR)", POSTS, options=PRIVILEGES)

    told = failure_of(connection, "POSTS('https://unmapped.example/x')")

    assert "requests.exceptions.ConnectionError: The laptop's Snowflake has no url-map entry for https://unm" in told


@pytest.mark.parametrize(
    "code",
    [
        "urllib.request.urlopen('RECEIVER')",
        "socket.create_connection(('127.0.0.1', PORT))",
        "socket.socket().connect(('192.0.2.1', 443))",
        "socket.getaddrinfo('app.example', 443)",
        "in_a_thread(lambda: socket.create_connection(('127.0.0.1', PORT)))",
    ],
)
def test_no_other_way_leads_out(connection: Any, receiver: Receiver, code: str) -> None:
    code = code.replace("RECEIVER", receiver.url).replace("PORT", str(receiver.port))
    body = f"""
        import socket, urllib.request
        from concurrent.futures import ThreadPoolExecutor

        def in_a_thread(work):
            with ThreadPoolExecutor(1) as threads:
                return threads.submit(work).result()

        def run(session):
            try:
                {code}
            except OSError as error:
                return str(error)
    """
    create(connection, "ESCAPES()", body, options=PRIVILEGES)

    assert "Device or resource busy" in value(connection, "CALL ESCAPES()")


def test_threads_of_a_handler_reach_what_it_reaches_but_no_secret(connection: Any, receiver: Receiver) -> None:
    body = f"""
        import requests
        from concurrent.futures import ThreadPoolExecutor
        from snowflake.snowpark import secrets

        def run(session):
            with ThreadPoolExecutor(2) as threads:
                statuses = list(threads.map(lambda _: requests.post("{APP}/x", json={{}}).status_code, range(3)))
                secret = threads.submit(secrets.get_generic_secret_string, "key")
                return [statuses, str(secret.exception())]
    """
    create(connection, "SPREADS()", body, options=PRIVILEGES)

    answer = json.loads(value(connection, "CALL SPREADS()"))

    assert answer == [[200, 200, 200], "Secrets can only be accessed from the main thread."]


def test_procedures_that_run_together_keep_their_secrets_and_hosts_apart(
    service: SnowflakeService, connection: Any, receiver: Receiver
) -> None:
    body = """
        from snowflake.snowpark import secrets
        def run(session):
            session.sql("SELECT 1").collect()
            return secrets.get_generic_secret_string("key")
    """
    rows(connection, "CREATE OR REPLACE SECRET OTHER TYPE = GENERIC_STRING SECRET_STRING = 'the-other-value'")
    rows(connection, "ALTER EXTERNAL ACCESS INTEGRATION E SET ALLOWED_AUTHENTICATION_SECRETS = (K, W, OTHER)")
    for name, secret in (("FIRST", "K"), ("SECOND", "OTHER")):
        create(
            connection, f"{name}()", body, options=f"EXTERNAL_ACCESS_INTEGRATIONS = (E) SECRETS = ('key' = {secret})"
        )
    connections = [service.connect() for _ in range(6)]

    with ThreadPoolExecutor(6) as threads:
        names = ["FIRST", "SECOND"] * 3
        found = list(
            threads.map(lambda pair: value(pair[0], f"CALL {pair[1]}()"), zip(connections, names, strict=True))
        )

    assert [json.loads(one) for one in found] == [VALUE, "the-other-value"] * 3


def test_a_changed_secret_is_used_by_the_next_call(connection: Any, receiver: Receiver) -> None:
    create(connection, "POSTS(url VARCHAR)", POSTS, options=PRIVILEGES)
    rows(connection, "ALTER SECRET K SET SECRET_STRING = 'another value'")

    rows(connection, f"CALL POSTS('{APP}/x')")

    assert receiver.received[0].headers["x-key"] == "another value"


def test_an_identity_gives_tokens_for_an_audience(connection: Any) -> None:
    body = """
        from snowflake.snowpark import secrets
        def run(session):
            token = secrets.get_wif_token("identity", "api://AzureADTokenExchange")
            return [token, secrets.get_secret_type("identity")]
    """
    create(connection, "IDENTIFIES()", body, options=PRIVILEGES)

    token, kind = json.loads(value(connection, "CALL IDENTIFIES()"))

    claims = jwt.decode(token, options={"verify_signature": False})
    with connection.cursor() as cursor:
        cursor.execute("DESCRIBE SECRET W")
        described = dict(zip([column.name for column in cursor.description], cursor.fetchone(), strict=True))
    assert kind == "WORKLOAD_IDENTITY_FEDERATION"
    assert claims["aud"] == "api://AzureADTokenExchange"
    assert claims["iss"] == described["workload_identity_federation_issuer"]
    assert claims["sub"] == described["workload_identity_federation_subject"] == "laptop:LAPTOP.ML_BRIDGE.W"
    assert ".invalid" in claims["iss"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("secrets.get_generic_secret_string('other')", "Secret 'other' is not among the SECRETS of procedure ASKS."),
        (
            "secrets.get_generic_secret_string('identity')",
            "is of type WORKLOAD_IDENTITY_FEDERATION, not GENERIC_STRING",
        ),
        ("secrets.get_wif_token('key', 'x')", "is of type GENERIC_STRING, not WORKLOAD_IDENTITY_FEDERATION"),
        ("secrets.get_oauth_access_token('key')", "NotImplementedError"),
    ],
)
def test_a_handler_gets_no_secret_but_its_own(connection: Any, code: str, told: str) -> None:
    body = f"from snowflake.snowpark import secrets\ndef run(session): return {code}"
    create(connection, "ASKS()", body, options=PRIVILEGES)

    assert told in failure_of(connection, "ASKS()")


def test_no_log_shows_a_secret(service: SnowflakeService, connection: Any) -> None:
    body = """
        from snowflake.snowpark import secrets
        def run(session): raise ValueError(secrets.get_generic_secret_string("key"))
    """
    create(connection, "TELLS()", body, options=PRIVILEGES)
    rows(connection, "ALTER SECRET K SET SECRET_STRING = 'very-secret-as-well'")
    with refused(1003):
        rows(connection, "CREATE SECRET BROKEN TYPE = GENERIC_STRING SECRET_STRING = 'very-secret")
    told = failure_of(connection, "TELLS()")

    shown = [
        service.control.get(path).text for path in ("/statements", "/no-ops", "/procedures", "/url-map", "/faults")
    ]
    assert all("very-secret" not in text for text in [told, *shown])
    assert "SECRET_STRING = '***'" in shown[0]
    assert "SECRET_STRING = '***'" in shown[1]


def test_what_is_created_is_recorded_as_before(service: SnowflakeService, connection: Any) -> None:
    kinds = [entry["kind"] for entry in service.ask("/no-ops")][-4:]

    assert kinds == ["CREATE SECRET", "CREATE SECRET", "CREATE NETWORK RULE", "CREATE EXTERNAL ACCESS INTEGRATION"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("EXTERNAL_ACCESS_INTEGRATIONS = (NOWHERE)", 2003),
        ("EXTERNAL_ACCESS_INTEGRATIONS = (E) SECRETS = ('key' = NOWHERE)", 2003),
        ("EXTERNAL_ACCESS_INTEGRATIONS = (E) SECRETS = ('key' = FORBIDDEN)", 391517),
        ("SECRETS = ('key' = K)", 391517),
        ("EXTERNAL_ACCESS_INTEGRATIONS = (DISABLED)", 391518),
    ],
)
def test_a_procedure_cannot_have_what_no_integration_allows(connection: Any, options: str, code: int) -> None:
    rows(connection, "CREATE OR REPLACE SECRET FORBIDDEN TYPE = GENERIC_STRING SECRET_STRING = 'x'")
    rows(
        connection, "CREATE OR REPLACE EXTERNAL ACCESS INTEGRATION DISABLED ALLOWED_NETWORK_RULES = (R) ENABLED = FALSE"
    )

    with refused(code):
        create(connection, "WANTS()", "def run(session): pass", options=options)


def test_what_was_dropped_since_is_missed_by_the_call(connection: Any) -> None:
    create(connection, "POSTS(url VARCHAR)", POSTS, options=PRIVILEGES)

    for kind, name in (("SECRET", "K"), ("NETWORK RULE", "R"), ("INTEGRATION", "E")):
        rows(connection, f"DROP {kind} {name}")
        with refused(2003):
            rows(connection, f"CALL POSTS('{APP}/x')")
        rows(connection, f"DROP {kind} IF EXISTS {name}")


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("CREATE SECRET K TYPE = GENERIC_STRING SECRET_STRING = 'x'", 2002),
        ("CREATE SECRET N TYPE = GENERIC_STRING", 1003),
        ("CREATE SECRET N TYPE = GENERIC_STRING SECRET_STRING = unquoted", 1003),
        ("CREATE EXTERNAL ACCESS INTEGRATION N ALLOWED_NETWORK_RULES = (NOWHERE) ENABLED = TRUE", 2003),
        ("ALTER SECRET NOWHERE SET SECRET_STRING = 'x'", 2003),
        ("DESCRIBE SECRET NOWHERE", 2003),
    ],
)
def test_a_wrong_statement_about_access_is_refused(connection: Any, statement: str, code: int) -> None:
    with refused(code):
        rows(connection, statement)


def test_what_exists_is_left_alone_when_asked(connection: Any, receiver: Receiver) -> None:
    rows(connection, "CREATE SECRET IF NOT EXISTS K TYPE = GENERIC_STRING SECRET_STRING = 'not taken'")
    create(connection, "POSTS(url VARCHAR)", POSTS, options=PRIVILEGES)
    rows(connection, f"CALL POSTS('{APP}/x')")

    assert receiver.received[0].headers["x-key"] == VALUE


@pytest.mark.parametrize(
    ("allowed", "host", "port", "expected"),
    [
        ("app.example", "APP.example", 443, True),
        ("app.example", "app.example", 80, False),
        ("app.example:8443", "app.example", 8443, True),
        ("app.example:0", "app.example", 9000, True),
        ("*.app.example", "one.app.example", 443, True),
        ("*.app.example", "one.two.app.example", 443, False),
        ("app.example", "appxexample", 443, False),
    ],
)
def test_a_rule_names_hosts_and_ports(allowed: str, host: str, port: int, expected: bool) -> None:
    assert allows([allowed], host, port) is expected


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        (
            "CREATE SECRET S SECRET_STRING = 'it''s' COMMENT = 'c'",
            "CREATE SECRET S SECRET_STRING = '***' COMMENT = 'c'",
        ),
        ("ALTER SECRET S SET secret_string='a\\'b'", "ALTER SECRET S SET secret_string='***'"),
        ("CREATE SECRET S SECRET_STRING = $$x$$", "CREATE SECRET S SECRET_STRING = '***'"),
        ("CREATE SECRET S PASSWORD = 'never ends", "CREATE SECRET S PASSWORD = '***'"),
        ("SELECT 'PASSWORD'", "SELECT 'PASSWORD'"),
    ],
)
def test_secrets_are_taken_out_of_what_is_shown(sql: str, shown: str) -> None:
    assert without_secrets(sql) == shown
