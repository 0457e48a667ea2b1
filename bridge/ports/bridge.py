"""The bridge as a whole: every port together, and what the settings say beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bridge.domain.callers import CallerIdentity
from bridge.domain.pipelines import Catalogue
from bridge.domain.places import Places
from bridge.domain.retry import RetryPolicy
from bridge.domain.rules import Rules
from bridge.domain.signals import SILENT, Telemetry
from bridge.ports.jobs import JobClient
from bridge.ports.ledger import Ledger
from bridge.ports.queues import EventPublisher, MessageSender, QueueDepths
from bridge.ports.reactions import DataFactories, Deployments, Notifier


class Clock(Protocol):
    """The time, so that tests can move it."""

    def now(self) -> datetime:
        """Aware, in UTC."""


class Authenticator(Protocol):
    """Who calls by HTTP."""

    def identify(self, headers: Mapping[str, str]) -> CallerIdentity:
        """The caller as `allow` in pipelines.yaml knows it, by the request's headers, whose names have any case.

        Raises: Unauthenticated; CallerRefused; RetryableError when it cannot be found out now.
        """


@dataclass(frozen=True, kw_only=True)
class Reactions:
    """What happens by itself: the rules, and what they can do besides starting runs."""

    rules: Rules
    deployments: Deployments
    notifier: Notifier
    factories: DataFactories
    #: Endpoint of the topic of the bridge's own events; None when they are not published.
    events_topic: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outbound:
    """Where callers may send events and messages by way of the app: nowhere that is not listed here."""

    publisher: EventPublisher
    #: Endpoint by name; the name is the first label of the endpoint's host unless the settings give one.
    topics: Mapping[str, str]
    #: For callers that name none; None when there is no such topic.
    default_topic: str | None
    #: Names of queues at the broker.
    queues: frozenset[str]
    #: The app's own queue of requests, if it is among them: a message for it asks for a run, and claims no more.
    requests_queue: str | None = None


@dataclass(frozen=True, kw_only=True)
class DashboardOptions:
    """What the page lets people do, and where it leads them."""

    #: Cancel, rerun and replay.
    has_actions: bool = False
    #: Of a query in Snowsight, up to its id; None when the account's name does not tell it.
    queries_url: str | None = None
    #: Where the platform lets people sign in; None when they come with a key, or not at all.
    sign_in_path: str | None = None


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """Everything the services work with. Its adapters load their SDKs on first use."""

    #: Tells the jobs of several bridges in one workspace apart.
    name: str
    #: For pipelines that name none.
    workspace: str
    #: Every workspace that a pipeline may use, by name.
    workspaces: frozenset[str]
    #: Their ARM ids, lower case: only their events count.
    workspace_ids: frozenset[str]
    catalogue: Catalogue
    jobs: JobClient
    sender: MessageSender
    ledger: Ledger
    outbound: Outbound
    reactions: Reactions
    #: Of the routes that are not open to everybody.
    authenticator: Authenticator
    clock: Clock
    retry: RetryPolicy
    #: Of pipelines with `max_active_runs`, as this process sees them.
    places: Places
    #: How long a row may wait for its batch before it is written.
    record_window: timedelta
    sweep_days: int
    record_all_events: bool
    #: None while the settings do not say where the namespace is.
    queue_depths: QueueDepths | None = None
    telemetry: Telemetry = SILENT
    dashboard: DashboardOptions = DashboardOptions()
