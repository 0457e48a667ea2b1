"""What the doctor makes of an app that answers otherwise than it should."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from bridge import __version__
from bridge.doctor.app_checks import check_app
from bridge.doctor.findings import Finding, Status
from bridge.doctor.mends import Mends
from bridge.doctor.subject import AppAddress
from bridge.local.processes import free_port
from tests.unit.answering_app import KEY, App, answering
from tests.unit.doctor_subject import subject_of

WELL = {
    "/api/v1/health": (200, {"status": "ok", "version": __version__}),
    "/api/v1/pipelines": (200, {"pipelines": []}),
}


@dataclass
class ExaminedApp(App):
    """Answers by path."""

    answers: dict[str, tuple[int, Any]] = field(default_factory=lambda: dict(WELL))

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        self.status, self.answer = self.answers[handler.path]
        super().handle(handler)

    def examined(self, **address: str) -> list[Finding]:
        subject = subject_of({})
        subject.app = AppAddress(**{"url": self.url, "key": KEY, **address})
        subject.mends = Mends(app="my-app", app_group="my-group")
        return list(check_app(subject))


@pytest.fixture
def app() -> Iterator[ExaminedApp]:
    found = ExaminedApp()
    with answering(found):
        yield found


def test_an_app_that_is_well_is_asked_for_its_health_without_the_key(app: ExaminedApp) -> None:
    findings = app.examined()

    assert [(each.check, each.status) for each in findings] == [("app.health", Status.OK), ("app.key", Status.OK)]
    assert [headers.get("x-functions-key") for headers in app.sent_headers] == [None, KEY]


def test_an_app_without_right_settings_says_so(app: ExaminedApp) -> None:
    app.answers["/api/v1/health"] = (503, {"title": "Not configured", "detail": "2 problems; the app's log lists them"})

    (found,) = app.examined()

    assert (found.check, found.status) == ("app.health", Status.FAIL)
    assert found.cause == "2 problems; the app's log lists them"
    assert found.mend.endswith("az functionapp restart --name my-app --resource-group my-group")


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, {}), (404, b""), (302, b"")])
def test_what_is_not_the_app_is_told(app: ExaminedApp, answer: tuple[int, Any]) -> None:
    app.answers["/api/v1/health"] = answer

    (found,) = app.examined()

    assert found.what == f"the app is not well: it answers {answer[0]}"


def test_another_version_is_a_warning(app: ExaminedApp) -> None:
    app.answers["/api/v1/health"] = (200, {"status": "ok", "version": "0.0.1"})

    found = {each.check: each for each in app.examined()}

    assert found["app.version"].status is Status.WARN
    assert found["app.version"].what == f"the app is version 0.0.1, the doctor {__version__}"
    assert found["app.version"].mend == "func azure functionapp publish my-app"
    assert found["app.key"].status is Status.OK


def test_without_a_key_callers_are_not_tried(app: ExaminedApp) -> None:
    findings = app.examined(key="")

    assert findings[-1].status is Status.SKIPPED
    assert findings[-1].cause == "BRIDGE_KEY is not set"


def test_an_app_that_fails_for_callers_is_told(app: ExaminedApp) -> None:
    app.answers["/api/v1/pipelines"] = (500, b"")

    assert app.examined()[-1].what == "the app answers a caller with 500"


def test_an_app_that_is_not_there_is_told() -> None:
    gone = ExaminedApp()
    gone.url = f"http://127.0.0.1:{free_port()}"

    (found,) = gone.examined()

    assert (found.status, found.what) == (Status.FAIL, "127.0.0.1 does not answer")


def test_a_key_does_not_travel_unencrypted() -> None:
    gone = ExaminedApp()
    gone.url = "http://my-app.azurewebsites.net"

    (found,) = gone.examined()

    assert found.cause == "the key would travel unencrypted"
