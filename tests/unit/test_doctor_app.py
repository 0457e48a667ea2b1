"""What the doctor makes of an app that answers otherwise than it should."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bridge import __version__
from bridge.doctor.app_checks import check_app
from bridge.doctor.findings import Finding, Status
from bridge.doctor.mends import Mends
from bridge.doctor.subject import AppAddress
from bridge.local.processes import free_port
from tests.unit.doctor_subject import subject_of

WELL = {
    "/api/v1/health": (200, {"status": "ok", "version": __version__}),
    "/api/v1/pipelines": (200, {"pipelines": []}),
}


class App:
    """Answers by path as it is told to."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = dict(WELL)
        self.keys: list[str | None] = []
        self.url = ""

    def examined(self, **address: str) -> list[Finding]:
        subject = subject_of({})
        subject.app = AppAddress(**{"url": self.url, "key": "the-key", **address})
        subject.mends = Mends(app="my-app", app_group="my-group")
        return list(check_app(subject))


@pytest.fixture
def app() -> Iterator[App]:
    found = App()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.keys.append(self.headers.get("x-functions-key"))
            status, answer = found.answers[self.path]
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            if status == 302:
                self.send_header("location", "/elsewhere")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is overridden
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield found
        server.shutdown()
        thread.join()


def test_an_app_that_is_well_is_asked_for_its_health_without_the_key(app: App) -> None:
    findings = app.examined()

    assert [(each.check, each.status) for each in findings] == [("app.health", Status.OK), ("app.key", Status.OK)]
    assert app.keys == [None, "the-key"]


def test_an_app_without_right_settings_says_so(app: App) -> None:
    app.answers["/api/v1/health"] = (503, {"title": "Not configured", "detail": "2 problems; the app's log lists them"})

    (found,) = app.examined()

    assert (found.check, found.status) == ("app.health", Status.FAIL)
    assert found.cause == "2 problems; the app's log lists them"
    assert found.mend.endswith("az functionapp restart --name my-app --resource-group my-group")


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, {}), (404, b""), (302, b"")])
def test_what_is_not_the_app_is_told(app: App, answer: tuple[int, Any]) -> None:
    app.answers["/api/v1/health"] = answer

    (found,) = app.examined()

    assert found.what == f"the app is not well: it answers {answer[0]}"


def test_another_version_is_a_warning(app: App) -> None:
    app.answers["/api/v1/health"] = (200, {"status": "ok", "version": "0.0.1"})

    found = {each.check: each for each in app.examined()}

    assert found["app.version"].status is Status.WARN
    assert found["app.version"].what == f"the app is version 0.0.1, the doctor {__version__}"
    assert found["app.version"].mend == "func azure functionapp publish my-app"
    assert found["app.key"].status is Status.OK


def test_without_a_key_callers_are_not_tried(app: App) -> None:
    findings = app.examined(key="")

    assert findings[-1].status is Status.SKIPPED
    assert findings[-1].cause == "BRIDGE_KEY is not set"


def test_an_app_that_fails_for_callers_is_told(app: App) -> None:
    app.answers["/api/v1/pipelines"] = (500, b"")

    assert app.examined()[-1].what == "the app answers a caller with 500"


def test_an_app_that_is_not_there_is_told() -> None:
    gone = App()
    gone.url = f"http://127.0.0.1:{free_port()}"

    (found,) = gone.examined()

    assert (found.status, found.what) == (Status.FAIL, "127.0.0.1 does not answer")


def test_a_key_does_not_travel_unencrypted() -> None:
    gone = App()
    gone.url = "http://my-app.azurewebsites.net"

    (found,) = gone.examined()

    assert found.cause == "the key would travel unencrypted"
