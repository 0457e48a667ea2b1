"""A queue, a setting, a role renamed on one side only: the check of consistency says so."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.infra.bicep import read
from tests.infra.bicep_types import problems as type_problems
from tests.infra.consistency import INFRA, App, Documented, problems, the_app


@pytest.fixture(scope="module")
def app() -> App:
    return the_app()


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A copy of the templates, in a tree that has the files that they load."""
    for folder in ("infra", "sql/apim", "examples/azure"):
        shutil.copytree(INFRA.parent / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "infra"


def change(folder: Path, file: str, right: str, wrong: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong), encoding="utf-8")


def test_the_copy_itself_is_right(changed: Path, app: App) -> None:
    assert problems(changed, app) == []


@pytest.mark.parametrize(
    ("file", "right", "wrong", "told"),
    [
        # Queues
        ("service_bus.bicep", "'run-control': {", "'run-controls': {", "queue run-controls is in service_bus.bicep"),
        ("function_app.bicep", "RUN_EVENTS_QUEUE: 'run-events'", "RUN_EVENTS_QUEUE: 'events'", "the queue 'events'"),
        ("function_app.bicep", "RUN_EVENTS_QUEUE: 'run-events'", "RUN_EVENTS_QUEUE: 'run-control'", "RUN_EVENTS_QUEUE"),
        ("event_roles.bicep", "name: 'inbound-events'", "name: 'inbound'", "there is no queue inbound"),
        ("alerts.bicep", "'run-events': 2000", "'run-rows': 2000", "queue run-rows is in the backlog alerts"),
        ("alerts.bicep", "values: [ 'run-events' ]", "values: [ 'run-rows' ]", "queue run-rows is in the dead letter"),
        ("service_bus.bicep", "'run-events': { lock: 'PT5M'", "'run-events': { lock: 'PT1M'", "lockDuration is 'PT1M'"),
        ("service_bus.bicep", "maxDeliveryCount: 10", "maxDeliveryCount: 3", "maxDeliveryCount is 3"),
        ("service_bus.bicep", "'P14D'", "'P7D'", "defaultMessageTimeToLive is 'P7D'"),
        ("service_bus.bicep", "    requiresSession: false\n", "", "RequiresSession is in the app"),
        # Containers
        ("main.bicep", "containerName: 'dead-events'", "containerName: 'dead'", "container dead is in what is made"),
        ("main.bicep", "blobEndpoint}app-package'", "blobEndpoint}package'", "container package is in what is written"),
        ("door_topic.bicep", "string = 'dead-events'", "string = 'dead'", "container dead is in what is written"),
        # Settings
        ("function_app.bicep", "SWEEP_DAYS:", "SWEEP_DAY:", "setting SWEEP_DAY is in function_app.bicep, and nothing"),
        ("function_app.bicep", "SWEEP_DAYS:", "SWEEP_DAY:", "setting SWEEP_DAYS is the app's"),
        ("function_app.bicep", "RETRY_TRIES: '200'", "RETRY_TRIES: '20'", "setting RETRY_TRIES is '20'"),
        (
            "function_app.bicep",
            "  ALLOWED_TOPICS: ''\n",
            "  EVENT_GRID_TOPIC_KEY: ''\n",
            "EVENT_GRID_TOPIC_KEY is not for",
        ),
        # Roles
        (
            "role_ids.json",
            "serviceBusDataSender",
            "serviceBusSender",
            "role serviceBusDataSender is not in role_ids.json",
        ),
        ("role_ids.json", "69a216fc", "69a216fd", "is 69a216fc-b8fb-44d8-bc22-1f3c2cd27a39 in docs/deploy.md"),
        (
            "roles.bicep",
            "storageBlobDataOwner",
            "storageBlobDataContributor",
            "storageBlobDataOwner is given by roles.bicep, says",
        ),
        ("key_vault.bicep", "roles.keyVaultSecretsUser)", "'4633458b-17de-408a-b874-0445c86b69e6')", "belongs into"),
        # The templates themselves
        (
            "main.bicep",
            "insightsName: monitoring.outputs",
            "insightName: monitoring.outputs",
            "has no parameter insightName",
        ),
        (
            "workspace_events.bicep",
            "  location: location\n",
            "  location: workspace.location\n",
            "location is known too late",
        ),
        (
            "roles.bicep",
            "guid(namespace.id, principalId,",
            "guid(insights.properties.AppId,",
            "mayCount: name is known",
        ),
        ("main.bicep", "name: 'identity'", "name: vault.outputs.name", "identity: name is known too late"),
        ("main.bicep", "    rulesDeploy: rulesDeploy\n", "", "workspace_role.bicep is not given rulesDeploy"),
        (
            "main.bicep",
            "serviceBus.outputs.host",
            "serviceBus.outputs.hostName",
            "service_bus.bicep has no output hostName",
        ),
        (
            "main.bicep",
            "param lateSeconds int",
            "param lateSeconds string",
            "wants lateSeconds as int, and gets lateSeconds",
        ),
        ("roles.bicep", "param queueNames array", "param queueNames object", "as array"),
        ("main.bicep", "alertEmail\n    actionGroupIds: alert", "5\n    actionGroupIds: alert", "gets 5 as int"),
        ("main.bicep", "'storage.bicep'", "'storages.bicep'", "there is no storages.bicep"),
        ("main.bicep", "location: location", "location: region", "main.bicep: region is not declared"),
        ("main.bicep", "param lateSeconds int = 900", "param lateSeconds int = 90", "parameter lateSeconds"),
        ("main.parameters.json", "${BRIDGE_SNOWFLAKE_USER=", "${SNOWFLAKE_USER=", "parameter snowflakeUser is"),
        ("main.parameters.json", '"bridgeName"', '"bridge"', "parameter bridge is in main.parameters.json"),
        (
            "workspace_role.bicep",
            "azureml_role.json",
            "aml_role.json",
            "there is no file ../examples/azure/aml_role.json",
        ),
        ("identity.bicep", "location: location\n", "location: (location\n", "does not parse"),
    ],
)
def test_a_change_in_the_templates_alone_is_found(  # noqa: PLR0917
    file: str, right: str, wrong: str, told: str, changed: Path, app: App
) -> None:
    change(changed, file, right, wrong)

    assert [problem for problem in problems(changed, app) if told in problem]


def test_a_queue_renamed_in_the_app_alone_is_found(app: App) -> None:
    queues = {{"run-control": "run-checks"}.get(name, name): properties for name, properties in app.queues.items()}

    found = problems(INFRA, replace(app, queues=queues))

    assert "queue run-checks is in the app, not in service_bus.bicep" in found


def test_a_setting_renamed_in_the_app_alone_is_found(app: App) -> None:
    settings = app.settings - {"SWEEP_DAYS"} | {"SWEEP_PERIOD"}

    found = problems(INFRA, replace(app, settings=settings))

    assert "setting SWEEP_PERIOD is the app's, not in function_app.bicep" in found
    assert "setting SWEEP_DAYS is in function_app.bicep, and nothing reads it" in found


def test_a_role_changed_in_the_docs_alone_is_found(app: App) -> None:
    sender = next(each for each in app.roles if each.role == "Azure Service Bus Data Sender")
    wrong = Documented(role="Azure Service Bus Data Owner", id=sender.id, file=sender.file)

    found = problems(INFRA, replace(app, roles=tuple(wrong if each == sender else each for each in app.roles)))

    assert "role serviceBusDataOwner is given by roles.bicep, says docs/deploy.md, and is not" in found
    assert "role serviceBusDataSender is given by roles.bicep, which docs/deploy.md does not say" in found


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("workspace_events.bicep", "deliveryAttributeMappings", "deliveryAttributesMapping"),
        ("workspace_events.bicep", "systemTopics@2025-02-15", "systemTopics@2025-02-16"),
        ("workspace_events.bicep", "type: 'Static'", "type: 'static'"),
        ("workspace_events.bicep", "operatorType: 'StringNotIn'", "operatorType: 'NotIn'"),
        ("workspace_events.bicep", "maxDeliveryAttempts: 30", "maxDeliveryAttempts: '30'"),
        ("workspace_events.bicep", "isSecret: false", "isSecret: 'no'"),
        ("workspace_events.bicep", "  location: location\n", ""),
        ("service_bus.bicep", "maxDeliveryCount: 10", "maxDeliveryCount: '10'"),
        ("service_bus.bicep", "rights: [ 'Send' ]", "rights: [ 'send' ]"),
        ("function_app.bicep", "maximumInstanceCount", "maxInstanceCount"),
        ("function_app.bicep", "name: 'python'", "name: 'Python'"),
        ("alerts.bicep", "timeAggregation: 'Count'", "timeAggregation: 'Sum'"),
        ("alerts.bicep", "metricName: 'ActiveMessages'", "metric: 'ActiveMessages'"),
        ("alerts.bicep", "SingleResourceMultipleMetricCriteria", "SingleResourceMetricCriteria"),
        ("api_management.bicep", "format: 'openapi+json'", "format: 'openapi-json'"),
        ("api_management.bicep", "    path: 'bridge'\n", ""),
        ("key_vault.bicep", "enableRbacAuthorization", "enableRBACAuthorization"),
        ("storage.bicep", "'TLS1_2'", "'TLS1.2'"),
    ],
)
def test_a_mistake_in_a_type_is_found(file: str, right: str, wrong: str, changed: Path) -> None:
    change(changed, file, right, wrong)

    assert [problem for each in read(changed / file).resources for problem in type_problems(each)]
