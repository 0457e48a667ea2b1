"""Who may run a pipeline."""

import pytest

from bridge.domain.callers import CallerIdentity
from bridge.domain.pipelines import Allow, Pipeline


def allowed(allow: Allow | None, principal: str, *roles: str) -> bool:
    pipeline = Pipeline(name="p", component="azureml:p:1", experiment="p", allow=allow)
    return pipeline.allows(CallerIdentity(principal=principal, roles=roles))


def principals(*entries: str) -> Allow:
    return Allow(principals=frozenset(entries))


def test_without_allow_every_caller_of_an_http_door_may() -> None:
    assert allowed(None, "key")
    assert allowed(None, "app:00000000-0000-0000-0000-000000000001")


@pytest.mark.parametrize("principal", ["event:custom", "queue:run-commands"])
def test_without_allow_no_event_and_no_queue_may(principal: str) -> None:
    assert not allowed(None, principal)


def test_a_principal_is_allowed_by_its_name_or_a_wildcard() -> None:
    assert allowed(principals("key"), "key")
    assert allowed(principals("app:*"), "app:00000000-0000-0000-0000-000000000001")
    assert allowed(principals("*"), "app:00000000-0000-0000-0000-000000000001")
    assert not allowed(principals("key", "app:*-2", "event:*", "queue:*"), "app:00000000-0000-0000-0000-000000000001")
    assert not allowed(principals("app:*"), "key")
    assert allowed(principals("app-*"), "app-1")
    assert allowed(principals("*-prod"), "app-prod")
    assert not allowed(principals("key"), "Key")
    assert not allowed(principals("app-*"), "my-app-1")
    assert not allowed(Allow(), "key")


@pytest.mark.parametrize("entry", ["*", "*custom", "*:custom", "ev*", "*event:custom", "queue:*", "key"])
def test_an_event_is_not_allowed_by_an_entry_of_another_kind(entry: str) -> None:
    assert not allowed(principals(entry), "event:custom")


@pytest.mark.parametrize("entry", ["event:custom", "event:*", "event:cus*"])
def test_an_event_is_allowed_by_an_entry_that_says_event(entry: str) -> None:
    assert allowed(principals(entry), "event:custom")
    assert not allowed(principals(entry), "queue:custom")


def with_app_roles(entry: str, *app_roles: str, principal: str = "app:1") -> bool:
    pipeline = Pipeline(name="p", component="azureml:p:1", experiment="p", allow=principals(entry))
    return pipeline.allows(CallerIdentity(principal=principal, app_roles=app_roles))


@pytest.mark.parametrize("entry", ["approle:Bridge.Submit", "approle:Bridge.*", "approle:*"])
def test_an_app_role_is_allowed_by_an_entry_that_says_so(entry: str) -> None:
    assert with_app_roles(entry, "Other", "Bridge.Submit")
    assert not with_app_roles(entry)


@pytest.mark.parametrize(
    "entry", ["*.Submit", "Bridge.Submit", "a*e:Bridge.Submit", "approle:bridge.submit", "approle:Bridge"]
)
def test_an_app_role_is_not_allowed_by_an_entry_of_another_kind(entry: str) -> None:
    assert not with_app_roles(entry, "Bridge.Submit")


def test_a_snowflake_role_is_no_app_role() -> None:
    """Whoever may make roles in Snowflake chooses their names."""
    assert not allowed(principals("approle:Bridge.Submit"), "app:1", "approle:Bridge.Submit", "Bridge.Submit")
    assert not with_app_roles("app:2", "ML_TEAM")
    assert not Pipeline(
        name="p", component="azureml:p:1", experiment="p", allow=Allow(roles=frozenset({"ML_TEAM"}))
    ).allows(CallerIdentity(principal="app:1", app_roles=("ML_TEAM",)))


def test_a_role_is_enough_for_those_who_signed_in_only() -> None:
    allow = Allow(roles=frozenset({"ML_TEAM"}))

    assert allowed(allow, "key", "PUBLIC", "ML_TEAM")
    assert not allowed(allow, "key", "PUBLIC", "ml_team")
    assert not allowed(allow, "key")
    assert not allowed(allow, "event:custom", "ML_TEAM")
    assert not allowed(allow, "queue:run-commands", "ML_TEAM")
