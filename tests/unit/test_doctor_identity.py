"""Whose roles the doctor looks at, and who gets those that are missing."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from bridge.adapters.credential import EMULATED
from bridge.doctor.azure import Azure, _claims
from bridge.doctor.broker import NoSuchQueue, NotLetIn
from bridge.doctor.findings import Finding, Status
from bridge.doctor.identity_checks import NOT_THE_APPS, assignee, check_identity
from bridge.doctor.queue_checks import RECEIVE, SEND, _links, check_queues
from bridge.doctor.setting_checks import examples
from bridge.doctor.subject import Subject
from bridge.domain.errors import BridgeError
from bridge.domain.queues import Queue
from tests.unit.doctor_subject import subject_of

OPERATOR = {"oid": "6f9c1c3e-0b1d-4c7a-9a51-2f1f8f6f3a10", "upn": "ada@example.test", "tid": "t"}
APP = "99999999-0000-0000-0000-000000000009"
REFUSED: dict[str, BridgeError | None] = {SEND: NotLetIn("no claim for Send"), RECEIVE: None}


class AzureOf(Azure):
    """Azure with a token that says this."""

    def __init__(self, subject: Subject, claims: dict[str, Any]) -> None:
        super().__init__(subject.settings, subject.clocks)
        self._said = claims

    def claims(self) -> dict[str, Any]:
        return self._said


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> Subject:
    """Somebody who has signed in on a laptop and looks at an app in Azure."""
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
    subject = subject_of(examples())
    subject.azure = AzureOf(subject, OPERATOR)
    return subject


def links(subject: Subject, errors: dict[str, BridgeError | None]) -> list[Finding]:
    return list(_links(subject, Queue.RUN_COMMANDS, errors))


def test_a_person_is_told_that_it_is_not_the_app(operator: Subject) -> None:
    (found,) = check_identity(operator)

    assert found.what == f"Azure is asked as user ada@example.test, object id {OPERATOR['oid']}, tenant t"
    assert found.cause == NOT_THE_APPS


def test_the_app_itself_is_told_nothing_of_that() -> None:
    (found,) = check_identity(subject_of({"AML_ENDPOINT": "http://127.0.0.1:1"}))

    assert f"application {EMULATED['appid']}" in found.what
    assert found.cause == ""


def test_whoever_is_looked_at_gets_the_roles(operator: Subject) -> None:
    assert assignee(operator) == (
        "--assignee-object-id", OPERATOR["oid"], "--assignee-principal-type", "User",
    )  # fmt: skip
    operator.principal_id = APP

    assert assignee(operator)[1:] == (APP, "--assignee-principal-type", "ServicePrincipal")


def test_a_refusal_is_about_the_person_until_the_apps_identity_is_named(operator: Subject) -> None:
    (own,) = links(operator, REFUSED)
    operator.principal_id = APP
    (apps,) = links(operator, REFUSED)

    assert (own.status, own.what) == (Status.FAIL, "who runs the doctor may not send to run-commands")
    assert f"--assignee-object-id {OPERATOR['oid']} --assignee-principal-type User" in own.mend
    assert apps.status is Status.SKIPPED
    assert operator.queues == {Queue.RUN_COMMANDS}


def test_a_queue_that_is_not_there_is_not_looked_at_further(operator: Subject) -> None:
    (found,) = links(operator, {SEND: NoSuchQueue("Service Bus has no queue run-commands"), RECEIVE: None})

    assert found.status is Status.FAIL
    assert operator.queues == set()


def test_without_a_token_nobody_tries_queues_that_want_one(operator: Subject) -> None:
    (found,) = check_queues(operator)

    assert found.status is Status.SKIPPED


@pytest.mark.parametrize("payload", ["", "eA", urlsafe_b64encode(json.dumps([1]).encode()).decode()])
def test_a_token_that_says_nothing_is_no_defect(payload: str) -> None:
    assert _claims(f"a.{payload}.c") == {}
    assert _claims("opaque") == {}
