"""A wrong value is refused before anything is sent, with every other problem and with what would be right."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bridge.deploy import scripts, secrets
from bridge.deploy.apim import policy
from bridge.deploy.rendering import SQL
from bridge.deploy.values import Door, InvalidValues, Values, load, parse
from tests.sql.every_script import ALL_VALUES, KEY_DOORS, KEYLESS_DOORS, SECRETS, values_with

MINIMUM = {
    "database": "ML",
    "doors": ["procedures_key"],
    "tenant_id": ALL_VALUES["tenant_id"],
    "app_identity_id": ALL_VALUES["app_identity_id"],
    "app_host": "my-bridge.azurewebsites.net",
}


def problems_of(data: Mapping[str, Any]) -> list[str]:
    with pytest.raises(InvalidValues) as error:
        parse(data)
    return error.value.problems


def test_the_example_is_right_and_names_every_value() -> None:
    example = SQL / "values.example.yaml"
    text = example.read_text(encoding="utf-8")

    assert load(example).doors == (Door.PROCEDURES_KEY,)
    assert not [name for name in Values.model_json_schema()["properties"] if f"{name}:" not in text]
    assert not [door for door in Door if door not in text]


def test_defaults_in_the_example_are_the_defaults() -> None:
    optional = {field.alias or name: field for name, field in Values.model_fields.items() if not field.is_required()}
    defaults = {name: field.default for name, field in optional.items() if field.default is not None}
    lines = [line.removeprefix("# ") for line in (SQL / "values.example.yaml").read_text(encoding="utf-8").splitlines()]

    shown = yaml.safe_load("\n".join(line for line in lines if line.partition(":")[0] in defaults))

    assert shown == defaults


def test_all_problems_are_told_at_once_each_with_its_fix() -> None:
    problems = problems_of(
        {
            "database": "ML'; DROP DATABASE ML; --",
            "shema": "X",
            "doors": ["procedures_key", "procedures_keyless", "telepathy"],
            "tenant_id": "contoso",
            "app_host": "https://my-bridge.azurewebsites.net",
            "credit_quota": 0,
        }
    )

    found = "\n".join(problems)
    assert 'database: is "ML\'; DROP DATABASE ML; --": give a plain identifier such as ML_BRIDGE' in found
    assert "shema: is no value of this version: use account_script, " in found
    assert "procedures_key and procedures_keyless make the same objects: keep one of them" in found
    assert "doors.2: is 'telepathy': use external_functions, " in found
    assert "tenant_id: is 'contoso': give a GUID" in found
    assert "app_host: is 'https://my-bridge.azurewebsites.net': give a host name" in found
    assert "credit_quota: is 0: Input should be greater than or equal to 1" in found
    assert "client_id: is missing: the door procedures_keyless needs it" in found
    assert "app_identity_id: is missing: 010_account.sql makes the app's user with it" in found


@given(st.sampled_from(sorted(ALL_VALUES)), st.text(alphabet="'\"\\;$<%&\n-/ ab", min_size=1, max_size=20))
def test_no_value_can_leave_its_literal(name: str, text: str) -> None:
    try:
        values = parse({**ALL_VALUES, "doors": list(KEY_DOORS), name: text})
    except InvalidValues:
        return

    accepted = values.model_dump(by_alias=True)[name]
    assert not set(accepted) & set("'\"\\;$<%&\n ")


def test_a_file_that_is_not_there_or_no_yaml_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "values.yaml"
    broken.write_text("database: [", encoding="utf-8")

    with pytest.raises(InvalidValues, match=r"cannot be read: No such file.*copy sql/values\.example\.yaml"):
        load(tmp_path / "nothing.yaml")
    with pytest.raises(InvalidValues, match=r"is not YAML: .*line 1"):
        load(broken)


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_bytes("database: MÜNCHEN".encode("latin-1"))

    with pytest.raises(InvalidValues, match="is not UTF-8 text: byte 11"):
        load(file)


@pytest.mark.parametrize("doors", [[["procedures_key"], {"a": "b"}], "procedures_key", None, [3]])
def test_doors_of_any_form_are_refused_in_words(doors: Any) -> None:
    assert any(problem.startswith("values: doors") for problem in problems_of({**MINIMUM, "doors": doors}))


def test_a_door_asks_for_what_it_needs() -> None:
    assert problems_of({**MINIMUM, "doors": ["service_bus_keyless"]}) == [
        "values: client_id: is missing: the door service_bus_keyless needs it "
        "(Entra application that trusts the Snowflake secret)",
        "values: service_bus_host: is missing: the door service_bus_keyless needs it "
        "(host of the Service Bus namespace)",
    ]
    assert problems_of({**MINIMUM, "doors": ["hand_over"]})[-1].startswith("values: predictions_table: is missing")
    assert "values: doors: hand_over starts its runs by START_RUN: add procedures_key or procedures_keyless" in (
        problems_of({**MINIMUM, "doors": ["hand_over"]})
    )


def test_doors_choose_their_scripts() -> None:
    chosen = scripts.to_deploy(parse(MINIMUM), SECRETS)

    assert "041_procedures_key.sql" in chosen
    assert "085_tasks.sql" in chosen
    assert not [name for name in chosen if name[:3] in {"036", "037", "038", "050", "060", "070", "075", "078", "090"}]


def test_keyless_doors_have_an_identity_and_no_keys() -> None:
    chosen = scripts.to_deploy(values_with(*KEYLESS_DOORS), SECRETS)

    assert "038_secret_identity.sql" in chosen
    assert not [name for name in chosen if name[:3] in {"035", "036", "037"}]
    assert "041_procedures_keyless.sql" in chosen
    assert "041_procedures_key.sql" not in chosen


def test_every_script_belongs_to_some_deployment() -> None:
    both = {name for doors in (KEY_DOORS, KEYLESS_DOORS) for name in scripts.to_deploy(values_with(*doors), SECRETS)}

    assert both == set(scripts.every_script())


def test_without_the_account_script_no_administrator_is_needed() -> None:
    values = parse({**MINIMUM, "account_script": False, "app_identity_id": None})

    assert "010_account.sql" not in scripts.to_deploy(values, {})
    assert scripts.to_tear_down(values, with_ledger=True) == ["teardown.sql", "teardown_ledger.sql"]


def test_a_key_that_is_not_set_leaves_its_secret_alone() -> None:
    chosen = scripts.to_deploy(values_with(*KEY_DOORS), {"send_key": "x"})

    assert [name for name in chosen if name[:3] in {"035", "036", "037"}] == ["036_secret_send_key.sql"]


def test_a_number_stands_for_the_script_that_would_be_run() -> None:
    values = values_with(*KEYLESS_DOORS)

    assert scripts.named(["041", "examples/nightly.sql"], values, {}) == [
        "041_procedures_keyless.sql",
        "examples/nightly.sql",
    ]
    assert scripts.with_context(["041_procedures_keyless.sql"]) == ["020_schema.sql", "041_procedures_keyless.sql"]
    with pytest.raises(scripts.UnknownScript, match="there is no script 050 for these values: use one of 010_account"):
        scripts.named(["050"], values, {})


@pytest.mark.parametrize("key", ["it's", "two words", "short", "line\nbreak", "a" * 513, "<% x %>12345"])
def test_a_key_that_could_leave_its_literal_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(InvalidValues, match="ML_BRIDGE_SEND_KEY: has characters") as error:
        secrets.from_environment({"ML_BRIDGE_SEND_KEY": key})

    assert key not in str(error.value)


def test_keys_as_azure_makes_them_are_taken() -> None:
    key = "hF3l+/Zk0qYc9d-_A=="

    assert secrets.from_environment({"ML_BRIDGE_TOPIC_KEY": key, "ML_BRIDGE_SEND_KEY": ""}) == {"topic_key": key}


@pytest.mark.parametrize("keyless", [False, True])
def test_the_policy_checks_audience_and_application(keyless: bool) -> None:
    text = policy(values_with(*KEY_DOORS), keyless=keyless)

    assert f"<audience>{ALL_VALUES['app_id']}</audience>" in text
    assert f"<value>{ALL_VALUES['snowflake_app_id']}</value>" in text
    assert f"login.microsoftonline.com/{ALL_VALUES['tenant_id']}/" in text
    assert "https://my-bridge.azurewebsites.net/api" in text
    assert "<%" not in text


@pytest.mark.parametrize("keyless", [False, True])
def test_the_policy_lets_a_token_through_only_to_an_app_that_asks_for_it(keyless: bool) -> None:
    text = policy(values_with(*KEY_DOORS), keyless=keyless)
    inbound = ElementTree.fromstring(text).find("inbound")  # noqa: S314 - our own text

    assert inbound is not None
    headers = {str(header.get("name")): header.get("exists-action") for header in inbound.iter("set-header")}
    key = {} if keyless else {"Authorization": "delete", "x-functions-key": "override"}
    assert headers == {"X-MS-CLIENT-PRINCIPAL": "delete", **key}


def test_the_policy_needs_snowflakes_application() -> None:
    with pytest.raises(InvalidValues, match="snowflake_app_id: is missing"):
        policy(values_with(*KEY_DOORS, snowflake_app_id=None))
