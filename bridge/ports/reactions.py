"""What rules do besides starting runs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bridge.domain.actions import Notify, RunDataFactory
from bridge.domain.deployments import Deployment, DeploymentRequest


class Deployments(Protocol):
    """Models at Azure ML's managed online endpoints.

    Raises: RetryableError when AML could not answer; AccessDenied; PermanentError.
    """

    def get(self, workspace: str, endpoint: str, deployment: str) -> Deployment | None:
        """The deployment, or None when the endpoint has none of this name.

        Raises: PermanentError with code UNKNOWN_ENDPOINT when there is no such endpoint.
        """

    def serving(self, workspace: str, endpoint: str) -> Sequence[Deployment]:
        """The endpoint's deployments that have traffic.

        Raises: PermanentError with code UNKNOWN_ENDPOINT when there is no such endpoint.
        """

    def begin(self, request: DeploymentRequest) -> None:
        """Ask AML for the deployment, without traffic; returns before it is there, which takes many minutes."""

    def move_traffic(self, workspace: str, endpoint: str, deployment: str, percent: int) -> None:
        """Give the deployment its share of the traffic, the others theirs of the rest; returns before it is done."""


class Notifier(Protocol):
    """The channels of the settings: webhooks that tell people or programs."""

    def send(self, notification: Notify, *, at: datetime) -> None:
        """Deliver it; a repeated one has the same id, by which a receiver can tell.

        Raises: RetryableError; PermanentError when the receiver will never take it, or there is no such channel.
        """


class DataFactories(Protocol):
    """Pipelines of Data Factory."""

    def start(self, command: RunDataFactory) -> str:
        """Start the pipeline; its run id there. With a `key_parameter` the run that the occasion has already, if any.

        Raises: RetryableError; AccessDenied; PermanentError.
        """
