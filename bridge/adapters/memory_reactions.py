"""What rules do, in memory: full implementations that pass the same behaviour suites as the real adapters."""

import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.domain.actions import Notify, RunDataFactory
from bridge.domain.deployments import Deployment, DeploymentRequest, DeploymentState, moved
from bridge.domain.errors import PermanentError


@dataclass
class MemoryDeployment:
    """A deployment in memory; a test steers it by its state."""

    request: DeploymentRequest
    state: DeploymentState = DeploymentState.WORKING
    error_message: str | None = None


class MemoryDeployments:
    """Deployments that are under way until a test says that they are ready or have failed."""

    def __init__(self, endpoints: Iterable[str] = ()) -> None:
        self.endpoints = dict.fromkeys(endpoints, DeploymentState.READY)
        #: By endpoint and name.
        self.deployments: dict[tuple[str, str], MemoryDeployment] = {}
        #: Percents by endpoint.
        self.traffic: dict[str, dict[str, int]] = {}
        #: Models that exist, "name:version"; None for all.
        self.models: frozenset[str] | None = None
        #: Raised by the next calls, one each.
        self.failures: list[Exception] = []
        #: As `failures`, but a change has its effect first.
        self.lost_answers: list[Exception] = []
        #: What was changed, in order: "begin NAME", "move_traffic NAME".
        self.changes: list[str] = []
        self._lock = threading.Lock()

    def end(self, endpoint: str, deployment: str, error_message: str | None = None) -> None:
        """Make it ready, or failed with a message."""
        found = self.deployments[endpoint, deployment]
        found.state = DeploymentState.FAILED if error_message else DeploymentState.READY
        found.error_message = error_message

    def get(self, workspace: str, endpoint: str, deployment: str) -> Deployment | None:
        with self._lock:
            self._called(endpoint)
            return self._shown(workspace, endpoint, deployment)

    def serving(self, workspace: str, endpoint: str) -> list[Deployment]:
        with self._lock:
            self._called(endpoint)
            found = (self._shown(workspace, endpoint, name) for name in self.traffic.get(endpoint, {}))
            return [each for each in found if each is not None]

    def _shown(self, workspace: str, endpoint: str, deployment: str) -> Deployment | None:
        found = self.deployments.get((endpoint, deployment))
        if found is None or found.request.workspace != workspace:
            return None
        return Deployment(
            name=deployment,
            state=found.state,
            model=f"{found.request.model_name}:{found.request.model_version}",
            traffic=self.traffic.get(endpoint, {}).get(deployment, 0),
            tags=dict(found.request.tags),
            endpoint_state=self.endpoints[endpoint],
            error_message=found.error_message,
        )

    def begin(self, request: DeploymentRequest) -> None:
        with self._lock:
            self._called(request.endpoint)
            model = f"{request.model_name}:{request.model_version}"
            if self.models is not None and model not in self.models:
                raise PermanentError(f"there is no model {model}", code="NOT_FOUND")
            found = self.deployments.get((request.endpoint, request.name))
            if found is None or found.state is not DeploymentState.WORKING:
                self.deployments[request.endpoint, request.name] = MemoryDeployment(request)
                self._changed(f"begin {request.name}")

    def move_traffic(self, workspace: str, endpoint: str, deployment: str, percent: int) -> None:
        with self._lock:
            self._called(endpoint)
            found = self.deployments.get((endpoint, deployment))
            if found is None or found.request.workspace != workspace or found.state is not DeploymentState.READY:
                raise PermanentError(f"deployment {deployment} takes no traffic", code="REFUSED")
            before = self.traffic.get(endpoint, {})
            after = moved(before, deployment, percent)
            if after != before:
                self.traffic[endpoint] = after
                self._changed(f"move_traffic {deployment}")

    def _called(self, endpoint: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if endpoint not in self.endpoints:
            raise PermanentError(f"there is no endpoint {endpoint}", code="UNKNOWN_ENDPOINT")

    def _changed(self, what: str) -> None:
        self.changes.append(what)
        if self.lost_answers:
            raise self.lost_answers.pop(0)


class MemoryNotifier:
    """Notifier that keeps what was sent, in order."""

    def __init__(self, channels: Iterable[str] = ()) -> None:
        self.channels = frozenset(channels)
        self.sent: list[Notify] = []
        #: Raised by the next sends, one each.
        self.failures: list[Exception] = []
        self._lock = threading.Lock()

    def send(self, notification: Notify, *, at: datetime) -> None:  # noqa: ARG002 - nothing is signed here
        with self._lock:
            if self.failures:
                raise self.failures.pop(0)
            if notification.channel not in self.channels:
                raise PermanentError(f"there is no channel {notification.channel}", code="UNKNOWN_CHANNEL")
            self.sent.append(notification)


@dataclass(frozen=True, kw_only=True)
class MemoryPipelineRun:
    """A run of a pipeline as Data Factory would list it."""

    run_id: str
    factory: str
    pipeline: str
    parameters: Mapping[str, Any]


class MemoryDataFactories:
    """DataFactories that keep what was started, in order."""

    def __init__(self, pipelines: Iterable[tuple[str, str]] = ()) -> None:
        #: Factory and pipeline.
        self.pipelines = frozenset(pipelines)
        self.runs: list[MemoryPipelineRun] = []
        #: Raised by the next calls, one each.
        self.failures: list[Exception] = []
        #: As `failures`, but the pipeline is started first.
        self.lost_answers: list[Exception] = []
        self._lock = threading.Lock()

    def start(self, command: RunDataFactory) -> str:
        with self._lock:
            if self.failures:
                raise self.failures.pop(0)
            if (command.factory, command.pipeline) not in self.pipelines:
                raise PermanentError(f"{command.factory} has no pipeline {command.pipeline}", code="NOT_FOUND")
            started = self._started(command)
            if started is None:
                key = {command.key_parameter: command.occasion.action_id} if command.key_parameter else {}
                started = MemoryPipelineRun(
                    run_id=str(uuid.uuid4()),
                    factory=command.factory,
                    pipeline=command.pipeline,
                    parameters={**command.parameters, **key},
                )
                self.runs.append(started)
            if self.lost_answers:
                raise self.lost_answers.pop(0)
            return started.run_id

    def _started(self, command: RunDataFactory) -> MemoryPipelineRun | None:
        if command.key_parameter is None:
            return None
        wanted = (command.factory, command.pipeline, command.occasion.action_id)
        found = (
            run for run in self.runs if (run.factory, run.pipeline, run.parameters.get(command.key_parameter)) == wanted
        )
        return next(found, None)
