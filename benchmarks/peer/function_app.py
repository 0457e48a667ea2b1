"""The peer: what people write first, an external function that makes a client and a job for each row.

Written as well as that can be: rows are answered one by one, a bad row is data, the job is addressed by the
component's ARM id so that nothing is read before the one PUT, and nothing is validated on the way. It knows no keys,
queues, retries or ledger. The transport only leads the SDK to the emulator; each client has its own, as it would.
"""

import json
import os
import uuid
from typing import Any

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
COMPONENT = "churn_training"
VERSION = "3"


@app.route(route="submit_run", methods=["POST"])
def submit_run(req: func.HttpRequest) -> func.HttpResponse:
    rows = json.loads(req.get_body())["data"]
    answer = {"data": [[row[0], _submitted(row[1])] for row in rows]}
    return func.HttpResponse(json.dumps(answer), mimetype="application/json")


def _submitted(inputs: dict[str, Any]) -> dict[str, str]:
    try:
        return {"status": "SUBMITTED", "job": _submit(inputs)}
    except Exception as error:
        return {"status": "ERROR", "error": str(error)}


def _submit(inputs: dict[str, Any]) -> str:
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import PipelineJob

    from bridge.adapters.credential import app_credential
    from bridge.adapters.pacing import Pace
    from bridge.adapters.transport import pooled_transport

    subscription, group = os.environ["AML_SUBSCRIPTION_ID"], os.environ["AML_RESOURCE_GROUP"]
    workspace, endpoint = os.environ["AML_WORKSPACE"], os.environ["AML_ENDPOINT"]
    transport = pooled_transport(endpoint, 30, Pace(writes_per_second=10_000))
    client = MLClient(
        app_credential("", endpoint)(), subscription, group, workspace, transport=transport, enable_telemetry=False
    )
    path = (
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices"
        f"/workspaces/{workspace}/components/{COMPONENT}/versions/{VERSION}"
    )
    job = PipelineJob(name=f"peer-{uuid.uuid4().hex}", component=path, inputs=inputs, experiment_name="churn")
    return str(client.jobs.create_or_update(job, skip_validation=True).name)
