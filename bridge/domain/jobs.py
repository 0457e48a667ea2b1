"""AML jobs as the bridge sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """One pipeline job to be created: all of it a function of the request, so a repeated PUT changes nothing."""

    name: str
    workspace: str
    #: Pinned: "azureml:name:version".
    component: str
    experiment: str
    display_name: str
    #: AML takes every literal as text.
    inputs: Mapping[str, str]
    #: Data inputs, by AML's type ("uri_file", "uri_folder"): name -> (type, path).
    data_inputs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    compute: str | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as AML returns it. It carries neither times of running nor an error: those are in its details."""

    name: str
    #: In our spelling, see `statuses.job_status`.
    status: str
    tags: Mapping[str, str]
    created_at: datetime | None = None
    studio_url: str | None = None
    experiment: str | None = None


@dataclass(frozen=True, kw_only=True)
class JobDetails:
    """What only the run history knows."""

    started_at: datetime | None = None
    ended_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    outputs: Mapping[str, Any] | None = None
