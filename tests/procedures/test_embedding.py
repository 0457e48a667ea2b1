"""The files of bridge/procedures as Snowflake gets them: as text between dollar signs, alone, with few packages."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.procedures.conftest import KEY
from tests.procedures.ledger import Ledger, ledger_running
from tests.procedures.playback import PROBLEM, Answer, Playback

FILES = sorted(
    path for path in (Path(__file__).parents[2] / "bridge" / "procedures").glob("*.py") if path.stem != "__init__"
)
#: What PACKAGES brings, by file; Snowpark is imported inside of functions.
PACKAGES = {"doors": {"requests", "urllib3"}}
START = """
BACKOFF_SECONDS = 0.01


def run(session, pipeline, inputs_json, idempotency_key):
    door = HttpDoor("https://{host}/api", FunctionKey("door_key"))
    return start_run(door, pipeline, inputs_json, idempotency_key)
"""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_can_stand_in_a_script(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert "$$" not in text
    assert "<%" not in text
    ast.parse(text, feature_version=(3, 11))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_needs_nothing_that_snowflake_has_not(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_once = {name for node in tree.body for name in imported(node)}
    later = {name for node in ast.walk(tree) for name in imported(node)} - at_once

    assert at_once - sys.stdlib_module_names == PACKAGES.get(path.stem, set())
    assert later <= {"snowflake"}


def imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    return {str(node.module).partition(".")[0]} if isinstance(node, ast.ImportFrom) else set()


@pytest.fixture(scope="module")
def running() -> Iterator[Ledger]:
    with ledger_running() as ledger:
        ledger.run(
            "CREATE NETWORK RULE HOSTS MODE = EGRESS TYPE = HOST_PORT VALUE_LIST = ('app.azurewebsites.net:443')"
        )
        ledger.run(f"CREATE SECRET DOOR_KEY TYPE = GENERIC_STRING SECRET_STRING = '{KEY}'")
        ledger.run(
            "CREATE EXTERNAL ACCESS INTEGRATION REACH ALLOWED_NETWORK_RULES = (HOSTS) "
            "ALLOWED_AUTHENTICATION_SECRETS = (DOOR_KEY) ENABLED = TRUE"
        )
        options = (
            "EXTERNAL_ACCESS_INTEGRATIONS = (REACH) SECRETS = ('door_key' = DOOR_KEY) "
            "PACKAGES = ('snowflake-snowpark-python', 'requests')"
        )
        for name, host in (("START", "app.azurewebsites.net"), ("START_AWRY", "other.azurewebsites.net")):
            signature = f"{name}(pipeline VARCHAR, inputs_json VARCHAR, idempotency_key VARCHAR DEFAULT NULL)"
            ledger.create(signature, START.format(host=host), file="doors.py", options=options)
        yield ledger


@pytest.fixture
def ledger(running: Ledger, playback: Playback) -> Ledger:
    running.service.tell("/url-map", {"from": "https://app.azurewebsites.net", "to": playback.url})
    return running


def test_a_procedure_starts_a_run_over_http(ledger: Ledger, playback: Playback) -> None:
    playback.plays(Answer(503), Answer(202, {"status": "ACCEPTED", "run_id": "r-1"}))

    answer = ledger.call("START('train', '{\"rows\": 12345678901234567890}')")

    assert (answer["status"], answer["run_id"]) == ("ACCEPTED", "r-1")
    assert [sent.json()["idempotency_key"] for sent in playback.received] == [answer["idempotency_key"]] * 2
    assert playback.received[0].path == "/api/v1/runs"
    assert playback.received[0].headers["x-functions-key"] == KEY
    assert playback.received[0].json()["inputs"] == {"rows": 12345678901234567890}


def test_a_rejection_is_the_value_of_the_call(ledger: Ledger, playback: Playback) -> None:
    playback.plays(Answer(422, {"code": "WRONG_TYPE", "detail": "no", "run_id": "r-1"}, PROBLEM))

    answer = ledger.call("START('train', '{}', 'k1')")

    assert (answer["status"], answer["run_id"], answer["error"]["code"]) == ("REJECTED", "r-1", "WRONG_TYPE")


def test_a_refused_key_is_never_shown(ledger: Ledger, playback: Playback) -> None:
    playback.plays(Answer(401, f"{KEY} is wrong".encode(), "text/plain"))

    text = ledger.refused("START('train', '{}', 'k1')")

    assert "ALTER SECRET" in text
    assert KEY not in text


def test_a_host_outside_of_the_network_rule_is_told(ledger: Ledger) -> None:
    text = ledger.refused("START_AWRY('train', '{}', 'k1')")

    assert "'other.azurewebsites.net' must be in the VALUE_LIST" in text
    assert "'k1'" in text
