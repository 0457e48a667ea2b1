"""Settings: told whole, and the same everywhere they are written down."""

import json
import re
from pathlib import Path

import pytest

from bridge.bootstrap import App
from bridge.domain.errors import ConfigurationError
from bridge.local.endpoints import Ports, app_settings
from bridge.settings.app_settings import Settings
from bridge.settings.function_keys import read_function_keys
from bridge.settings.reader import Secret
from bridge.settings.secrets import secret_values

ROOT = Path(__file__).parents[2]
TENANT, APP = "11111111-aaaa-1111-1111-111111111111", "22222222-BBBB-2222-2222-222222222222"
#: A service principal, and what Snowflake sets for a service.
APPLICATION = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": APP, "AZURE_CLIENT_SECRET": "client~secret"}
SERVICE = {
    "SNOWFLAKE_AUTHENTICATOR": "OAUTH",
    "SNOWFLAKE_TOKEN_FILE": __file__,
    "SNOWFLAKE_HOST": "a.snowflakecomputing.com",
}
ENTRA = {"AUTH_MODE": "entra", "ENTRA_TENANT_ID": TENANT, "ENTRA_AUDIENCE": APP, "ALLOWED_CLIENT_IDS": APP}


@pytest.fixture
def environ() -> dict[str, str]:
    values: dict[str, str] = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]
    return values


def test_the_example_is_valid(environ: dict[str, str]) -> None:
    settings = Settings.from_environ(environ)

    assert settings.workspace == "my-workspace"


def test_the_triggers_use_only_settings_of_the_example(environ: dict[str, str]) -> None:
    source = (ROOT / "function_app.py").read_text()

    assert set(re.findall(r"%(\w+)%", source)) <= set(environ)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ({"RETRY_TRIES": "many", "AUTH_MODE": "magic", "AML_ENDPOINT": "http://example.com:1"})

    text = str(caught.value)
    for name in ("AML_WORKSPACE", "SNOWFLAKE_ACCOUNT", "RUN_EVENTS_QUEUE", "RETRY_TRIES", "AUTH_MODE", "AML_ENDPOINT"):
        assert name in text


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"AML_ENDPOINT": "https://evil.example:443"}, "emulators on this machine only"),
        ({"SNOWFLAKE_HOST": "evil.example"}, "emulators on this machine only"),
        ({"SNOWFLAKE_AUTHENTICATOR": "SNOWFLAKE", "SNOWFLAKE_PASSWORD": "x"}, "for the emulator only"),
        ({"SNOWFLAKE_AUTHENTICATOR": "SNOWFLAKE_JWT"}, "SNOWFLAKE_PRIVATE_KEY is not set"),
        ({"ServiceBusConnection__fullyQualifiedNamespace": ""}, "fullyQualifiedNamespace is not set"),
        ({"SWEEP_DAYS": "0"}, "whole number from 1 to 31"),
        ({"AML_WRITES_PER_SECOND": "0"}, "whole number from 1 to 10000"),
        ({"EXECUTE_MAX_INSTANCES": "0.5"}, "whole number from 1 to 1000"),
        ({"RETRY_TRIES": "--5"}, "whole number from 1 to 10000"),
        ({"RETRY_TRIES": "\u00b2"}, "whole number from 1 to 10000"),
        ({"RETRY_TRIES": "9" * 5000}, "whole number from 1 to 10000"),
        ({"PIPELINES_FILE": "nowhere.yaml"}, "there is no file nowhere.yaml"),
        ({"AUTH_MODE": "both"}, "one of key, entra, service"),
        ({"AUTH_MODE": "service"}, "AUTH_MODE is service, but the app is not a container"),
        ({"AUTH_MODE": "service", "BRIDGE_HOSTING": "functions"}, "AUTH_MODE is service, but the app is not a"),
        (APPLICATION | {"AZURE_CLIENT_ID": ""}, "AZURE_CLIENT_ID is not set"),
        (APPLICATION | {"AZURE_TENANT_ID": ""}, "AZURE_TENANT_ID is not set"),
        (
            APPLICATION | {"AZURE_FEDERATED_TOKEN_FILE": __file__},
            "AZURE_CLIENT_SECRET and AZURE_FEDERATED_TOKEN_FILE are set: the app proves who it is by one of them",
        ),
        ({"AZURE_CLIENT_CERTIFICATE_PATH": "/nowhere.pem"}, "there is no file /nowhere.pem"),
        (SERVICE | {"SNOWFLAKE_TOKEN_FILE": "/nowhere"}, "SNOWFLAKE_TOKEN_FILE: there is no file /nowhere"),
        (SERVICE | {"SNOWFLAKE_AUTHENTICATOR": "SNOWFLAKE_JWT"}, "wants SNOWFLAKE_AUTHENTICATOR=OAUTH, not SNOWFLAKE_"),
        (SERVICE | {"SNOWFLAKE_TOKEN": "a-token"}, "SNOWFLAKE_TOKEN and SNOWFLAKE_TOKEN_FILE are set"),
        (SERVICE | {"SNOWFLAKE_PROTOCOL": "http"}, "SNOWFLAKE_PROTOCOL is not https"),
        (SERVICE | {"SNOWFLAKE_HOST": "evil.example/x"}, 'SNOWFLAKE_HOST is "evil.example/x": it is no name of a host'),
        (SERVICE | {"SNOWFLAKE_HOST": ""}, "SNOWFLAKE_HOST is not set"),
        ({"AUTH_MODE": "entra"}, "ENTRA_TENANT_ID is not set"),
        ({"AUTH_MODE": "entra"}, "ENTRA_AUDIENCE is not set"),
        ({"AUTH_MODE": "entra", "ALLOWED_CLIENT_IDS": " , "}, "ALLOWED_CLIENT_IDS is not set"),
        (ENTRA | {"ENTRA_TENANT_ID": "contoso.com"}, 'ENTRA_TENANT_ID is "contoso.com": give the tenant\'s id'),
        (ENTRA | {"ENTRA_TENANT_ID": "common"}, 'ENTRA_TENANT_ID is "common"'),
        (
            ENTRA | {"ENTRA_AUDIENCE": "https://management.azure.com"},
            'ENTRA_AUDIENCE is "https://management.azure.com"',
        ),
        (ENTRA | {"ENTRA_AUDIENCE": "api://"}, 'ENTRA_AUDIENCE is "api://"'),
        (ENTRA | {"ALLOWED_CLIENT_IDS": f"{APP}, *"}, 'ALLOWED_CLIENT_IDS has "*"'),
        (ENTRA | {"SNOWFLAKE_CLIENT_IDS": TENANT}, f'SNOWFLAKE_CLIENT_IDS has "{TENANT}", ALLOWED_CLIENT_IDS does not'),
        (ENTRA | {"ALLOWED_APP_ROLES": "Bridge Submit"}, 'ALLOWED_APP_ROLES has "Bridge Submit": give values of app'),
        (ENTRA | {"TRUST_PLATFORM_HEADERS": "yes"}, "one of true, false"),
        ({"TRUST_PLATFORM_HEADERS": "true"}, "TRUST_PLATFORM_HEADERS is true, but AUTH_MODE is not entra"),
        (ENTRA | {"ENTRA_AUTHORITY": "https://login.evil.example"}, "emulators on this machine only"),
        (ENTRA | {"ENTRA_AUTHORITY": "http://127.0.0.1:1@evil.example:80"}, "emulators on this machine only"),
        ({"EVENT_GRID_TOPIC_ENDPOINT": "http://evil.example/api/events"}, "give a topic's endpoint"),
        ({"EVENT_GRID_TOPIC_ENDPOINT": "my-topic"}, "give a topic's endpoint"),
        ({"ALLOWED_TOPICS": "https://[x/api/events"}, "give a topic's endpoint"),
        ({"EVENT_GRID_TOPIC_ENDPOINT": "https://a.test/x, https://b.test/x"}, "give one, the others in ALLOWED_TOPICS"),
        ({"ALLOWED_TOPICS": "https://a.west.test/x, https://a.east.test/x"}, 'two topics are named "a"'),
        (
            {"EVENT_GRID_TOPIC_ENDPOINT": "https://a.west.test/x", "ALLOWED_TOPICS": "https://a.east.test/x"},
            'two topics are named "a"',
        ),
        ({"ALLOWED_QUEUES": "reports, Run-Events"}, "ALLOWED_QUEUES has run-events: it is for the app itself"),
        ({"ALLOWED_QUEUES": "inbound-events"}, "ALLOWED_QUEUES has inbound-events"),
        ({"ALLOWED_QUEUES": "run-control"}, "ALLOWED_QUEUES has run-control"),
        (
            {"SERVICE_BUS_RESOURCE_ID": "my-bridge.servicebus.windows.net"},
            'SERVICE_BUS_RESOURCE_ID is "my-bridge.servicebus.windows.net": give the namespace\'s resource id',
        ),
    ],
)
def test_a_wrong_setting_says_what_would_be_right(environ: dict[str, str], change: dict[str, str], hint: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(hint)):
        Settings.from_environ(environ | change)


def test_topics_go_by_their_hosts_first_label_unless_they_are_given_a_name(environ: dict[str, str]) -> None:
    settings = Settings.from_environ(
        environ
        | {
            "EVENT_GRID_TOPIC_ENDPOINT": "https://main.westeurope-1.eventgrid.azure.net/api/events",
            "ALLOWED_TOPICS": "https://other.test/api/events , third=http://127.0.0.1:9/topics/x/api/events",
            "ALLOWED_QUEUES": "reports, run-commands",
        }
    )

    assert settings.default_topic == "main"
    assert settings.topics == {
        "main": "https://main.westeurope-1.eventgrid.azure.net/api/events",
        "other": "https://other.test/api/events",
        "third": "http://127.0.0.1:9/topics/x/api/events",
    }
    assert settings.allowed_queues == {"reports", "run-commands"}


def test_without_topics_and_queues_nothing_may_be_sent_anywhere(environ: dict[str, str]) -> None:
    settings = Settings.from_environ(environ)

    assert (settings.topics, settings.default_topic, settings.allowed_queues) == ({}, None, frozenset())


@pytest.mark.parametrize("audience", [APP, APP.lower(), f"api://{APP}"])
def test_both_forms_of_an_application_are_its_audience(environ: dict[str, str], audience: str) -> None:
    entra = Settings.from_environ(environ | ENTRA | {"ENTRA_AUDIENCE": audience}).entra

    assert entra is not None
    assert entra.audiences == {APP.lower(), f"api://{APP.lower()}"}


def test_ids_are_read_without_regard_to_case_and_a_uri_as_it_is(environ: dict[str, str]) -> None:
    more = {"ALLOWED_CLIENT_IDS": f" {APP},{TENANT} ,", "ENTRA_AUDIENCE": "api://Bridge.contoso.com/app"}

    entra = Settings.from_environ(environ | ENTRA | more).entra

    assert entra is not None
    assert sorted(entra.client_ids) == [TENANT, APP.lower()]
    assert sorted(entra.audiences) == ["api://Bridge.contoso.com/app"]


def test_unless_told_otherwise_no_app_role_is_asked_for_and_no_header_counts(environ: dict[str, str]) -> None:
    entra = Settings.from_environ(environ | ENTRA).entra

    assert entra is not None
    assert not entra.app_roles | entra.snowflake_client_ids
    assert not entra.trust_platform_headers


def test_what_counts_besides_the_application_is_read(environ: dict[str, str]) -> None:
    more = {
        "ALLOWED_APP_ROLES": "Bridge.Submit, Bridge.Admin",
        "SNOWFLAKE_CLIENT_IDS": APP,
        "TRUST_PLATFORM_HEADERS": "True",
    }

    entra = Settings.from_environ(environ | ENTRA | more).entra

    assert entra is not None
    assert entra.app_roles == frozenset({"Bridge.Submit", "Bridge.Admin"})
    assert entra.snowflake_client_ids == frozenset({APP.lower()})
    assert entra.trust_platform_headers


def test_every_problem_of_entra_is_told_at_once(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ(environ | {"AUTH_MODE": "entra", "ENTRA_AUTHORITY": "https://evil.example"})

    assert len(caught.value.problems) == 4


def test_with_function_keys_nothing_of_entra_is_wanted(environ: dict[str, str]) -> None:
    assert Settings.from_environ(environ | {"ENTRA_TENANT_ID": "contoso.com"}).entra is None


@pytest.mark.parametrize("spelling", ["entra", "Entra", " ENTRA "])
def test_the_routes_and_the_app_read_the_mode_alike(environ: dict[str, str], spelling: str) -> None:
    """If the routes were open and the app did not ask for a token, everybody would be in."""
    changed = environ | ENTRA | {"AUTH_MODE": spelling}

    assert not App(changed).host_checks_keys
    assert Settings.from_environ(changed).entra is not None


@pytest.mark.parametrize("spelling", ["", "key", "KEY", "service", "entra2", "none", "anonymous"])
def test_any_other_mode_leaves_the_keys_to_the_host(spelling: str) -> None:
    assert App({"AUTH_MODE": spelling}).host_checks_keys


def test_a_service_in_snowflake_signs_in_by_its_token_as_nobody_in_particular(environ: dict[str, str]) -> None:
    del environ["SNOWFLAKE_USER"], environ["SNOWFLAKE_ROLE"]

    arguments = Settings.from_environ(environ | SERVICE).snowflake.connection_arguments()

    assert arguments["token_file_path"] == __file__
    assert (arguments["host"], arguments["port"], arguments["protocol"]) == ("a.snowflakecomputing.com", 443, "https")
    assert not arguments.keys() & {"user", "role", "token", "password"}


@pytest.mark.parametrize("given", ["", " , "])
def test_a_container_has_keys_unless_others_check_who_comes(given: str) -> None:
    with pytest.raises(ConfigurationError, match="BRIDGE_FUNCTION_KEYS is not set, and AUTH_MODE is key"):
        read_function_keys({"BRIDGE_FUNCTION_KEYS": given})
    for mode in ("entra", "service"):
        assert read_function_keys({"BRIDGE_FUNCTION_KEYS": given, "AUTH_MODE": mode}) == ()


def test_keys_are_read_with_commas_and_masked() -> None:
    given = {"BRIDGE_FUNCTION_KEYS": " key-of-16-letters, another-key-of-16 ,"}

    assert read_function_keys(given) == ("key-of-16-letters", "another-key-of-16")
    assert {"key-of-16-letters", "another-key-of-16"} <= set(secret_values(given))


@pytest.mark.parametrize("bad", ["short", "with blanks in the key", "schlüssel-mit-umlaut", "x" * 201])
def test_a_key_that_no_header_could_hold_is_refused_and_not_shown(bad: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_function_keys({"BRIDGE_FUNCTION_KEYS": f"key-of-16-letters, {bad}"})

    assert "1 of 2 keys cannot be used" in str(caught.value)
    assert bad not in str(caught.value)


def test_secrets_are_never_shown(environ: dict[str, str]) -> None:
    settings = Settings.from_environ(
        environ | {"SNOWFLAKE_AUTHENTICATOR": "OAUTH", "SNOWFLAKE_TOKEN": "s3cret", "ServiceBusConnection": "s3cret"}
    )

    assert "s3cret" not in repr(settings)
    assert settings.snowflake.token.reveal() == "s3cret"
    assert not Secret("")


def test_the_laptops_settings_are_valid() -> None:
    assert Settings.from_environ(app_settings(Ports.choose(None))).bridge_name == "laptop"


def test_the_record_window_is_the_hosts_batch_wait(environ: dict[str, str]) -> None:
    service_bus = json.loads((ROOT / "host.json").read_text())["extensions"]["serviceBus"]
    hours, minutes, seconds = service_bus["maxBatchWaitTime"].split(":")

    assert int(hours) * 3600 + int(minutes) * 60 + int(seconds) == int(environ["RECORD_WINDOW_SECONDS"])
