"""Azure ML's answers carry links. The app's token goes to Azure's own hosts only, whatever an answer says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bridge.adapters.azureml import AmlJobs
from bridge.adapters.azureml_clients import AmlClients
from bridge.adapters.azureml_endpoints import AmlDeployments
from bridge.domain.deployments import DeploymentRequest
from bridge.domain.errors import PermanentError, Throttled
from bridge.domain.jobs import JobRequest
from tests.contract.azure_clients import clients_at

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
HOME = "https://management.azure.com"
#: Links that look as if they led to Azure.
FOREIGN = [
    "https://evil.example/subscriptions/s",
    "http://management.azure.com/subscriptions/s",
    "https://management.azure.com.evil.example/x",
    "https://management.azure.com@evil.example/x",
    "https://management.azure.com:8443/x",
    "https://management.azure.com\\@evil.example/x",
    "https://evil.example#.azureml.ms/x",
    "https://evil.example/.azureml.ms/x",
    "https://azureml.ms.evil.example/x",
    "https://user:secret-password@evil.example/x",
    "//evil.example/x",
    "file:///etc/passwd",
    "https://[",
    "",
]
NAMES = ["..", ".", "", "a/../../b", "%2e%2e", "a%2Fb", "a\\b", "a?b=c", "a#b", "a\x00b", "a\r\nHost: evil.example"]


class FakeAzure(ThreadingHTTPServer):
    """Answers every path with what was planned for its last part; knows for which host each request was meant."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.daemon_threads = False
        self.answers: dict[str, tuple[int, dict[str, str], Any]] = {}
        #: (the origin that the request was for, path)
        self.requests: list[tuple[str, str]] = []


class _Handler(BaseHTTPRequestHandler):
    server: FakeAzure

    def do_GET(self) -> None:
        self.server.requests.append((self.headers["X-Emulated-Origin"], self.path))
        name = self.path.partition("?")[0].rpartition("/")[2]
        status, headers, body = self.server.answers.get(name, (404, {}, {}))
        content = json.dumps(body).encode()
        self.close_connection = True
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in http.server
        """Nothing on standard error."""


@pytest.fixture
def azure() -> Iterator[FakeAzure]:
    server = FakeAzure()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def clients_of(azure: FakeAzure) -> AbstractContextManager[AmlClients]:
    return clients_at(f"http://127.0.0.1:{azure.server_port}")


@pytest.fixture
def clients(azure: FakeAzure) -> Iterator[AmlClients]:
    with clients_of(azure) as made:
        yield made


@pytest.mark.parametrize("link", FOREIGN, ids=repr)
def test_a_list_is_not_followed_to_another_host(azure: FakeAzure, clients: AmlClients, link: str) -> None:
    azure.answers["jobs"] = (200, {}, {"value": [], "nextLink": link})

    if link:
        with pytest.raises(PermanentError) as caught:
            list(AmlJobs(clients).tagged("ws", "bridge", since=SINCE, pages=5))
        assert caught.value.code == "FOREIGN_LINK"
        assert "secret-password" not in str(caught.value)
    else:
        assert list(AmlJobs(clients).tagged("ws", "bridge", since=SINCE, pages=5)) == []

    assert [origin for origin, _ in azure.requests] == [HOME]


@pytest.mark.parametrize("link", FOREIGN, ids=repr)
def test_the_run_history_is_not_looked_for_at_another_host(azure: FakeAzure, clients: AmlClients, link: str) -> None:
    azure.answers["ws"] = (200, {}, {"properties": {"discoveryUrl": link}})

    with pytest.raises(PermanentError, match="not Azure's"):
        AmlJobs(clients).details("ws", "r-1")

    assert [origin for origin, _ in azure.requests] == [HOME]


@pytest.mark.parametrize("link", FOREIGN, ids=repr)
def test_discovery_cannot_send_the_token_to_another_host(azure: FakeAzure, clients: AmlClients, link: str) -> None:
    azure.answers["ws"] = (200, {}, {"properties": {"discoveryUrl": "https://westeurope.api.azureml.ms/discovery"}})
    azure.answers["discovery"] = (200, {}, {"api": link})

    with pytest.raises(PermanentError, match="not Azure's"):
        AmlJobs(clients).details("ws", "r-1")

    assert [origin for origin, _ in azure.requests] == [HOME, "https://westeurope.api.azureml.ms"]


def test_links_within_azure_are_followed(azure: FakeAzure, clients: AmlClients) -> None:
    azure.answers["jobs"] = (200, {}, {"value": [], "nextLink": f"{HOME}/page2?x=1"})
    azure.answers["page2"] = (200, {}, {"value": []})
    azure.answers["ws"] = (200, {}, {"properties": {"discoveryUrl": "https://westeurope.api.azureml.ms/discovery"}})
    azure.answers["discovery"] = (200, {}, {"api": "https://westeurope.api.azureml.ms"})
    azure.answers["details"] = (200, {}, {"startTimeUtc": "2026-11-20T10:00:00Z"})

    assert list(AmlJobs(clients).tagged("ws", "bridge", since=SINCE, pages=5)) == []
    assert AmlJobs(clients).details("ws", "r-1").started_at == datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

    assert (HOME, "/page2?x=1") in azure.requests
    origin, path = azure.requests[-1]
    assert origin == "https://westeurope.api.azureml.ms"
    assert path.startswith("/history/v1.0/subscriptions/s/")
    assert path.partition("?")[0].endswith("/workspaces/ws/runs/r-1/details")


def test_what_a_jobs_own_code_wrote_is_told_without_secrets(azure: FakeAzure, clients: AmlClients) -> None:
    azure.answers["ws"] = (200, {}, {"properties": {"discoveryUrl": f"{HOME}/discovery"}})
    azure.answers["discovery"] = (200, {}, {"api": HOME})
    said = "cannot read https://store.example/x?sv=1&sig=a%2Bsecret%3D"
    azure.answers["details"] = (200, {}, {"error": {"error": {"code": "UserError", "message": said}}})

    details = AmlJobs(clients).details("ws", "r-1")

    assert details.error_message == "cannot read https://store.example/x?sv=1&sig=***"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(azure: FakeAzure, clients: AmlClients, status: int) -> None:
    azure.answers["jobs"] = (status, {"Location": "https://evil.example/x"}, {})

    with pytest.raises(PermanentError):
        list(AmlJobs(clients).tagged("ws", "bridge", since=SINCE, pages=5))

    assert [origin for origin, _ in azure.requests] == [HOME]


@pytest.mark.parametrize("wait", ["9" * 400, "²", "1e999", "-1", "", "nan"])
def test_no_answer_can_name_a_wait_that_breaks_the_app(azure: FakeAzure, clients: AmlClients, wait: str) -> None:
    azure.answers["jobs"] = (429, {"Retry-After": wait} if wait.isascii() else {}, {})

    with pytest.raises(Throttled) as caught:
        list(AmlJobs(clients).tagged("ws", "bridge", since=SINCE, pages=5))

    assert caught.value.retry_after is None


@pytest.mark.parametrize("name", NAMES, ids=repr)
@pytest.mark.parametrize("place", ["workspace", "job", "endpoint", "deployment", "cancel", "details", "sdk"])
def test_no_name_leads_out_of_its_place(azure: FakeAzure, clients: AmlClients, name: str, place: str) -> None:
    jobs, deployments = AmlJobs(clients), AmlDeployments(clients)
    azure.answers["ws"] = (200, {}, {"properties": {"discoveryUrl": f"{HOME}/discovery"}})
    azure.answers["discovery"] = (200, {}, {"api": HOME})
    azure.answers["e"] = (200, {}, {"name": "e", "properties": {}})
    calls: dict[str, Callable[[], object]] = {
        "workspace": lambda: jobs.get(name, "r-1"),
        "job": lambda: jobs.get("ws", name),
        "endpoint": lambda: deployments.get("ws", name, "d"),
        "deployment": lambda: deployments.get("ws", "e", name),
        "cancel": lambda: jobs.cancel("ws", name),
        "details": lambda: jobs.details("ws", name),
        "sdk": lambda: clients.sdk(name),
    }

    with pytest.raises(PermanentError) as caught:
        calls[place]()

    assert caught.value.code == "BAD_NAME"
    assert {path.partition("?")[0].rpartition("/")[2] for _, path in azure.requests} <= {"ws", "discovery", "e"}


@pytest.mark.parametrize("version", ["3/../../../components/evil/versions/1", "..", ""])
def test_a_version_is_no_path(azure: FakeAzure, clients: AmlClients, version: str) -> None:
    wanted = JobRequest(
        name="r-1",
        workspace="ws",
        component=f"azureml:churn:{version}",
        experiment="e",
        display_name="d",
        inputs={},
        tags={},
    )

    with pytest.raises(PermanentError):
        AmlJobs(clients).submit(wanted)

    assert azure.requests == []


@pytest.mark.parametrize("change", [{"model_name": "m/versions/1/../../other"}, {"model_version": ".."}], ids=str)
def test_a_model_is_no_path(azure: FakeAzure, clients: AmlClients, change: dict[str, str]) -> None:
    whole: dict[str, Any] = {
        "workspace": "ws", "endpoint": "e", "name": "d", "model_name": "m", "model_version": "1",
        "instance_type": "Standard_DS3_v2", "instance_count": 1,
    }  # fmt: skip

    with pytest.raises(PermanentError):
        AmlDeployments(clients).begin(DeploymentRequest(**whole | change))

    assert azure.requests == []
