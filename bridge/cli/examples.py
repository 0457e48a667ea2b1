"""What people type, for each command: shown in docs/cli.md. A test reads each as the program would."""

from collections.abc import Mapping, Sequence

RUN_ID = "r-tvtfimrig4yi6cq27taz3ia22v"
EXAMPLES: Mapping[str, Sequence[str]] = {
    "submit": (
        "submit churn-training --input as_of=2026-11-02 --input rows=5 --key-of-run nightly-2026-11-02",
        """submit churn-scoring --inputs '{"model": "churn:4", "table": "CUSTOMERS"}' --dry-run --local""",
        "submit always-fails --wait || echo failed",
    ),
    "pipelines list": ("pipelines list --local",),
    "pipelines check": (
        "pipelines check --file pipelines.yaml",
        "pipelines check --settings local.settings.json --json",
    ),
    "pipelines schema": ("pipelines schema > pipelines.schema.json",),
    "runs list": (
        "runs list --status FAILED --pipeline churn-training --since 2026-11-01",
        "runs list --limit 500 --json | jq -r '.runs[].run_id'",
    ),
    "runs show": (f"runs show {RUN_ID}",),
    "runs tail": (f"runs tail {RUN_ID} && echo completed", "runs tail --pipeline churn-training --since 2026-11-20"),
    "runs cancel": (f"runs cancel {RUN_ID}",),
    "runs rerun": (f"runs rerun {RUN_ID} --key-of-run again-1",),
    "dead-letters list": (
        "dead-letters list --queue run-commands --since 2026-11-01",
        "dead-letters list --broker --local",
    ),
    "dead-letters show": (
        "dead-letters show 3f1c0a52d9e84b17",
        "dead-letters show --broker run-events 17 --settings local.settings.json",
    ),
    "dead-letters replay": (
        "dead-letters replay 3f1c0a52d9e84b17",
        "dead-letters replay --broker run-events 17",
        "dead-letters replay --broker run-events --all",
    ),
    "rules check": ("rules check --settings local.settings.json",),
    "rules explain": (
        "rules explain tests/events/monitor_breached.event_grid.pascal.json",
        "rules explain - < event.json",
    ),
    "rules replay": ("rules replay --since 2026-11-01 --rule retrain-on-drift --settings local.settings.json",),
    "doctor": (
        "doctor --local",
        "doctor --app my-bridge --resource-group my-resource-group",
        "doctor --settings local.settings.json --principal-id 6f9c1c3e-0b1d-4c7a-9a51-2f1f8f6f3a10",
        "doctor --json | jq -r '.findings[] | select(.status == \"fail\") | .mend[]'",
    ),
    "sql render": ("sql render --values values.yaml", "sql render --values values.yaml --teardown --with-ledger"),
    "sql deploy": (
        "sql deploy --values values.yaml --connection my-connection",
        "sql deploy --values values.yaml --only 050 --only 060",
    ),
    "sql teardown": ("sql teardown --values values.yaml --connection my-connection",),
    "sql apim-policy": ("sql apim-policy --values values.yaml --keyless",),
}
