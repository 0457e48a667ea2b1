"""The limit of submissions: nothing but the PUTs, with a body made once and connections that stay open; no queue."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from benchmarks import calls
from bridge.local.stack import Stack

IN_FLIGHT = 32
API = "2024-01-01-preview"
HEADERS = {
    "Authorization": "Bearer x",
    "x-azureml-token": "x",
    "Content-Type": "application/json",
    "X-Emulated-Origin": "https://management.azure.com",
}


class BarePut:
    """Submissions to the emulator of Azure ML, as many at once as are asked for."""

    def __init__(self, stack: Stack) -> None:
        where = stack.endpoints["azure_ml"]
        scope = (
            f"/subscriptions/{where['subscription_id']}/resourceGroups/{where['resource_group']}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{where['workspace']}"
        )
        self._url = f"{where['base_url']}{scope}/jobs"
        self._body = json.dumps({"properties": _properties(scope)})
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", HTTPAdapter(pool_maxsize=IN_FLIGHT))

    def put_many(self, in_flight: int, count: int) -> list[str]:
        """The names of the jobs."""
        if in_flight == 1:
            return [self._put() for _ in range(count)]
        with ThreadPoolExecutor(in_flight) as pool:
            return list(pool.map(lambda _: self._put(), range(count)))

    def _put(self) -> str:
        name = f"limit-{uuid.uuid4().hex}"
        answer = self._session.put(
            f"{self._url}/{name}", params={"api-version": API}, data=self._body, headers=HEADERS, timeout=60
        )
        answer.raise_for_status()
        return name


def _properties(scope: str) -> dict[str, Any]:
    inputs = {name: {"jobInputType": "literal", "value": value or "-"} for name, value in calls.ALL_INPUTS.items()}
    return {
        "jobType": "Pipeline",
        "componentId": f"{scope}/components/churn_training/versions/3",
        "experimentName": "churn",
        "inputs": inputs,
        "settings": {"default_compute": "cpu-cluster"},
    }
