"""Deployments of models at managed online endpoints, as the bridge sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class DeploymentRequest:
    """One deployment to be made: a function of the model and the rule, so that a repeated one changes nothing."""

    workspace: str
    endpoint: str
    name: str
    model_name: str
    model_version: str
    instance_type: str
    instance_count: int
    #: "azureml:name:version"; None for a model that brings its own.
    environment: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class DeploymentState(StrEnum):
    """What AML says of it, in our words."""

    WORKING = "WORKING"  # creating, updating, scaling, and every word that is not known
    READY = "READY"
    FAILED = "FAILED"  # also canceled, and being deleted


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A deployment as AML shows it."""

    name: str
    state: DeploymentState
    #: "name:version", where AML says it.
    model: str | None = None
    #: Percent of the endpoint's traffic.
    traffic: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    #: The endpoint itself: traffic can only be moved while it is ready.
    endpoint_state: DeploymentState = DeploymentState.READY
    error_message: str | None = None
