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


def moved(traffic: Mapping[str, int], deployment: str, percent: int) -> dict[str, int]:
    """The percents once the deployment has its share: the others keep their proportions in the rest.

    Azure ML takes only percents that add up to 100, or none at all: a deployment that no other shares with gets all.
    """
    others = {name: share for name, share in sorted(traffic.items()) if name != deployment and share > 0}
    if not others:
        return {deployment: 100} if percent else {}
    rest, whole = 100 - percent, sum(others.values())
    shares = {name: share * rest // whole for name, share in others.items()}
    # What rounding down left over goes to those that lost most by it.
    by_loss = sorted(others, key=lambda name: (-(others[name] * rest % whole), name))
    for name in by_loss[: rest - sum(shares.values())]:
        shares[name] += 1
    return {name: share for name, share in {**shares, deployment: percent}.items() if share}
