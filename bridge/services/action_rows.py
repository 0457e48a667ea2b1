"""Rows of RULE_ACTIONS about what a rule had done, and what came of it."""

from collections.abc import Mapping
from typing import Any

from bridge.domain.actions import Occasion
from bridge.domain.identity import short_hash
from bridge.domain.records import ActionStatus, RuleAction
from bridge.ports import Bridge


def action_row(
    action: str,
    why: Occasion,
    status: ActionStatus,
    bridge: Bridge,
    *,
    reason: str | None = None,
    run_id: str | None = None,
    payload: Mapping[str, Any] | None = None,
    attempt: int = 1,
) -> RuleAction:
    """The same step of the same action on the same event is the same row, whoever took it and however often."""
    return RuleAction(
        decision_id=short_hash([why.action_id, why.event_id, status, str(attempt)]),
        action_id=why.action_id,
        rule=why.rule,
        event_id=why.event_id,
        event_type=why.event_type,
        action=action,
        status=status,
        reason=reason,
        run_id=run_id or why.run_id,
        correlation_id=why.correlation_id,
        payload=payload,
        occurred_at=bridge.clock.now(),
    )
