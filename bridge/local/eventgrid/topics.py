"""Topics as configured: who may publish, and where their one subscription delivers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: The topic that the Azure ML emulator's events belong to.
WORKSPACE = "workspace"
_KNOWN = frozenset({"key", "door", "queue", "webhook", "max_attempts", "ttl_minutes"})


@dataclass(frozen=True)
class Topic:
    """One topic with its subscription."""

    name: str
    #: The value of the delivery property `bridge_door`.
    door: str
    #: None for a system topic, to which nobody can publish.
    key: str | None = None
    queue: str | None = None
    webhook: str | None = None
    max_attempts: int = 30
    ttl_minutes: float = 1440

    @property
    def resource_id(self) -> str:
        return (
            "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/emulator"
            f"/providers/Microsoft.EventGrid/topics/{self.name}"
        )

    @property
    def subscription(self) -> str:
        return f"{self.name}-bridge".upper()


def topics_of(configuration: Mapping[str, Any]) -> dict[str, Topic]:
    """Topics from {"topics": {name: {key?, door?, queue | webhook, max_attempts?, ttl_minutes?}}}."""
    topics = {}
    for name, given in configuration["topics"].items():
        unknown = set(given) - _KNOWN
        if unknown:
            raise ValueError(f"topic {name}: unknown {', '.join(sorted(unknown))}")
        topic = Topic(name=name, **{"door": name, **given})
        if (topic.queue is None) == (topic.webhook is None):
            raise ValueError(f"topic {name}: give either a queue or a webhook")
        topics[name] = topic
    return topics
