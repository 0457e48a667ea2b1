"""Data Factory's runs through azure-core: started once, found again, and struck by every fault."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core import PipelineClient
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceResponseError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest

from tests.emulators.aml_service import GROUP, SUBSCRIPTION, AmlService
from tests.emulators.loopback import LocalCredential

ARM = "https://management.azure.com"
FACTORIES = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.DataFactory/factories"
FACTORY = f"{FACTORIES}/laptop-factory"


class Client:
    """The few calls of Data Factory that the bridge makes."""

    def __init__(self, service: AmlService) -> None:
        policy = BearerTokenCredentialPolicy(LocalCredential(), f"{ARM}/.default")
        self._client: Any = PipelineClient(ARM, policies=[policy], transport=service.transport)

    def call(self, method: str, path: str, body: Any = None, version: str = "2018-06-01") -> Any:
        request = HttpRequest(method, f"{ARM}{path}", params={"api-version": version}, json=body)
        answer = self._client.send_request(request)
        if answer.status_code == 404:
            raise ResourceNotFoundError(response=answer)
        answer.raise_for_status()
        return answer.json()

    def start(self, pipeline: str = "copy-scores", factory: str = FACTORY, **parameters: Any) -> str:
        return str(self.call("POST", f"{factory}/pipelines/{pipeline}/createRun", parameters)["runId"])

    def query(self, *filters: tuple[str, str, list[str]], since: timedelta = timedelta(hours=1)) -> list[Any]:
        now = datetime.now(UTC)
        body = {
            "lastUpdatedAfter": (now - since).isoformat(),
            "lastUpdatedBefore": (now + timedelta(minutes=1)).isoformat(),
            "filters": [dict(zip(("operand", "operator", "values"), each, strict=True)) for each in filters],
        }
        return list(self.call("POST", f"{FACTORY}/queryPipelineRuns", body)["value"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AmlService]:
    seed = tmp_path_factory.mktemp("aml") / "seed.json"
    seed.write_text(json.dumps({"factories": {"laptop-factory": ["copy-scores", "other"]}}))
    with AmlService("--seed", str(seed)) as service:
        yield service


@pytest.fixture
def service(running: AmlService) -> AmlService:
    running.begin()
    return running


@pytest.fixture
def client(service: AmlService) -> Client:
    return Client(service)


def test_a_run_passes_its_statuses(service: AmlService, client: Client) -> None:
    run_id = client.start(table="SCORES", rows=5, full=True)
    seen = []
    for seconds in (0.0, 0.5, 1.5):
        service.advance(seconds)
        seen.append(client.call("GET", f"{FACTORY}/pipelineruns/{run_id}"))

    assert [run["status"] for run in seen] == ["Queued", "InProgress", "Succeeded"]
    assert seen[0]["parameters"] == {"table": "SCORES", "rows": "5", "full": "true"}
    assert (seen[0]["runEnd"], seen[0]["pipelineName"], seen[0]["runId"]) == (None, "copy-scores", run_id)
    ended, started = (datetime.fromisoformat(seen[2][name]) for name in ("runEnd", "runStart"))
    assert started <= ended == datetime.fromisoformat(seen[2]["lastUpdated"])


def test_runs_are_found_by_what_they_are(client: Client) -> None:
    first, second, other = client.start(), client.start(), client.start("other")

    def found(*filters: tuple[str, str, list[str]]) -> list[str]:
        return [run["runId"] for run in client.query(*filters)]

    assert found() == [first, second, other]
    assert found(("PipelineName", "Equals", ["copy-scores"])) == [first, second]
    assert found(("RunId", "In", [second, other]), ("PipelineName", "In", ["copy-scores"])) == [second]
    assert found(("PipelineName", "NotEquals", ["copy-scores"])) == [other]
    assert found(("Status", "Equals", ["Failed"])) == []


def test_runs_updated_before_are_not_found(client: Client) -> None:
    client.start()

    assert client.query(since=timedelta(seconds=-30)) == []


def test_a_query_that_is_not_understood_is_refused(client: Client) -> None:
    with pytest.raises(HttpResponseError, match="filter is not understood"):
        client.query(("Colour", "Equals", ["red"]))
    with pytest.raises(HttpResponseError, match="lastUpdatedAfter must be a time"):
        client.call("POST", f"{FACTORY}/queryPipelineRuns", {})


def test_an_unknown_factory_and_an_unknown_pipeline_are_told_apart(client: Client) -> None:
    with pytest.raises(ResourceNotFoundError, match="ResourceNotFound"):
        client.start(factory=f"{FACTORIES}/nowhere")
    with pytest.raises(ResourceNotFoundError, match="EntityNotFound"):
        client.start("nothing")
    with pytest.raises(ResourceNotFoundError, match="EntityNotFound"):
        client.call("GET", f"{FACTORY}/pipelineruns/none")


def test_another_api_version_is_refused(client: Client) -> None:
    with pytest.raises(HttpResponseError, match="2017-09-01-preview is not supported"):
        client.call("POST", f"{FACTORY}/pipelines/copy-scores/createRun", version="2017-09-01-preview")


def test_what_was_started_can_be_seen_inside_and_forced(service: AmlService, client: Client) -> None:
    service.tell("/factories", name="second", pipelines=["p"])
    run_id = client.start("p", f"{FACTORIES}/second", key="k-1")
    service.tell(f"/data-factory-runs/{run_id}/status", status="Failed")
    service.advance(10)

    (run,) = service.ask("/data-factory-runs")
    expected = {"factory": "second", "pipeline": "p", "parameters": {"key": "k-1"}, "status": "Failed"}
    assert run == {"run_id": run_id, **expected}


@pytest.mark.parametrize("after_commit", [False, True])
def test_starting_can_fail_before_and_after_the_run_exists(
    service: AmlService, client: Client, after_commit: bool
) -> None:
    match = {"operation": "create_run", "factory": "laptop-factory", "pipeline": "copy-scores"}
    fault = service.fault("disconnect", match, after_commit=after_commit)
    with pytest.raises(ServiceResponseError):
        client.start()

    assert service.struck(fault) == 1
    assert len(client.query()) == int(after_commit)


def test_asking_can_fail(service: AmlService, client: Client) -> None:
    service.fault("status", {"operation": "query_runs"}, status=503)
    service.fault("status", {"operation": "get_run"}, status=429, retry_after=3)
    run_id = client.start()
    with pytest.raises(HttpResponseError) as unavailable:
        client.query()
    with pytest.raises(HttpResponseError) as throttled:
        client.call("GET", f"{FACTORY}/pipelineruns/{run_id}")

    assert (unavailable.value.status_code, throttled.value.status_code) == (503, 429)
    assert len(client.query()) == 1


def test_a_reset_forgets_runs_and_keeps_seeded_factories(service: AmlService, client: Client) -> None:
    client.start()
    service.tell("/reset")
    assert service.ask("/data-factory-runs") == []

    client.start()
    assert len(service.ask("/data-factory-runs")) == 1
