"""The emulated workspace and the real SDK on it, as the tests of the Azure ML emulator use them."""

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx

from bridge.local.processes import emulator, free_port
from tests.emulators.loopback import LocalCredential, LoopbackTransport
from tests.eventually import eventually

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import PipelineJob

SUBSCRIPTION, GROUP, WORKSPACE = "11111111-1111-1111-1111-111111111111", "rg-ml", "ws1"
SCOPE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
)
#: What azure-ai-ml warns of when it is imported: its schemas were written for an older marshmallow.
SDK_WARNINGS = "ignore::marshmallow.warnings.Marshmallow4Warning"
#: Jobs wait a minute where the emulator's ordinary ones wait a second: tests push the clock, and never race it.
SECOND = 60.0


class AmlService:
    """A running emulator with its control surface, seeded with the pipeline `train`."""

    def __init__(self, *arguments: str) -> None:
        self.port, control = free_port(), free_port()
        # Operations are polled without a wait, as fast as tests can push the clock.
        started_with = ("--time-scale", str(SECOND), "--poll-seconds", "0.01", "--workspace-scope", SCOPE)
        self._process = emulator("aml", self.port, control, *started_with, *arguments)
        self.control = httpx.Client(base_url=f"http://127.0.0.1:{control}", trust_env=False, timeout=10)
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            trust_env=False,
            timeout=10,
            headers={"Authorization": "Bearer token", "x-azureml-token": "token"},
        )
        self.transport = LoopbackTransport(self.port)

    def __enter__(self) -> Self:
        self._process.start()
        self._process.wait_until_healthy()
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.transport.shut()
        self.control.close()
        self.http.close()
        self._process.stop()

    def begin(self) -> None:
        """The state that every test starts from."""
        self.tell("/reset")
        eventually(lambda: not self.ask("/events")["waiting"])  # a request that is under way still arrives
        self.seed(
            "train",
            inputs={"table": {"type": "string"}, "rows": {"type": "integer", "optional": True, "default": "10"}},
            outputs={"model": {"type": "uri_folder"}},
        )

    def seed(self, name: str, version: str = "1", **more: Any) -> None:
        self.tell("/components", name=name, version=version, **more)

    def tell(self, path: str, **body: Any) -> Any:
        answer = self.control.post(path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def ask(self, path: str) -> Any:
        answer = self.control.get(path)
        answer.raise_for_status()
        return answer.json()

    def advance(self, seconds: float) -> None:
        """Push the clock by this many seconds of an ordinary job's life."""
        self.tell("/clock", advance_seconds=seconds * SECOND)

    def fault(self, kind: str, match: dict[str, Any], times: int | None = 1, **params: Any) -> str:
        return str(self.tell("/faults", kind=kind, match=match, times=times, params=params)["id"])

    def struck(self, fault_id: str) -> int:
        return int(self.ask(f"/faults/{fault_id}")["struck"])

    def client(self, workspace: str = WORKSPACE, transport: LoopbackTransport | None = None) -> "MLClient":
        from azure.ai.ml import MLClient

        client = MLClient(
            LocalCredential(),
            SUBSCRIPTION,
            GROUP,
            workspace,
            transport=transport or self.transport,
            show_progress=False,
            retry_total=0,
        )
        logging.getLogger("azure.ai.ml").handlers.clear()
        return client

    def wait_for_requests(self, operation: str, count: int) -> None:
        eventually(lambda: self.ask("/requests")["operations"].get(operation, 0) >= count)

    def events_settled(self) -> dict[str, int]:
        """The publisher's counts, once nothing is under way."""

        def counts() -> dict[str, int] | None:
            now: dict[str, int] = self.ask("/events")
            return now if not now["waiting"] and now["published"] else None

        return eventually(counts)


def pipeline(
    name: str, *, component: str = "train", tags: dict[str, str] | None = None, **inputs: Any
) -> "PipelineJob":
    """A job of a registered component, as the bridge builds them."""
    from azure.ai.ml.entities import PipelineJob

    return PipelineJob(
        component=f"{SCOPE}/components/{component}/versions/1",
        name=name,
        experiment_name="churn",
        tags=tags or {},
        inputs=inputs or {"table": "DB.S.T"},
    )
