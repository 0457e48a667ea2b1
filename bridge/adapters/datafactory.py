"""Data Factory's pipelines, started and found again by plain calls to the management API."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.adapters.arm import MANAGEMENT, ArmClient, segment
from bridge.domain.actions import RunDataFactory
from bridge.domain.errors import PermanentError

API = {"api-version": "2018-06-01"}
#: Clocks differ.
MARGIN = timedelta(hours=1)
#: How far back an earlier start on the same occasion may lie: the longest cool-down is 30 days.
LONGEST = timedelta(days=31)
#: Pages of 100 runs.
PAGES = 50


class AzureDataFactories:
    """DataFactories over Azure.

    A start has no id that its sender may choose. A pipeline with a `key_parameter` is started once on each occasion,
    because its runs are looked through before; any other is started at least once.
    """

    def __init__(self, arm: ArmClient, *, subscription_id: str, resource_group: str) -> None:
        self._arm = arm
        self._subscription_id = subscription_id
        self._resource_group = resource_group

    def start(self, command: RunDataFactory) -> str:
        found = self._started(command, command.key_parameter) if command.key_parameter else None
        if found is not None:
            return found
        key = {command.key_parameter: command.occasion.action_id} if command.key_parameter else {}
        url = f"{self._factory(command)}/pipelines/{segment(command.pipeline)}/createRun"
        return str(self._post(url, {**command.parameters, **key}, command)["runId"])

    def _started(self, command: RunDataFactory, key_parameter: str) -> str | None:
        for run in self._runs(command):
            if (run.get("parameters") or {}).get(key_parameter) == command.occasion.action_id:
                return str(run["runId"])
        return None

    def _runs(self, command: RunDataFactory) -> Iterator[Mapping[str, Any]]:
        """Runs of the pipeline, the newest first."""
        now = datetime.now(UTC)
        query: dict[str, Any] = {
            "lastUpdatedAfter": (now - LONGEST).isoformat(),
            "lastUpdatedBefore": (now + MARGIN).isoformat(),
            "orderBy": [{"orderBy": "RunStart", "order": "DESC"}],
            "filters": [{"operand": "PipelineName", "operator": "Equals", "values": [command.pipeline]}],
        }
        for _ in range(PAGES):
            page = self._post(f"{self._factory(command)}/queryPipelineRuns", query, command)
            yield from page.get("value") or []
            if not page.get("continuationToken"):
                return
            query["continuationToken"] = page["continuationToken"]

    def _post(self, url: str, body: Mapping[str, Any], command: RunDataFactory) -> Mapping[str, Any]:
        answer: Mapping[str, Any] | None = self._arm.post(url, API, body)
        if answer is None:
            message = f"there is no pipeline {command.pipeline} in Data Factory {command.factory}"
            raise PermanentError(f"{message} of resource group {self._group(command)}", code="NOT_FOUND")
        return answer

    def _factory(self, command: RunDataFactory) -> str:
        subscription = segment(command.subscription_id or self._subscription_id)
        return (
            f"{MANAGEMENT}/subscriptions/{subscription}/resourceGroups/{segment(self._group(command))}"
            f"/providers/Microsoft.DataFactory/factories/{segment(command.factory)}"
        )

    def _group(self, command: RunDataFactory) -> str:
        return command.resource_group or self._resource_group
