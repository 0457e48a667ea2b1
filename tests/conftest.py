"""Fixtures for every kind of test: the bridge over ports in memory, and an environment without credentials."""

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueues, MemoryTopics
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.adapters.memory_reactions import MemoryDataFactories, MemoryDeployments, MemoryNotifier
from bridge.domain.callers import KeyAuthenticator
from bridge.domain.inputs import InputSpec, InputType
from bridge.domain.pipelines import Allow, Catalogue, Pipeline
from bridge.domain.places import Places
from bridge.domain.retry import RetryPolicy
from bridge.domain.rules import Rules
from bridge.ports import Bridge, Outbound, Reactions

FOREIGN = (
    *("ALLOWED_", "AML_", "AUTH_MODE", "AZURE_", "BRIDGE_", "ENTRA_", "EVENT_GRID_", "INBOUND_", "NOTIFY_", "RUN_"),
    *("PIPELINES_FILE", "RULES_FILE", "SNOWFLAKE_", "ServiceBus"),
)


#: Whose files take minutes, the longest first. Packages with a stack of their own are in one piece, so that a process
#: starts it once and ends it after the last of them: one that nobody uses any more would still take its part.
LONG = (
    *("tests/benchmarks/test_bench", "tests/browser/", "tests/e2e/test_large_batch", "tests/e2e/", "tests/docs/"),
    *("tests/sql/", "tests/fuzz/test_requests", "tests/security/", "tests/examples/", "tests/contract/"),
    *("tests/unit/test_rules_", "tests/procedures/", "tests/emulators/"),
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, in whatever order otherwise: one that comes last would keep one process busy alone."""
    items.sort(key=lambda item: next((rank for rank, name in enumerate(LONG) if name in item.nodeid), len(LONG)))


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_developer() -> Iterator[None]:
    """A test sees the settings that it makes, never those of the shell it was started from."""
    patch = pytest.MonkeyPatch()
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        patch.delenv(name)
    yield
    patch.undo()


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock()


@pytest.fixture
def queues() -> MemoryQueues:
    return MemoryQueues()


@pytest.fixture
def jobs(clock: MemoryClock) -> MemoryJobs:
    return MemoryJobs(clock)


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def topics() -> MemoryTopics:
    return MemoryTopics()


@pytest.fixture
def deployments() -> MemoryDeployments:
    return MemoryDeployments(endpoints={"churn-online"})


@pytest.fixture
def notifier() -> MemoryNotifier:
    return MemoryNotifier(channels={"ops"})


@pytest.fixture
def factories() -> MemoryDataFactories:
    return MemoryDataFactories(pipelines={("laptop-factory", "copy-scores")})


@pytest.fixture
def reactions(deployments: MemoryDeployments, notifier: MemoryNotifier, factories: MemoryDataFactories) -> Reactions:
    """No rules yet; nothing of the bridge's own is published."""
    return Reactions(rules=Rules(), deployments=deployments, notifier=notifier, factories=factories)


@pytest.fixture
def bridge(  # noqa: PLR0917 - one for each port
    clock: MemoryClock,
    queues: MemoryQueues,
    jobs: MemoryJobs,
    ledger: MemoryLedger,
    topics: MemoryTopics,
    reactions: Reactions,
) -> Bridge:
    return Bridge(
        name="bridge",
        workspace="ws1",
        workspaces=frozenset({"ws1"}),
        workspace_ids=frozenset({WORKSPACE_ID.lower()}),
        catalogue=Catalogue([pipeline("train"), pipeline("limited", timeout=timedelta(hours=1))]),
        jobs=jobs,
        sender=queues,
        ledger=ledger,
        outbound=Outbound(
            publisher=topics,
            topics={"main": "https://main.test/api/events", "other": "https://other.test/api/events"},
            default_topic="main",
            queues=frozenset({"reports"}),
        ),
        reactions=reactions,
        authenticator=KeyAuthenticator(),
        clock=clock,
        retry=RetryPolicy(tries=3),
        places=Places(),
        record_window=timedelta(seconds=30),
        sweep_days=3,
        record_all_events=False,
    )


WORKSPACE_ID = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg"
    "/providers/Microsoft.MachineLearningServices/workspaces/ws1"
)


def pipeline(name: str, timeout: timedelta | None = None) -> Pipeline:
    """A pipeline with one required and one optional input, open to HTTP and to the queue."""
    inputs = (
        InputSpec(name="as_of", type=InputType.DATE, required=True),
        InputSpec(name="rows", type=InputType.INTEGER, default=1000, minimum=0),
    )
    return Pipeline(
        name=name,
        experiment="churn",
        component="azureml:churn:3",
        inputs={each.name: each for each in inputs},
        allow=Allow(principals=frozenset({"key", "queue:run-commands"})),
        timeout=timeout,
    )
