"""The tags that a job carries: how a job in AML is recognised as ours and led back to its request."""

from bridge.domain.commands import Origin, SubmitRun

BRIDGE = "bridge"
FINGERPRINT = "bridge_fingerprint"
PIPELINE = "bridge_pipeline"
CORRELATION_ID = "bridge_correlation_id"
RULE_CHAIN = "bridge_rule_chain"
TRACE_ID = "bridge_trace_id"
#: AML cuts nothing silently: it refuses a longer value.
VALUE_LIMIT = 1000


def origin_tags(pipeline: str, origin: Origin) -> dict[str, str]:
    """Those that the rules and the log ask for: which pipeline ended, what it belongs to, which rules led to it."""
    tags = {
        PIPELINE: pipeline,
        CORRELATION_ID: origin.correlation_id,
        TRACE_ID: origin.trace_id,
        RULE_CHAIN: ",".join(origin.rule_chain),
    }
    return {name: value[:VALUE_LIMIT] for name, value in tags.items() if value}


def of_pipeline(pipeline: str) -> str:
    """The tag's name says it, because AML filters its lists by names of tags."""
    return f"bridge-{pipeline}"


def job_tags(bridge_name: str, command: SubmitRun) -> dict[str, str]:
    """Functions of the request only, so that a repeated PUT changes nothing."""
    origin = command.origin
    tags = {
        BRIDGE: bridge_name,
        of_pipeline(command.pipeline): "1",
        PIPELINE: command.pipeline,
        FINGERPRINT: command.fingerprint,
        "bridge_source": origin.source,
        "bridge_caller": origin.principal,
        CORRELATION_ID: origin.correlation_id,
        "bridge_query_id": origin.query_id,
        TRACE_ID: origin.trace_id,
        RULE_CHAIN: ",".join(origin.rule_chain),
        "bridge_rerun_of": command.rerun_of,
    }
    ours = {name: value[:VALUE_LIMIT] for name, value in tags.items() if value}
    return {**command.tags, **ours}
