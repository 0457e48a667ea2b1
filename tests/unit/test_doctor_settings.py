"""What the doctor makes of settings: each problem has a mend, and only what is misspelt is told as misspelt."""

from pathlib import Path

import pytest

from bridge.doctor.findings import Status
from bridge.doctor.mends import Mends
from bridge.doctor.setting_checks import check_settings, examples, known_settings, misspelt
from bridge.doctor.subject import setting_of
from bridge.settings.app_settings import Settings
from tests.unit.doctor_subject import subject_of

#: What platforms and tools put into an environment.
PLATFORM = (
    "PATH", "HOME", "WEBSITE_SITE_NAME", "FUNCTIONS_EXTENSION_VERSION", "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AzureWebJobsStorage__accountName", "ServiceBusConnection__credential", "ServiceBusConnection__clientId",
    "SNOWFLAKE_HOME", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "NOTIFY_ML_TEAM_URL", "NOTIFY_SOCKET",
    "AzureFunctionsJobHost__extensions__serviceBus__maxBatchWaitTime",
)  # fmt: skip


@pytest.mark.parametrize("name", PLATFORM)
def test_what_belongs_to_others_is_not_misspelt(name: str) -> None:
    assert misspelt({name: "x"}) == {}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("AML_WORKSPCE", "AML_WORKSPACE"),
        ("aml_workspace", "AML_WORKSPACE"),
        ("SNOWFLAKE_ACOUNT", "SNOWFLAKE_ACCOUNT"),
        ("NOTIFY_ML_TEAM_UR", "NOTIFY_ML_TEAM_URL"),
        ("ServiceBusConnection_fullyQualifiedNamespace", "ServiceBusConnection__fullyQualifiedNamespace"),
    ],
)
def test_a_name_that_is_nearly_right_is_misspelt(name: str, meant: str) -> None:
    assert misspelt({name: "x"}) == {name: meant}


def test_a_name_beside_the_right_one_is_not_misspelt() -> None:
    assert misspelt({"ALLOWED_TOPIC": "x", "ALLOWED_TOPICS": "y"}) == {}


def test_every_problem_begins_with_its_setting() -> None:
    wrong = dict.fromkeys(known_settings(), "¿ not this ?") | {"AUTH_MODE": "entra", "NOTIFY_OPS_KIND": "x"}

    for environ in ({}, wrong):
        for problem in Settings.with_problems(environ)[1]:
            assert setting_of(problem) in known_settings() | {"NOTIFY_OPS_URL", "NOTIFY_OPS_KIND", "NOTIFY_OPS_SECRET"}


def test_every_problem_has_a_mend_and_an_invented_value_is_not_offered_as_one() -> None:
    findings = list(check_settings(subject_of({"BRIDGE_NAME": "bridge"})))

    assert {each.status for each in findings} == {Status.FAIL}
    assert all(each.mend for each in findings)
    mends = {setting_of(each.what): each.mend for each in findings}
    assert mends["RUN_EVENTS_QUEUE"].endswith("--settings RUN_EVENTS_QUEUE=run-events")
    assert mends["AML_WORKSPACE"].endswith("'AML_WORKSPACE=<such as my-workspace>'")


def test_the_value_of_a_misspelt_setting_is_not_shown_because_it_may_be_a_secret() -> None:
    secret = "a-key-that-nobody-may-see"
    environ = {"SNOWFLAKE_AUTHENTICATOR": "OAUTH", "SNOWFLAKE_TOKN": secret, "SNOWFLAKE_PASWORD": secret}

    findings = list(check_settings(subject_of(environ)))

    assert "SNOWFLAKE_TOKN is set" in repr(findings)
    assert "SNOWFLAKE_PASWORD is set" in repr(findings)
    assert secret not in repr(findings)


def test_where_there_is_no_setting_at_all_one_finding_is_enough() -> None:
    (found,) = check_settings(subject_of({"PATH": "/bin", "BRIDGE_URL": "https://my-app.azurewebsites.net"}))

    assert found.what == "none of the app's settings are here"


def test_what_must_not_be_set_is_taken_away() -> None:
    environ = {**examples(), "AML_ENDPOINT": "https://management.azure.com"}

    (found,) = (each for each in check_settings(subject_of(environ)) if each.status is Status.FAIL)

    assert found.mend.startswith("az functionapp config appsettings delete ")
    assert found.mend.endswith("--setting-names AML_ENDPOINT")


def test_a_setting_is_mended_where_the_deployment_keeps_it() -> None:
    of_app = Mends(app="my-app", app_group="my-group").set_setting("A", "b c")
    of_file = Mends(settings_file=Path("local.settings.json")).set_setting("A", 'b"c')

    assert of_app == "az functionapp config appsettings set --name my-app --resource-group my-group --settings 'A=b c'"
    assert of_file == 'in local.settings.json, under "Values": "A": "b\\"c"'
    assert Mends(is_local=True).wake("try again") == "python -m bridge.local up"
    assert Mends(app="my-app").wake("try again") == "try again"
    assert Mends(is_local=True).set_setting("A", "b") == "python -m bridge.local up --setting A=b"


def test_a_command_of_our_own_finds_the_settings_where_the_doctor_did() -> None:
    words = ("dead-letters", "list", "--broker")

    assert Mends(is_local=True).own_command(*words) == "python -m bridge dead-letters list --broker --local"
    assert Mends(settings_file=Path("my file.json")).own_command(*words).endswith("--broker --settings 'my file.json'")
    assert Mends().own_command(*words) == "python -m bridge dead-letters list --broker"
