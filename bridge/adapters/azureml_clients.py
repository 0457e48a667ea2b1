"""What the adapters of Azure ML share: one identity, one connection pool, and one client of the SDK a workspace."""

import gc
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from bridge.adapters.arm import MANAGEMENT, ArmClient, segment
from bridge.adapters.pacing import Pace
from bridge.domain.signals import SILENT, Telemetry

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.core.credentials import TokenCredential


class AmlClients:
    """Connections to Azure's management API, plain and through azure-ai-ml; each is made on first use."""

    def __init__(
        self,
        *,
        subscription_id: str,
        resource_group: str,
        credential: "Callable[[], TokenCredential]",
        pace: Pace,
        endpoint: str = "",
        read_seconds: int = 30,
        telemetry: Telemetry = SILENT,
    ) -> None:
        self._subscription_id = subscription_id
        self._resource_group = resource_group
        self._credential = credential
        self._endpoint = endpoint
        self._read_seconds = read_seconds
        self._pace = pace
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._clients: dict[str, MLClient] = {}
        self.arm = self.arm_of("Azure ML")

    def arm_of(self, service: str, read_seconds: int | None = None) -> ArmClient:
        """Plain calls by the same pool; errors name the service."""
        return ArmClient(self._credential, lambda: self._transport, service, read_seconds)

    def path(self, workspace: str) -> str:
        """The workspace's ARM id."""
        return (
            f"/subscriptions/{self._subscription_id}/resourceGroups/{self._resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{segment(workspace)}"
        )

    def url(self, workspace: str) -> str:
        return MANAGEMENT + self.path(workspace)

    def sdk(self, workspace: str) -> "MLClient":
        """The SDK's client; the first one loads the SDK, which takes seconds."""
        with self._lock:
            if workspace not in self._clients:
                segment(workspace)
                self._clients[workspace] = _quiet_sdk().MLClient(
                    self._credential(),
                    self._subscription_id,
                    self._resource_group,
                    workspace,
                    transport=self._transport,
                    retry_total=0,  # the queue waits better than a thread
                    show_progress=False,
                    enable_telemetry=False,
                )
                logger = logging.getLogger("azure.ai.ml")  # each client gives it a handler of its own
                logger.handlers.clear()
                logger.propagate = True
            return self._clients[workspace]

    def close(self) -> None:
        """Close the connections of all clients."""
        self._transport.close()

    @cached_property
    def _transport(self) -> Any:
        from bridge.adapters.transport import pooled_transport  # it loads requests

        return pooled_transport(self._endpoint, self._read_seconds, self._pace, self._telemetry)


@cache
def _quiet_sdk() -> Any:
    """azure.ai.ml, without what it does besides its calls, and has no switch for; none of it is a public name.

    - A process for `git` on every submission: it would describe this app's repository in every job's properties.
    - A thread for every long-running operation: it would ask for many minutes how a deployment gets on, and print
      a dot each time. Who began one looks again by a message, which outlives this process.
    """
    with _kept_for_good():
        import azure.ai.ml
        from azure.ai.ml._restclient.arm_ml_service.operations import _operations
        from azure.ai.ml.operations import _job_operations, _online_deployment_operations

    setattr(_job_operations, "get_git_properties", dict)  # noqa: B010 - no public name
    setattr(_online_deployment_operations, "AzureMLPolling", _no_polling)  # noqa: B010 - no public name
    setattr(_operations, "ARMPolling", _no_polling)  # noqa: B010 - no public name; operations on endpoints use it
    return azure.ai.ml


@contextmanager
def _kept_for_good() -> Iterator[None]:
    """Spare the garbage collector what the SDK's modules hold, two hundred thousand objects that never go.

    It would go through all of them in each full round, and every thread would wait for it; while they are loaded it
    would do so again and again, which is a fifth of the time that loading takes.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def _no_polling(*_: Any, **__: Any) -> Any:
    """For the SDK an operation is finished once it is accepted, so it starts no thread."""
    from azure.core.polling import NoPolling

    return NoPolling()  # type: ignore[no-untyped-call]  # azure-core leaves it untyped
