"""What in rules.yaml is allowed and hardly meant: rules that would wait for events which may never come."""

from collections.abc import Iterator
from typing import Any

from bridge.adapters.files.rules_checks import PlainRule, mapping
from bridge.adapters.files.rules_model import doubtful_kind
from bridge.adapters.files.yaml_fields import Finding
from bridge.domain import aml_events
from bridge.domain.inputs import shown

#: Azure ML's words for the ends of a run, in lower case.
_ENDS = frozenset({"completed", "finished", "failed", "canceled", "cancelled"})
_RUN_STATUS = "data.runstatus"


def rule_warnings(rule: PlainRule) -> Iterator[Finding]:
    """Places are within the rule."""
    if set(rule.kinds) == {aml_events.DATASET_DRIFT_DETECTED}:
        yield (
            ("on",),
            "DatasetDriftDetected comes no more: data drift of SDK v1 was retired on 2025-09-01; "
            "model monitors report a drift as ModelMonitorBreached, add it",
        )
    for word in _ends(rule):
        yield (
            ("on",),
            f"Azure ML may send no {word} for the end of a run: "
            "for runs of the bridge use Bridge.RunEnded, which always comes and has status, error_message and outputs",
        )
    for word in rule.kinds.values():
        if near := doubtful_kind(word):
            yield ("on",), f"{shown(word)} is taken for a type of your own: if it is Azure ML's, write {near}"


def _ends(rule: PlainRule) -> Iterator[str]:
    """The kinds by which it asks for the end of a run."""
    for kind, word in rule.kinds.items():
        if kind == aml_events.RUN_COMPLETED or (kind == aml_events.RUN_STATUS_CHANGED and _asks_for_end(rule)):
            yield word


def _asks_for_end(rule: PlainRule) -> bool:
    where = mapping(rule.data.get("where"))
    return any(_ENDS & _wanted(condition) for path, condition in where.items() if path.lower() == _RUN_STATUS)


def _wanted(condition: Any) -> set[str]:
    """The values that a condition lets through, in lower case."""
    if isinstance(condition, dict):
        return _wanted(condition.get("equals", [])) | _wanted(condition.get("in", []))
    values = condition if isinstance(condition, list) else [condition]
    return {value.lower() for value in values if isinstance(value, str)}
