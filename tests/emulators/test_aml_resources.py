"""What the management API shows besides the workspace: roles, who has them, system topics, and the time."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.emulators.aml_service import GROUP, SCOPE, SUBSCRIPTION, AmlService

PRINCIPAL, STRANGER = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
RESOURCE_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
VERSION = {"api-version": "2022-04-01"}
MAPPING = {"name": "bridge_door", "type": "Static", "properties": {"value": "workspace", "isSecret": False}}
SUBSCRIPTION_PROPERTIES = {
    "destination": {"endpointType": "ServiceBusQueue", "properties": {"deliveryAttributeMappings": [MAPPING]}}
}
RESOURCES = {
    "roles": [
        {"name": "Reader of jobs", "actions": ["Microsoft.MachineLearningServices/workspaces/jobs/read"]},
        {"name": "Sender", "dataActions": ["Microsoft.ServiceBus/*/send/action"]},
    ],
    "assignments": [
        {"role": "Reader of jobs", "principal": PRINCIPAL, "scope": RESOURCE_GROUP},
        {"role": "Sender", "principal": PRINCIPAL, "scope": f"{SCOPE}-other"},
        {"role": "Sender", "principal": STRANGER, "scope": SCOPE},
    ],
    "system_topics": [
        {"name": "aml", "source": SCOPE, "subscriptions": [{"name": "own", "properties": SUBSCRIPTION_PROPERTIES}]}
    ],
}


@pytest.fixture(scope="module")
def aml(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AmlService]:
    file: Path = tmp_path_factory.mktemp("aml") / "resources.json"
    file.write_text(json.dumps(RESOURCES), encoding="utf-8")
    with AmlService("--resources", str(file)) as service:
        yield service


def shown(aml: AmlService, path: str, principal: str = PRINCIPAL, **parameters: str) -> Any:
    token = jwt.encode({"oid": principal}, "nobody checks it, whatever it is", "HS256")
    answer = aml.http.get(path, params={**VERSION, **parameters}, headers={"Authorization": f"Bearer {token}"})
    answer.raise_for_status()
    return answer.json()["value"]


def test_permissions_are_those_of_who_asks_at_the_scope_and_above(aml: AmlService) -> None:
    path = f"{SCOPE}/providers/Microsoft.Authorization/permissions"

    (own,) = shown(aml, path)
    (others,) = shown(aml, path, STRANGER)

    assert own["actions"] == ["Microsoft.MachineLearningServices/workspaces/jobs/read"]
    assert others["dataActions"] == ["Microsoft.ServiceBus/*/send/action"]


def test_assignments_of_another_lead_to_their_definitions(aml: AmlService) -> None:
    path = f"{SCOPE}/providers/Microsoft.Authorization/roleAssignments"

    (found,) = shown(aml, path, **{"$filter": f"atScope() and assignedTo('{STRANGER}')"})

    definition = aml.http.get(found["properties"]["roleDefinitionId"], params=VERSION).json()
    assert definition["properties"]["roleName"] == "Sender"
    listed = shown(
        aml, f"{SCOPE}/providers/Microsoft.Authorization/roleDefinitions", **{"$filter": "roleName eq 'Sender'"}
    )
    assert [each["id"] for each in listed] == [definition["id"]]


def test_a_system_topic_is_found_by_its_source_with_what_it_delivers(aml: AmlService) -> None:
    (topic,) = shown(aml, f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.EventGrid/systemTopics")
    (subscription,) = shown(aml, f"{topic['id']}/eventSubscriptions")
    attributes = aml.http.post(f"{subscription['id']}/getDeliveryAttributes", params=VERSION).json()

    assert topic["properties"]["source"] == SCOPE
    assert subscription["properties"]["destination"] == SUBSCRIPTION_PROPERTIES["destination"]
    assert attributes["value"] == [MAPPING]


def test_resources_may_be_changed_and_a_reset_brings_them_back(aml: AmlService) -> None:
    aml.control.put("/resources", json={**RESOURCES, "system_topics": []}).raise_for_status()
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.EventGrid/systemTopics"
    assert shown(aml, path) == []

    aml.begin()

    assert len(shown(aml, path)) == 1


def test_the_group_has_one_workspace_and_no_other(aml: AmlService) -> None:
    (workspace,) = shown(aml, SCOPE.rpartition("/")[0])

    assert workspace["id"] == SCOPE
    assert aml.http.get(f"{SCOPE}2", params=VERSION).json()["error"]["code"] == "ResourceNotFound"


def test_answers_say_what_time_it_is_even_when_it_is_wrong(aml: AmlService) -> None:
    aml.tell("/skew", seconds=3600)

    answer = aml.http.get(SCOPE, params=VERSION)
    aml.tell("/skew", seconds=0)

    ahead = parsedate_to_datetime(answer.headers["Date"]) - datetime.now(UTC)
    assert 3500 < ahead.total_seconds() < 3700
    assert len(answer.headers.get_list("Date")) == 1


def test_an_app_is_shown_with_its_identity_and_its_settings(aml: AmlService) -> None:
    app = f"{RESOURCE_GROUP}/providers/Microsoft.Web/sites/app"
    site = {"id": app, "host": "app.test", "identity": {"principalId": PRINCIPAL}, "settings": {"A": "1"}}
    aml.control.put("/resources", json={**RESOURCES, "sites": [site]}).raise_for_status()

    shown_site = aml.http.get(app, params=VERSION).json()
    settings = aml.http.post(f"{app}/config/appsettings/list", params=VERSION).json()

    assert shown_site["properties"]["defaultHostName"] == "app.test"
    assert shown_site["identity"]["principalId"] == PRINCIPAL
    assert settings["properties"] == {"A": "1"}
    assert [each["subscriptionId"] for each in shown(aml, "/subscriptions")] == [SUBSCRIPTION]
    assert aml.http.get(f"{app}2", params=VERSION).status_code == 404
    aml.begin()
