"""The doctor against the whole stack: well when all is well, and of each planted fault the cause and the mend."""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.cli.program import main
from bridge.cli.reference import commands
from bridge.doctor.examine import examine
from bridge.doctor.findings import Finding, Status
from bridge.doctor.subject import AppAddress, utc_now
from bridge.local.endpoints import APP_IDENTITY_ID, SERVICE_BUS_ID, WORKSPACE_ID
from bridge.local.processes import ROOT
from bridge.local.stack import Stack
from tests.e2e.conftest import set_queues
from tests.e2e.driver import Driver
from tests.eventually import eventually

#: As an operator's secret would look, in every place that a secret can be in.
CANARY = "c4n4ry-of-the-doctor-0123456789"
#: As docs/laptop.md has them.
QUEUES = (("run-commands", 60, 0), ("run-control", 60, 600), ("run-events", 300, 0), ("inbound-events", 60, 0))
LEDGER = "LAPTOP.ML_BRIDGE"
FAULTS = {Status.WARN, Status.FAIL}
STRANGER = "99999999-0000-0000-0000-000000000009"


@pytest.fixture(scope="module")
def fresh(stack: Stack) -> Iterator[Stack]:
    """The stack as it is after its start, with queues as the cloud has them."""
    stack.reset()
    for queue, lock_seconds, detection_seconds in QUEUES:
        wanted = {"lock_seconds": lock_seconds, "duplicate_detection_seconds": detection_seconds}
        stack.call("service_bus", "PUT", f"/queues/{queue}", {**wanted, "max_delivery_count": 10})
    yield stack
    stack.reset()
    set_queues(stack)


def examined(
    stack: Stack,
    changes: Mapping[str, str | None] | None = None,
    *,
    key: str | None = None,
    principal_id: str = "",
    now: Callable[[], datetime] = utc_now,
) -> list[Finding]:
    """What is found with these settings changed; None leaves one out."""
    wanted = {**stack.settings, **(changes or {})}
    functions = stack.endpoints["functions"]
    examination = examine(
        {name: value for name, value in wanted.items() if value is not None},
        app=AppAddress(url=functions["base_url"], key=key or functions["key"]),
        is_local=True,
        principal_id=principal_id,
        now=now,
    )
    return [finding for _, findings in examination.findings() for finding in findings]


def faults(findings: list[Finding]) -> dict[str, Finding]:
    """What is not well, by its check."""
    return {each.check: each for each in findings if each.status in FAULTS}


def the(findings: list[Finding], check: str, words: str = "") -> Finding:
    """The one fault of this check, or the one that has these words."""
    (found,) = (each for each in findings if each.check == check and words in each.what and each.status in FAULTS)
    return found


def with_pipelines(directory: Path, changes: Mapping[str, str]) -> str:
    """A changed pipelines.yaml."""
    text = (ROOT / "pipelines.yaml").read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file = directory / "pipelines.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


#: What is not well in each of the examinations below, and nothing else.
MISTAKES = {
    "settings": ["settings", "settings", "settings.spelling"],
    "names": ["pipelines.component", "pipelines.compute", "pipelines.inputs", "queues.exist", "queues.exist"],
    "places": ["app.tenant", "snowflake.role", "workspace"],
    "key": ["app.key"],
    "no resource id": [],
    "the app's identity": [],
    "a stranger": ["roles.queues"] * 4 + ["roles.workspace"],
}


@pytest.fixture(scope="module")
def mistaken(fresh: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Finding]]:
    """What is found with wrong settings and files, some at once where they do not hide each other."""
    pipelines = with_pipelines(tmp_path_factory.mktemp("pipelines"), {
        "azureml:churn_scoring:1": "azureml:churn_scoring:9",
        "rows: {type: integer, default: 1000, min: 0, max: 100000000": "rows: {type: boolean, default: false",
        "component: azureml:churn_retraining:1": "component: azureml:churn_retraining:1\n      compute: gpu-cluster",
    })  # fmt: skip
    plants: dict[str, dict[str, str | None]] = {
        "settings": {
            "SNOWFLAKE_DATABASE": None, "SNOWFLAKE_WAREHOSE": "OTHER_WH",
            "RUN_EVENTS_QUEUE": None, "RUN_EVENT_QUEUE": "run-events",
        },
        "names": {
            "PIPELINES_FILE": pipelines, "RUN_EVENTS_QUEUE": "run-event", "ALLOWED_QUEUES": "run-commands,reports",
        },
        "places": {
            "AML_WORKSPACE": "laptop-wss", "SNOWFLAKE_ROLE": "ML_BRIDGE_OWNER",
            "AUTH_MODE": "entra", "ENTRA_TENANT_ID": "12345678-0000-0000-0000-000000000000",
        },
        "no resource id": {"SERVICE_BUS_RESOURCE_ID": None},
    }  # fmt: skip
    not_there = {"status": 404, "code": "ResourceNotFound"}
    fault = fresh.plan_fault("azure_ml", "status", match={"path": "/computes/gpu-cluster"}, params=not_there)
    with ThreadPoolExecutor(3) as at_once:
        found = {name: at_once.submit(examined, fresh, changes) for name, changes in plants.items()}
        found["key"] = at_once.submit(examined, fresh, key="another-key")
        found["the app's identity"] = at_once.submit(examined, fresh, principal_id=APP_IDENTITY_ID)
        found["a stranger"] = at_once.submit(examined, fresh, principal_id=STRANGER)
    assert fresh.fault("azure_ml", fault)["struck"] == 1
    return {name: examination.result() for name, examination in found.items()}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_told_and_nothing_else(mistaken: dict[str, list[Finding]], name: str) -> None:
    findings = mistaken[name]

    assert sorted(each.check for each in findings if each.status in FAULTS) == MISTAKES[name]
    assert all(each.mend for each in findings if each.status in FAULTS)
    assert all(each.cause for each in findings if each.status is Status.SKIPPED)


@pytest.fixture(scope="module")
def endpoints_file(fresh: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("stack") / "endpoints.json"
    file.write_text(json.dumps(fresh.endpoints), encoding="utf-8")
    return file


def test_the_laptop_stack_is_well(
    endpoints_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIDGE_ENDPOINTS", str(endpoints_file))

    code = main(["doctor", "--local", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert [each for each in told["findings"] if each["status"] != "ok"] == []
    assert (code, told["status"], set(told["counts"])) == (0, "ok", {"ok", "warn", "fail", "skipped"})
    assert {each["group"] for each in told["findings"]} == {
        "settings", "files", "identity", "workspace", "pipelines", "roles", "queues", "queue settings", "events",
        "snowflake", "app", "clock",
    }  # fmt: skip


def test_a_missing_setting_is_told_once_and_what_needs_it_is_left_out(mistaken: dict[str, list[Finding]]) -> None:
    found = the(mistaken["settings"], "settings", "SNOWFLAKE_DATABASE")

    assert found.what.startswith("SNOWFLAKE_DATABASE is not set")
    assert found.mend == "python -m bridge.local up --setting SNOWFLAKE_DATABASE=ML"
    skipped = {each.check: each.cause for each in mistaken["settings"] if each.status is Status.SKIPPED}
    assert skipped["snowflake"] == "it needs the setting SNOWFLAKE_DATABASE"
    assert skipped.keys() == {"snowflake", "queues", "queue settings", "events"}


def test_a_misspelt_setting_is_the_cause_of_the_missing_one(mistaken: dict[str, list[Finding]]) -> None:
    found = the(mistaken["settings"], "settings", "RUN_EVENTS_QUEUE")

    assert found.what.startswith("RUN_EVENTS_QUEUE is not set")
    assert "RUN_EVENT_QUEUE is set, which nothing reads" in found.cause
    assert "--setting 'RUN_EVENTS_QUEUE=<value of RUN_EVENT_QUEUE>'" in found.mend


def test_a_setting_that_nothing_reads_is_told_with_the_one_that_was_meant(mistaken: dict[str, list[Finding]]) -> None:
    found = the(mistaken["settings"], "settings.spelling")

    assert (found.what, found.cause) == (
        "SNOWFLAKE_WAREHOSE is set, and nothing reads it",
        "it looks like SNOWFLAKE_WAREHOUSE",
    )


def test_a_queue_that_is_not_there_is_told_with_the_command_that_makes_it(mistaken: dict[str, list[Finding]]) -> None:
    found = the(mistaken["names"], "queues.exist", "run-event")

    assert (found.what, found.cause) == ("Service Bus has no queue run-event", "RUN_EVENTS_QUEUE names it")
    assert found.mend == (
        "az servicebus queue create --resource-group laptop --namespace-name laptop --name run-event "
        "--lock-duration PT5M --max-delivery-count 10 --default-message-time-to-live P14D "
        "--enable-dead-lettering-on-message-expiration true"
    )


def test_a_version_that_is_not_there_is_told_with_those_that_are(mistaken: dict[str, list[Finding]]) -> None:
    found = the(mistaken["names"], "pipelines.component")

    assert found.what == "churn-scoring: laptop-ws has no azureml:churn_scoring:9"
    assert found.cause == "its versions are 1"
    assert found.mend.endswith("at pipelines.churn-scoring.target: component: azureml:churn_scoring:1")


def test_an_input_of_another_type_is_told_with_the_right_one(mistaken: dict[str, list[Finding]]) -> None:
    found = the(mistaken["names"], "pipelines.inputs")

    assert found.what == 'churn-training: input "rows" is boolean here and integer in azureml:churn_training:3'
    assert found.mend.endswith("at pipelines.churn-training.inputs.rows: type: integer")


def test_a_queue_for_callers_that_is_not_there_is_told(mistaken: dict[str, list[Finding]]) -> None:
    found = the(mistaken["names"], "queues.exist", "reports")

    assert (found.what, found.cause) == ("Service Bus has no queue reports", "ALLOWED_QUEUES names it")


def test_without_the_namespaces_id_the_rest_is_looked_at_all_the_same(mistaken: dict[str, list[Finding]]) -> None:
    findings = mistaken["no resource id"]

    (left_out,) = (each for each in findings if each.status is Status.SKIPPED)
    assert left_out.mend.endswith("--setting 'SERVICE_BUS_RESOURCE_ID=<what it prints>'")
    dead = [each.what for each in findings if each.check == "queues.dead-letters"]
    assert dead == [f"{name}: no dead letter waits" for name, _, _ in QUEUES]


def test_a_compute_that_is_not_there_is_told_with_the_command(mistaken: dict[str, list[Finding]]) -> None:
    found = the(mistaken["names"], "pipelines.compute")

    assert found.what == "churn-retraining: laptop-ws has no compute gpu-cluster"
    assert found.mend.startswith("az ml compute create --name gpu-cluster --type AmlCompute ")


def test_a_wrong_workspace_is_told_with_the_right_one(mistaken: dict[str, list[Finding]]) -> None:
    found = the(mistaken["places"], "workspace")

    assert found.what == "there is no workspace laptop-wss in resource group laptop"
    assert found.cause == "AML_WORKSPACE names it; the resource group has laptop-ws"
    assert found.mend == "python -m bridge.local up --setting AML_WORKSPACE=laptop-ws"


def test_a_role_that_the_user_does_not_have_is_told_with_the_grant(mistaken: dict[str, list[Finding]]) -> None:
    found = the(mistaken["places"], "snowflake.role")

    assert found.what == "ML_BRIDGE_APP may not have the role ML_BRIDGE_OWNER"
    assert found.mend == "snow sql --query 'GRANT ROLE ML_BRIDGE_OWNER TO USER ML_BRIDGE_APP'"


def test_a_tenant_without_keys_is_told(mistaken: dict[str, list[Finding]]) -> None:
    found = the(mistaken["places"], "app.tenant")

    assert "Entra has no keys for the tenant 12345678-" in found.what


def test_a_key_that_the_app_does_not_take_is_told(mistaken: dict[str, list[Finding]]) -> None:
    found = the(mistaken["key"], "app.key")

    assert found.what == "the app does not accept BRIDGE_KEY"
    assert "az functionapp keys list" in found.mend


@pytest.fixture(scope="module")
def planted(fresh: Stack) -> list[Finding]:
    """Faults of the services, all at once, each in a place of its own."""
    with Driver(fresh) as driver:
        resources = fresh.call("azure_ml", "GET", "/resources")
        actions = resources["roles"][0]["actions"]
        actions.remove("Microsoft.MachineLearningServices/workspaces/jobs/cancel/action")
        properties = resources["system_topics"][0]["subscriptions"][0]["properties"]
        del properties["deliveryWithResourceIdentity"]["destination"]["properties"]["deliveryAttributeMappings"]
        del properties["deadLetterWithResourceIdentity"]
        properties["filter"]["includedEventTypes"].remove("Microsoft.MachineLearningServices.RunCompleted")
        properties["eventDeliverySchema"] = "CustomInputSchema"
        properties["provisioningState"] = "Failed"
        fresh.call("azure_ml", "PUT", "/resources", resources)
        changed = {"lock_seconds": 30, "duplicate_detection_seconds": 600}
        fresh.call("service_bus", "PUT", "/queues/run-commands", changed)
        _dead_letter(fresh, driver)
        driver.sql("REVOKE INSERT ON TABLE DEAD_LETTERS FROM ROLE ML_BRIDGE_WRITER")
        driver.sql("GRANT DELETE ON TABLE AML_EVENTS TO ROLE ML_BRIDGE_WRITER")
        driver.sql("ALTER TABLE RULE_ACTIONS DROP COLUMN CORRELATION_ID")
        try:
            return examined(fresh)
        finally:
            driver.sql("ALTER TABLE RULE_ACTIONS ADD COLUMN CORRELATION_ID VARCHAR")
            driver.sql("REVOKE DELETE ON TABLE AML_EVENTS FROM ROLE ML_BRIDGE_WRITER")
            driver.sql("GRANT INSERT ON TABLE DEAD_LETTERS TO ROLE ML_BRIDGE_WRITER")
            fresh.call(
                "service_bus", "PUT", "/queues/run-commands", {"lock_seconds": 60, "duplicate_detection_seconds": 0}
            )
            fresh.reset()


def _dead_letter(stack: Stack, driver: Driver) -> None:
    """What the app gives back once too often."""
    stack.call("service_bus", "PUT", "/queues/run-events", {"max_delivery_count": 1})
    fault = stack.plan_fault("functions", "abandon", match={"function": "record"})
    driver.post_to_queue("run-events", {"of": "nobody"}, "dead-on-purpose")
    eventually(lambda: stack.call("service_bus", "GET", "/queues")["run-events"]["dead"] == 1)
    assert stack.fault("functions", fault)["struck"] == 1
    stack.call("service_bus", "PUT", "/queues/run-events", {"max_delivery_count": 10})


def test_each_planted_fault_is_told_and_nothing_else(planted: list[Finding]) -> None:
    told = sorted((each.check, str(each.status)) for each in planted if each.status is not Status.OK)

    assert told == [
        ("events.dead-letters", "warn"),
        ("events.door", "fail"),
        ("events.schema", "fail"),
        ("events.state", "fail"),
        ("events.types", "warn"),
        ("queues.dead-letters", "warn"),
        ("queues.settings", "fail"),
        ("queues.settings", "fail"),
        ("roles.workspace", "fail"),
        ("snowflake.excess", "warn"),
        ("snowflake.grants", "fail"),
        ("snowflake.tables", "fail"),
    ]


def test_a_missing_permission_is_told_with_the_role_to_mend(planted: list[Finding]) -> None:
    found = faults(planted)["roles.workspace"]

    assert found.what == "laptop-ws: the app's identity may not do 1 of 18 things that the app does"
    assert found.cause == "no role allows jobs/cancel/action"
    define, assign = found.mend.splitlines()
    assert define.startswith("az role definition update --role-definition examples/azure/azureml_role.json    # ")
    assert define.endswith(WORKSPACE_ID.partition("/providers/")[0])
    assert f"--assignee-object-id {APP_IDENTITY_ID}" in assign
    assert f"--role 'Bridge AML Submitter' --scope {WORKSPACE_ID}" in assign


def test_a_subscription_without_its_door_is_told_with_the_command(planted: list[Finding]) -> None:
    found = faults(planted)["events.door"]

    assert found.what == "subscription bridge of aml-events has no bridge_door"
    assert found.mend == (
        "az eventgrid system-topic event-subscription update --name bridge --resource-group laptop "
        "--system-topic-name aml-events --delivery-attribute-mapping bridge_door static workspace false"
    )


def test_a_subscription_that_leaves_out_events_or_drops_them_is_told(planted: list[Finding]) -> None:
    types, dead = faults(planted)["events.types"], faults(planted)["events.dead-letters"]

    assert types.what == "subscription bridge of aml-events leaves out RunCompleted"
    assert "Microsoft.MachineLearningServices.RunCompleted" in types.mend
    assert "--deadletter-endpoint" in dead.mend
    assert faults(planted)["events.schema"].what.endswith("delivers in the schema CustomInputSchema")


def test_a_queue_that_is_set_otherwise_is_told_with_the_command(planted: list[Finding]) -> None:
    lock, duplicates = (each for each in planted if each.check == "queues.settings" and each.status is Status.FAIL)

    assert lock.what == "run-commands: its lock is PT30S, not PT1M"
    assert lock.mend == (
        "az servicebus queue update --resource-group laptop --namespace-name laptop --name run-commands "
        "--lock-duration PT1M"
    )
    assert duplicates.what == "run-commands: duplicate detection is on, not off"
    assert duplicates.mend.splitlines()[0].startswith("az servicebus queue delete ")
    assert duplicates.mend.splitlines()[1].startswith("az servicebus queue create ")


def test_a_dead_letter_that_nobody_takes_is_told_with_its_replay(planted: list[Finding]) -> None:
    found = faults(planted)["queues.dead-letters"]

    assert found.what == "run-events: 1 dead letter waits"
    assert found.mend == "python -m bridge dead-letters replay --broker run-events --all --local"


def test_a_missing_grant_is_told_with_the_statement(planted: list[Finding]) -> None:
    found = faults(planted)["snowflake.grants"]

    assert found.what == f"ML_BRIDGE_WRITER has no INSERT on table {LEDGER}.DEAD_LETTERS"
    assert found.mend == (f"snow sql --query 'GRANT INSERT ON TABLE {LEDGER}.DEAD_LETTERS TO ROLE ML_BRIDGE_WRITER'")


def test_a_grant_too_many_is_told_with_the_statement(planted: list[Finding]) -> None:
    found = faults(planted)["snowflake.excess"]

    assert found.mend == f"snow sql --query 'REVOKE DELETE ON TABLE {LEDGER}.AML_EVENTS FROM ROLE ML_BRIDGE_WRITER'"


def test_a_missing_column_is_told_with_its_migration(planted: list[Finding]) -> None:
    found = faults(planted)["snowflake.tables"]

    assert (found.what, found.cause) == (
        "RULE_ACTIONS lacks CORRELATION_ID",
        "not run here: sql/migrations/V003__rules.sql",
    )
    assert found.mend == ("python -m bridge sql deploy --values values.yaml --only migrations/V003__rules.sql")


@pytest.fixture(scope="module")
def planted_otherwise(fresh: Stack) -> list[Finding]:
    """Faults that hide those above."""
    resources = fresh.call("azure_ml", "GET", "/resources")
    fresh.call("azure_ml", "PUT", "/resources", {**resources, "system_topics": []})
    fresh.call("azure_ml", "POST", "/skew", {"seconds": 90})
    fresh.plan_fault("snowflake", "login_refused", times=None)
    try:
        return examined(fresh)
    finally:
        fresh.reset()


def test_other_planted_faults_are_told_and_nothing_else(planted_otherwise: list[Finding]) -> None:
    assert faults(planted_otherwise).keys() == {"events.subscription", "snowflake.login", "clock"}


def test_a_missing_subscription_is_told_with_the_template_that_makes_it(planted_otherwise: list[Finding]) -> None:
    found = faults(planted_otherwise)["events.subscription"]

    assert found.what == "events of laptop-ws go nowhere"
    assert found.mend == (
        "az deployment group create --resource-group laptop --template-file infra/workspace_events.bicep --parameters "
        "workspaceName=laptop-ws bridgeResourceGroup=laptop serviceBusNamespace=laptop 'storageAccount=<of the app>'"
    )


def test_a_refused_login_is_told_in_the_words_of_snowflake(planted_otherwise: list[Finding]) -> None:
    found = faults(planted_otherwise)["snowflake.login"]

    assert found.what == "Snowflake refuses the login of ML_BRIDGE_APP by SNOWFLAKE"
    assert "Incorrect username or password was specified." in found.cause
    assert found.mend == "python -m bridge.local up --setting 'SNOWFLAKE_PASSWORD=***'"


def test_a_clock_that_goes_wrong_is_told_before_it_matters(planted_otherwise: list[Finding]) -> None:
    found = faults(planted_otherwise)["clock"]

    assert found.status is Status.WARN
    assert re.fullmatch(r"this machine's clock is (89|90|91) s behind that of Azure", found.what)


def test_a_clock_by_which_tokens_are_refused_fails(fresh: Stack) -> None:
    findings = examined(fresh, now=lambda: datetime.now(UTC) + timedelta(seconds=400))

    clocks = [each for each in findings if each.check == "clock"]
    assert [each.status for each in clocks] == [Status.FAIL, Status.FAIL]
    assert all("ahead of that of" in each.what for each in clocks)
    assert faults(findings).keys() == {"clock"}


def test_the_roles_of_another_identity_are_looked_at_when_it_is_named(mistaken: dict[str, list[Finding]]) -> None:
    own, others = mistaken["the app's identity"], mistaken["a stranger"]

    assert next(each.what for each in own if each.check == "roles.queues").endswith("may send and receive")
    assert faults(others)["roles.workspace"].mend.startswith(
        f"az role assignment create --assignee-object-id {STRANGER}"
    )
    assert f"--scope {SERVICE_BUS_ID}/queues/run-commands" in "".join(each.mend for each in others)


def test_an_app_in_azure_is_looked_at_with_the_settings_that_it_has_there(
    fresh: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    resources = fresh.call("azure_ml", "GET", "/resources")
    reference = "@Microsoft.KeyVault(SecretUri=https://laptop.vault.azure.net/secrets/snowflake)"
    deployed = {"SNOWFLAKE_PASSWORD": reference, "PIPELINES_FILE": "/home/site/wwwroot/pipelines.yaml"}
    resources["sites"][0]["settings"] |= deployed
    resources["sites"][0]["host"] = ""
    fresh.call("azure_ml", "PUT", "/resources", resources)
    monkeypatch.setenv("AML_ENDPOINT", fresh.settings["AML_ENDPOINT"])

    code = main(["doctor", "--app", "laptop", "--resource-group", "laptop", "--json"])

    fresh.call("azure_ml", "POST", "/reset", {})
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert code == 0
    assert [each["what"] for each in findings if each["status"] in {"warn", "fail"}] == []
    assert {each["what"]: each["cause"] for each in findings if each["status"] == "skipped"} == {
        "the value of SNOWFLAKE_PASSWORD is in Key Vault": "only the app can read it",
        "snowflake: not looked at": "it needs the setting SNOWFLAKE_PASSWORD",
        "the app: not looked at": "its address is not known: set BRIDGE_URL, and BRIDGE_KEY or BRIDGE_TOKEN",
    }
    assert [each["status"] for each in findings if each["check"] == "roles.queues"] == ["ok"] * 4


def test_an_app_that_is_not_there_is_told(
    fresh: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AML_ENDPOINT", fresh.settings["AML_ENDPOINT"])

    assert main(["doctor", "--app", "laptopp", "--resource-group", "laptop"]) == 1

    assert "there is no function app laptopp in a resource group laptop" in capsys.readouterr().err


def test_what_the_identity_may_not_read_is_left_out_and_no_fault(fresh: Stack) -> None:
    refused = {"status": 403, "code": "AuthorizationFailed", "message": "does not have authorization"}
    places = ("/systemTopics", "/Microsoft.Authorization/", "/Microsoft.ServiceBus/")
    planned = [
        fresh.plan_fault("azure_ml", "status", times=None, match={"path": each}, params=refused) for each in places
    ]

    findings = examined(fresh)

    assert all(fresh.fault("azure_ml", each)["struck"] for each in planned)
    fresh.call("azure_ml", "DELETE", "/faults")
    assert not faults(findings)
    left_out = [each for each in findings if each.status is Status.SKIPPED]
    assert {each.check for each in left_out} == {"events.subscription", "roles.workspace", "queues.settings"}
    assert all("does not have authorization" in each.cause and each.mend for each in left_out)


def test_commands_of_our_own_are_such_as_the_program_takes(
    planted: list[Finding], mistaken: dict[str, list[Finding]]
) -> None:
    every = [*planted, *(each for findings in mistaken.values() for each in findings)]
    ours = [line for each in every for line in each.mend.splitlines() if line.startswith("python -m bridge ")]
    known = dict(commands())

    assert {line.split()[3] for line in ours} == {"dead-letters", "sql"}
    for line in ours:
        words = shlex.split(line, comments=True)[3:]
        known[" ".join(words[:2])].make_context(words[1], words[2:])


def test_no_secret_is_shown(fresh: Stack) -> None:
    connection = fresh.settings["ServiceBusConnection"].replace("SAS_KEY_VALUE", CANARY)
    secrets = {"SNOWFLAKE_PASSWORD": CANARY, "EVENT_GRID_TOPIC_KEY": CANARY, "ServiceBusConnection": connection}
    fault = fresh.plan_fault(
        "azure_ml", "status", match={"path": "systemTopics"}, params={"status": 400, "message": f"you sent {CANARY}"}
    )

    findings = examined(fresh, secrets, key=CANARY)

    assert fresh.fault("azure_ml", fault)["struck"] == 1
    assert {"queues.access", "app.key"} <= faults(findings).keys()
    assert CANARY not in repr(findings)
    assert "eyJ" not in repr(findings)
