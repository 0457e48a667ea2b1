"""What the services need of the world, as protocols; the adapters are the world."""

from bridge.ports.bridge import Authenticator, Bridge, Clock, DashboardOptions, Outbound, Reactions
from bridge.ports.jobs import JobClient
from bridge.ports.ledger import ACTIVE, DeadLetterFilter, DecisionFilter, Ledger, RunFilter, RunSearch
from bridge.ports.queues import Body, EventPublisher, Message, MessageSender, OutgoingMessage, QueueDepths
from bridge.ports.reactions import DataFactories, Deployments, Notifier

__all__ = [
    "ACTIVE",
    "Authenticator",
    "Body",
    "Bridge",
    "Clock",
    "DashboardOptions",
    "DataFactories",
    "DeadLetterFilter",
    "DecisionFilter",
    "Deployments",
    "EventPublisher",
    "JobClient",
    "Ledger",
    "Message",
    "MessageSender",
    "Notifier",
    "Outbound",
    "OutgoingMessage",
    "QueueDepths",
    "Reactions",
    "RunFilter",
    "RunSearch",
]
