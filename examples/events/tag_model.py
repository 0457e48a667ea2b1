"""Registers a training step's model so that what follows can be led back to the run that trained it.

The event ModelRegistered names no run: the model's own tags have to say what it belongs to.
"""

import importlib
import os
from collections.abc import Mapping
from typing import Any

#: The bridge's tags of the job, as they are.
KEPT = ("bridge_correlation_id", "bridge_rule_chain")


def bridge_tags(client: Any, run_id: str) -> dict[str, str]:
    """What the model carries on from its run: the correlation id, the rules that led here, and the run itself."""
    tags: Mapping[str, str] = client.get_run(run_id).data.tags
    return {**{name: tags[name] for name in KEPT if name in tags}, "bridge_run_id": run_id}


def register(mlflow: Any, name: str, model: str, stage: str) -> Any:
    """Register `model` with all tags in one call: its event has the tags of that moment, later ones come too late."""
    tags = bridge_tags(mlflow.MlflowClient(), os.environ["AZUREML_ROOT_RUN_ID"])
    return mlflow.register_model(model, name, tags={"stage": stage, **tags})


def main() -> None:
    """In a component: `model` is the folder that the step has logged to its MLflow run."""
    mlflow = importlib.import_module("mlflow")  # of the component's environment
    register(mlflow, "churn", f"runs:/{os.environ['MLFLOW_RUN_ID']}/model", stage="prod")


if __name__ == "__main__":
    main()
