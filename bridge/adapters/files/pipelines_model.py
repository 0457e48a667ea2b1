"""What may stand in pipelines.yaml, as models: they check the file, and they are its JSON Schema for editors."""

import re
from collections.abc import Collection
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, model_validator

from bridge.adapters.files.pipelines_inputs import InputEntry, read_input
from bridge.adapters.files.yaml_fields import (
    PINNED,
    AzureName,
    Entry,
    EntryName,
    InputName,
    Timeout,
    Version,
    one_line,
    pinned,
)
from bridge.domain.callers import APP_ROLE_PREFIX
from bridge.domain.inputs import closest, shown
from bridge.domain.pipelines import MAX_INPUTS, Allow, Pipeline

_APP_ROLE = re.compile(r"[!-~]{1,120}")
_APP_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _pinned(component: str) -> str:
    return pinned(component, "components", "a repeated request would run something else")


def _allowed_workspace(name: str, info: ValidationInfo) -> str:
    known: Collection[str] | None = info.context
    if known is not None and name not in known:
        near = closest(name, known)
        hint = (
            f"did you mean {near}?"
            if near
            else f"use one of {', '.join(sorted(known))}, or add it to ALLOWED_WORKSPACES"
        )
        raise ValueError(f"{shown(name)} is not among the allowed workspaces: {hint}")
    return name


def _free_tag(name: str) -> str:
    if name.lower().startswith("bridge"):
        raise ValueError("begins with bridge, which the bridge's own tags do: use another name")
    return name


def _principal(entry: str) -> str:
    if re.search(r"[?\[\]]", entry):
        raise ValueError(f"is {shown(entry)}: only * is a wildcard here")
    if _APP_ID.fullmatch(entry):
        raise ValueError(f"is {shown(entry)}: for an application of Entra write app:{entry.lower()}")
    if entry.startswith("app:") and "*" not in entry:
        if not _APP_ID.fullmatch(entry.removeprefix("app:")):
            raise ValueError(f"is {shown(entry)}: give the application's id, app:00000000-0000-0000-0000-000000000000")
        return entry.lower()  # as callers are named
    if entry.startswith(APP_ROLE_PREFIX) and not _APP_ROLE.fullmatch(entry.removeprefix(APP_ROLE_PREFIX)):
        raise ValueError(f"is {shown(entry)}: give the value of an app role, such as approle:Bridge.Submit")
    return entry


Workspace = Annotated[AzureName, AfterValidator(_allowed_workspace)]
Principal = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(one_line), AfterValidator(_principal)]
Role = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(one_line)]
TagName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(one_line), AfterValidator(_free_tag)]
TagValue = Annotated[str, Field(max_length=1000), AfterValidator(one_line)]
Component = Annotated[
    str, AfterValidator(_pinned), WithJsonSchema({"type": "string", "pattern": f"^{PINNED.pattern}$"})
]


_PRINCIPALS = (
    'Such as key, service, "app:ID" with the id of an Entra application, "approle:Bridge.Submit" with the value of an '
    'app role, "event:custom" or "queue:run-commands"; * stands for any text. '
    "Events, queues and app roles are allowed only by an entry that begins with event:, queue: or approle:."
)
_ROLES = (
    "Snowflake roles as CURRENT_ROLE spells them: upper case, unless they were created in quotes. "
    "They come with external functions, where SNOWFLAKE_CLIENT_IDS of the app names Snowflake's application."
)


class TargetEntry(Entry):
    """What a run starts."""

    kind: Annotated[Literal["aml_pipeline"], Field(description="An Azure ML pipeline job made from a component.")]
    component: Annotated[
        Component, Field(description="The registered component with its version, azureml:NAME:VERSION.")
    ]
    workspace: Annotated[Workspace | None, Field(description="Where it runs, if not in the app's own workspace.")] = (
        None
    )
    compute: Annotated[AzureName | None, Field(description="Default compute of the steps, if not the component's.")] = (
        None
    )


class AllowEntry(Entry):
    """Who may run the pipeline: everyone named by a principal or a role."""

    principals: Annotated[list[Principal], Field(default_factory=list, max_length=200, description=_PRINCIPALS)]
    roles: Annotated[list[Role], Field(default_factory=list, max_length=200, description=_ROLES)]

    @model_validator(mode="after")
    def _names_someone(self) -> Self:
        if not self.principals and not self.roles:
            raise ValueError("names nobody: add principals or roles, or leave allow out to let every HTTP caller in")
        return self


class PipelineEntry(Entry):
    """A pipeline that may be run."""

    description: Annotated[str, Field(max_length=5000, description="For the people who call it.")] = ""
    target: Annotated[TargetEntry, Field(description="What a run starts: kind and component.")]
    experiment: Annotated[AzureName | None, Field(description="Azure ML experiment; usually the pipeline's name.")] = (
        None
    )
    timeout: Annotated[
        Timeout | None, Field(description="A run that takes longer is canceled: 90m, 6h, 2d, 1h30m or PT6H.")
    ] = None
    max_active_runs: Annotated[
        int | None,
        Field(ge=1, le=1000, description="Further runs wait while so many jobs of the pipeline have not ended."),
    ] = None
    tags: Annotated[
        dict[TagName, TagValue], Field(default_factory=dict, max_length=20, description="Tags of each job.")
    ]
    allow: Annotated[
        AllowEntry | None, Field(description="Who may run it; without it, every caller of an HTTP door.")
    ] = None
    inputs: Annotated[
        dict[InputName, InputEntry],
        Field(
            default_factory=dict, max_length=MAX_INPUTS, description="What callers may give, by the component's names."
        ),
    ]

    def pipeline(self, name: str) -> Pipeline:
        """For the domain."""
        allow = self.allow
        return Pipeline(
            name=name,
            description=self.description,
            workspace=self.target.workspace,
            component=self.target.component,
            experiment=self.experiment or name,
            compute=self.target.compute,
            inputs={key: read_input(key, entry)[0] for key, entry in self.inputs.items()},
            tags=self.tags,
            timeout=self.timeout,
            max_active_runs=self.max_active_runs,
            allow=Allow(principals=frozenset(allow.principals), roles=frozenset(allow.roles)) if allow else None,
        )


class FileEntry(Entry):
    """The pipelines that the bridge may run."""

    version: Version
    pipelines: Annotated[
        dict[EntryName, PipelineEntry],
        Field(min_length=1, max_length=1000, description="By name, as callers give it."),
    ]
