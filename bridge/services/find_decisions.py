"""Looks up what rules made of events."""

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.ports import Bridge, DecisionFilter


def find_decisions(wanted: DecisionFilter, bridge: Bridge) -> Sequence[Mapping[str, Any]]:
    """Newest first. Raises: RetryableError."""
    return bridge.ledger.decisions(wanted)
