"""What azd runs before it makes anything: every parameter that would fail late, or deploy an app that cannot answer."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.check_parameters import FILE, PARAMETERS, problems
from tests.infra.consistency import ROOT, templates

GUID = "6f9c1c3e-0b1d-4c7a-9a51-2f1f8f6f3a10"
LEAST = {"BRIDGE_AML_WORKSPACE": "ws", "BRIDGE_AML_RESOURCE_GROUP": "rg", "BRIDGE_SNOWFLAKE_ACCOUNT": "org-account"}
ENTRA = {"BRIDGE_AUTH_MODE": "entra", "BRIDGE_ENTRA_AUDIENCE": GUID, "BRIDGE_ALLOWED_CLIENT_IDS": GUID}
API = {"BRIDGE_API_MANAGEMENT": "true", "BRIDGE_PUBLISHER_EMAIL": "a@example.com", "BRIDGE_ENTRA_AUDIENCE": GUID}


def told(**variables: str) -> list[str]:
    return problems(FILE, {**LEAST, **variables})


def edited(folder: Path, **values: Any) -> Path:
    """main.parameters.json as somebody has changed it."""
    document = json.loads(FILE.read_text(encoding="utf-8"))
    document["parameters"] |= {name: {"value": value} for name, value in values.items()}
    path = folder / FILE.name
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_the_table_is_what_the_template_says() -> None:
    declared = templates()["main.bicep"].parameters
    known = {"description", "allowed", "minValue", "maxValue", "minLength", "maxLength"}

    assert {name for each in declared.values() for name in each.decorators} <= known
    assert {
        name: (each.type, each.is_needed, list(each.allowed), each.least, each.most)
        for name, each in PARAMETERS.items()
    } == {
        name: (
            each.type,
            each.default is None,
            each.decorators.get("allowed", []),
            each.decorators.get("minValue", each.decorators.get("minLength")),
            each.decorators.get("maxValue", each.decorators.get("maxLength")),
        )
        for name, each in declared.items()
    }


def test_the_settings_that_are_checked_together_are_made_of_these_parameters() -> None:
    main, app = templates()["main.bicep"].text, templates()["function_app.bicep"].variables["settings"]

    assert "audience: entraAudience\n" in main
    assert app["ENTRA_AUDIENCE"] == "access.audience"
    assert app["ALLOWED_APP_ROLES"] == "join(access.appRoles, ',')"
    assert app["ALLOWED_CLIENT_IDS"] == "join(union(access.clientIds, access.snowflakeClientIds), ',')"


@pytest.mark.parametrize("variables", [{}, ENTRA, API, {**ENTRA, **API}], ids=["least", "entra", "api", "both"])
def test_what_can_be_deployed_is_not_spoken_of(variables: dict[str, str]) -> None:
    assert told(**variables) == []


def test_snowflakes_ids_alone_are_callers_enough() -> None:
    assert told(**{**ENTRA, "BRIDGE_ALLOWED_CLIENT_IDS": "", "BRIDGE_SNOWFLAKE_CLIENT_IDS": f"{GUID}, {GUID}"}) == []


@pytest.mark.parametrize("name", LEAST)
def test_what_has_no_default_is_missed(name: str) -> None:
    (problem,) = told(**{name: ""})

    assert problem.startswith(f"{name} is not set\n  azd env set {name} ")


def test_what_azd_asks_for_itself_is_not_missed() -> None:
    """It may ask only after the hooks have run."""
    assert not any("AZURE_" in problem for problem in problems(FILE, {}))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BRIDGE_AUTH_MODE", "service", 'is "service": give one of key, entra'),
        ("BRIDGE_AUTH_MODE", "Key", 'is "Key": give one of key, entra'),
        ("BRIDGE_PYTHON_VERSION", "3.10", 'is "3.10": give one of 3.11, 3.12, 3.13'),
        ("BRIDGE_SNOWFLAKE_AUTHENTICATOR", "SNOWFLAKE", "give one of WORKLOAD_IDENTITY, "),
        ("BRIDGE_MAX_INSTANCES", "0", 'is "0": give a whole number from 1 to 1000'),
        ("BRIDGE_EXECUTE_INSTANCES", "1001", 'is "1001": give a whole number from 1 to 1000'),
        ("BRIDGE_LATE_SECONDS", "15m", 'is "15m": give a whole number\n'),
        ("BRIDGE_ALWAYS_READY_INSTANCES", "1.5", 'is "1.5": give a whole number\n'),
        ("BRIDGE_RULES_DEPLOY", "yes", 'is "yes": give true or false'),
        ("BRIDGE_CUSTOM_TOPIC", " true", 'is " true": give true or false'),
        ("AZURE_ENV_NAME", "n" * 41, "give 1 to 40 characters\n  azd env new bridge-test"),
    ],
)
def test_a_value_that_cannot_be_is_told_with_what_can(name: str, value: str, words: str) -> None:
    (problem,) = told(**{name: value})

    assert problem.startswith(f"{name} is ")
    assert words in problem


@pytest.mark.parametrize(
    ("name", "value"),
    [("BRIDGE_RULES_DEPLOY", "True"), ("BRIDGE_RULES_DEPLOY", "0"), ("BRIDGE_DAILY_TELEMETRY_GIGABYTES", "-1")],
)
def test_a_value_that_azd_can_read_is_taken(name: str, value: str) -> None:
    assert told(**{name: value}) == []


@pytest.mark.parametrize("missing", ["BRIDGE_ENTRA_AUDIENCE", "BRIDGE_ALLOWED_CLIENT_IDS"])
def test_tokens_want_what_the_app_wants_with_them(missing: str) -> None:
    (problem,) = told(**{**ENTRA, missing: ""})

    assert problem.startswith(f"{missing} is not set: ")
    assert problem.splitlines()[1].startswith(f"  azd env set {missing} ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BRIDGE_ENTRA_AUDIENCE", "bridge"),
        ("BRIDGE_ALLOWED_CLIENT_IDS", f"{GUID},bridge"),
        ("BRIDGE_SNOWFLAKE_CLIENT_IDS", "bridge"),
        ("BRIDGE_ALLOWED_APP_ROLES", "Bridge Submit"),
    ],
)
def test_what_the_app_would_refuse_is_told_of_the_variable_that_has_it(name: str, value: str) -> None:
    (problem,) = told(**{**ENTRA, name: value})

    assert problem.startswith(f"{name} ")


def test_a_problem_is_told_once_however_many_lists_of_ids_there_are() -> None:
    (problem,) = told(**{**ENTRA, "BRIDGE_SNOWFLAKE_CLIENT_IDS": GUID, "BRIDGE_ENTRA_AUDIENCE": ""})

    assert problem.startswith("BRIDGE_ENTRA_AUDIENCE is not set: ")


def test_a_setting_that_takes_the_place_of_the_templates_is_not_checked(tmp_path: Path) -> None:
    file = edited(tmp_path, moreSettings={"ALLOWED_CLIENT_IDS": GUID})

    assert problems(file, {**LEAST, **ENTRA, "BRIDGE_ALLOWED_CLIENT_IDS": ""}) == []


@pytest.mark.parametrize("is_made", ["true", "1"])
@pytest.mark.parametrize("missing", ["BRIDGE_PUBLISHER_EMAIL", "BRIDGE_ENTRA_AUDIENCE"])
def test_api_management_wants_an_address_and_an_application(missing: str, is_made: str) -> None:
    (problem,) = told(**{**API, "BRIDGE_API_MANAGEMENT": is_made, missing: ""})

    assert problem.startswith(f"{missing} is not set: API Management ")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("commandSenderIds", {"id": GUID}, "is not an array"),
        ("moreSettings", ["A=b"], "is not an object"),
        ("moreSettings", '{"A": ', "is no JSON ("),
        ("moreSettings", "[" * 100_000, "is no JSON ("),
        ("alertEmail", 5, 'is "5": give a text'),
        ("rulesDeploy", 5, 'is "5": give true or false'),
        ("rulesDeploy", ["true"], "is "),
        ("lateSeconds", True, 'is "true": give a whole number'),
        ("workspaceName", None, "is not set"),
    ],
)
def test_what_is_written_into_the_file_is_checked_there(name: str, value: object, words: str, tmp_path: Path) -> None:
    (problem,) = problems(edited(tmp_path, **{name: value}), LEAST)

    assert problem.startswith(f"{name} in infra/main.parameters.json {words}")
    assert "azd env set" not in problem


def test_the_file_may_have_values_of_their_own_type(tmp_path: Path) -> None:
    assert problems(edited(tmp_path, rulesDeploy=True, lateSeconds=60, alertActionGroupIds=["id"]), LEAST) == []


@pytest.mark.parametrize("variables", [{}, {"BRIDGE_AML_WORKSPACE": ""}], ids=["unset", "empty"])
def test_the_files_default_is_as_good_as_a_value(variables: dict[str, str], tmp_path: Path) -> None:
    file = edited(tmp_path, workspaceName="${BRIDGE_AML_WORKSPACE=ws}")

    assert problems(file, {name: value for name, value in LEAST.items() if "WORKSPACE" not in name} | variables) == []


def test_a_list_may_come_from_a_variable(tmp_path: Path) -> None:
    file = edited(tmp_path, commandSenderIds="${BRIDGE_SENDERS=[]}")

    assert problems(file, LEAST) == []
    assert problems(file, {**LEAST, "BRIDGE_SENDERS": f'["{GUID}"]'}) == []
    (problem,) = problems(file, {**LEAST, "BRIDGE_SENDERS": GUID})
    assert problem.startswith("BRIDGE_SENDERS is no JSON (")
    assert problem.endswith("\n  azd env set BRIDGE_SENDERS []")


@pytest.mark.parametrize("text", ["{", "[]", '{"parameters": {"location": "x"}}'])
def test_a_file_that_is_none_of_parameters_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / FILE.name
    file.write_text(text, encoding="utf-8")

    (problem,) = problems(file, LEAST)

    assert problem.startswith("infra/main.parameters.json is no ")


def run_as_azd_does(**variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "infra.check_parameters"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_hook_ends_with_2_after_it_has_told_every_problem_at_once() -> None:
    done = run_as_azd_does(BRIDGE_AUTH_MODE="entra", BRIDGE_API_MANAGEMENT="true", BRIDGE_MAX_INSTANCES="many")

    assert done.returncode == 2
    assert done.stdout == ""
    assert [line.split()[0] for line in done.stderr.splitlines()[1::2]] == [
        *LEAST,
        "BRIDGE_MAX_INSTANCES",
        "BRIDGE_ALLOWED_CLIENT_IDS",
        "BRIDGE_ENTRA_AUDIENCE",
        "BRIDGE_PUBLISHER_EMAIL",
    ]


def test_the_hook_says_nothing_when_all_is_well() -> None:
    done = run_as_azd_does(**LEAST)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
