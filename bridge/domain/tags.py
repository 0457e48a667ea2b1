"""The tags that a job carries: how a job in AML is recognised as ours and led back to its request."""

from bridge.domain.commands import SubmitRun

BRIDGE = "bridge"
FINGERPRINT = "bridge_fingerprint"
PIPELINE = "bridge_pipeline"
#: AML cuts nothing silently: it refuses a longer value.
VALUE_LIMIT = 1000


def job_tags(bridge_name: str, command: SubmitRun) -> dict[str, str]:
    """Functions of the request only. `bridge-{pipeline}` exists because AML filters lists by tag name."""
    origin = command.origin
    tags = {
        BRIDGE: bridge_name,
        f"bridge-{command.pipeline}": "1",
        PIPELINE: command.pipeline,
        FINGERPRINT: command.fingerprint,
        "bridge_source": origin.source,
        "bridge_caller": origin.principal,
        "bridge_correlation_id": origin.correlation_id,
        "bridge_query_id": origin.query_id,
        "bridge_trace_id": origin.trace_id,
        "bridge_rule_chain": ",".join(origin.rule_chain),
        "bridge_rerun_of": command.rerun_of,
    }
    ours = {name: value[:VALUE_LIMIT] for name, value in tags.items() if value}
    return {**command.tags, **ours}
