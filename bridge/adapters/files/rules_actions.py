"""What a rule in rules.yaml may do, as models: they check the file, and they are its JSON Schema for editors."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from bridge.adapters.files.yaml_fields import (
    PINNED,
    Entry,
    Finding,
    Scalar,
    findings_error,
    one_line,
    pinned,
)
from bridge.domain.event_fields import references, text_problem
from bridge.domain.inputs import shown
from bridge.domain.rules import (
    STAMP,
    Action,
    DataFactoryAction,
    DeployAction,
    NotifyAction,
    PublishAction,
    SubmitAction,
)

ENDPOINT = "^[A-Za-z][A-Za-z0-9-]{2,31}$"
CHANNEL = "^[a-z0-9]+(-[a-z0-9]+)*$"
INSTANCE_TYPE = "^[A-Z][A-Za-z0-9_]{1,63}$"
FACTORY = "^[A-Za-z0-9][A-Za-z0-9-]{1,61}[A-Za-z0-9]$"
FACTORY_PIPELINE = r"^[A-Za-z0-9_][^<>*#.%&:\\+?/]{0,259}$"
RESOURCE_GROUP = r"^[A-Za-z0-9_()-][A-Za-z0-9_().-]{0,88}[A-Za-z0-9_()-]$|^[A-Za-z0-9_()-]$"
#: What the patterns above say, for people.
WORDS = {
    ENDPOINT: "use 3 to 32 letters, digits and hyphens, a letter first",
    CHANNEL: "use lower-case letters, digits and hyphens: ml-team is NOTIFY_ML_TEAM_URL in the settings",
    INSTANCE_TYPE: "use the name of a size, such as Standard_DS3_v2",
    FACTORY: "use 3 to 63 letters, digits and hyphens, a letter or digit first and last",
    FACTORY_PIPELINE: r"use at most 260 characters, none of < > * # . % & : \ + ? /, the first a letter, digit or _",
    RESOURCE_GROUP: "use at most 90 letters, digits, underscores, hyphens, brackets and dots, no dot last",
}
#: Azure's own events and the bridge's: whoever could publish them could pretend that a job has ended.
_RESERVED = {"microsoft.": "Azure's own events", "bridge.": "the bridge's own events"}

_MODEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}:[A-Za-z0-9_][A-Za-z0-9_.-]{0,29}", re.ASCII)
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _text(text: str) -> str:
    if problem := text_problem(text):
        raise ValueError(problem)
    return text


def _texts(value: Any) -> Any:
    """Every text within, at any depth."""
    if findings := list(_unfillable(value, ())):
        raise findings_error(findings)
    return value


def _data(value: dict[str, Any]) -> dict[str, Any]:
    findings = list(_unfillable(value, ()))
    if STAMP in value:
        findings.append(((STAMP,), "is where the bridge says which rules led to the event: use another key"))
    if findings:
        raise findings_error(findings)
    return value


def _unfillable(value: Any, place: tuple[str | int, ...]) -> Iterator[Finding]:
    if isinstance(value, str) and (problem := text_problem(value)):
        yield place, problem
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _unfillable(item, (*place, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _unfillable(item, (*place, position))


def _model(text: str) -> str:
    if not text_problem(text) and not references(text) and not _MODEL.fullmatch(text):
        raise ValueError(f"is {shown(text)}: write NAME:VERSION, such as churn:4")
    return _text(text)


def _environment(text: str) -> str:
    return pinned(text, "environments", "a repeated deployment would get another one")


def _own_type(text: str) -> str:
    for prefix, whose in _RESERVED.items():
        if text.lower().startswith(prefix):
            raise ValueError(f"begins with {text[: len(prefix)]}, which {whose} do: use a type of your own")
    if text != text.strip():
        raise ValueError(f"is {shown(text)}: remove the spaces around it")
    return text


def _guid(text: str) -> str:
    if not _GUID.fullmatch(text):
        raise ValueError(f"is {shown(text)}: give the subscription's id, such as 00000000-0000-0000-0000-000000000000")
    return text


Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_text)]
Text = Annotated[str, Field(min_length=1, max_length=5000), AfterValidator(_text)]
Subject = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_text)]
Model = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_model)]
#: A value of an input or a parameter, in which texts may have references.
Filled = Annotated[Scalar, AfterValidator(_texts)]
Parameters = Annotated[dict[str, Any], Field(max_length=50), AfterValidator(_texts)]
#: Any JSON object, in which texts may have references.
Data = Annotated[dict[str, Any], AfterValidator(_data)]
EventType = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(one_line), AfterValidator(_own_type)]
Environment = Annotated[
    str, AfterValidator(_environment), WithJsonSchema({"type": "string", "pattern": f"^{PINNED.pattern}$"})
]
InstanceType = Annotated[str, Field(pattern=INSTANCE_TYPE)]
SubscriptionId = Annotated[str, AfterValidator(_guid)]


class SubmitEntry(Entry):
    """Start a run of a pipeline."""

    pipeline: Annotated[str, Field(description="Name of the pipeline in pipelines.yaml.")]
    inputs: Annotated[
        dict[str, Filled],
        Field(
            default_factory=dict,
            max_length=200,
            description='Values by name, with references to the event such as "${date}" or "${data.ModelName}".',
        ),
    ]

    def action(self) -> SubmitAction:
        return SubmitAction(pipeline=self.pipeline, inputs=self.inputs)


class DeployEntry(Entry):
    """Bring a registered model to a managed online endpoint."""

    endpoint: Annotated[str, Field(pattern=ENDPOINT, description="Name of the endpoint, which exists already.")]
    model: Annotated[
        Model | None,
        Field(description="NAME:VERSION, with references to the event; usually the model that was registered."),
    ] = None
    instance_type: Annotated[InstanceType, Field(description="Size of the machines.")] = DeployAction.instance_type
    instance_count: Annotated[int, Field(ge=1, le=100, description="Number of machines.")] = 1
    environment: Annotated[
        Environment | None, Field(description="azureml:NAME:VERSION, for a model that brings none of its own.")
    ] = None
    traffic: Annotated[int, Field(ge=0, le=100, description="Percent that it gets in the end.")] = 100

    def action(self) -> DeployAction:
        return DeployAction(
            endpoint=self.endpoint,
            model=self.model,
            instance_type=self.instance_type,
            instance_count=self.instance_count,
            environment=self.environment,
            traffic=self.traffic,
        )


class NotifyEntry(Entry):
    """Tell people."""

    channel: Annotated[
        str, Field(pattern=CHANNEL, description="Name of a channel in the settings: ml-team is NOTIFY_ML_TEAM_URL.")
    ]
    title: Annotated[Title | None, Field(description="Headline; usually the rule's name.")] = None
    text: Annotated[Text | None, Field(description='With references to the event, such as "${subject}".')] = None

    def action(self) -> NotifyAction:
        return NotifyAction(channel=self.channel, title=self.title, text=self.text)


class PublishEntry(Entry):
    """Publish an event."""

    topic: Annotated[str | None, Field(min_length=1, description="Name of an allowed topic; usually the default.")] = (
        None
    )
    type: Annotated[EventType, Field(description="Of the new event, such as Contoso.ModelDeployed.")]
    subject: Annotated[Subject | None, Field(description="Usually that of the event.")] = None
    data: Annotated[Data | None, Field(description="Usually that of the event; texts may have references to it.")] = (
        None
    )

    def action(self) -> PublishAction:
        return PublishAction(topic=self.topic, event_type=self.type, subject=self.subject, data=self.data)


class DataFactoryEntry(Entry):
    """Start a Data Factory pipeline."""

    factory: Annotated[str, Field(pattern=FACTORY, description="Name of the factory.")]
    pipeline: Annotated[str, Field(pattern=FACTORY_PIPELINE, description="Name of its pipeline.")]
    parameters: Annotated[
        Parameters,
        Field(
            default_factory=dict,
            description="Values by name, with references to the event such as ${data.ModelName}.",
        ),
    ]
    subscription_id: Annotated[
        SubscriptionId | None,
        Field(description="Where the factory is, if not in the app's own subscription."),
    ] = None
    resource_group: Annotated[
        str | None, Field(pattern=RESOURCE_GROUP, description="Where it is, if not in the app's own resource group.")
    ] = None
    key_parameter: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=260,
            description="A parameter of the pipeline that takes the occasion's id, so that a repeated start is found.",
        ),
    ] = None

    def action(self) -> DataFactoryAction:
        return DataFactoryAction(
            factory=self.factory,
            pipeline=self.pipeline,
            parameters=self.parameters,
            subscription_id=self.subscription_id,
            resource_group=self.resource_group,
            key_parameter=self.key_parameter,
        )


class DoEntry(Entry):
    """Exactly one action."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    submit: Annotated[SubmitEntry | None, Field(description="Start a run of a pipeline.")] = None
    deploy: Annotated[DeployEntry | None, Field(description="Bring a registered model to an endpoint.")] = None
    notify: Annotated[NotifyEntry | None, Field(description="Tell people.")] = None
    publish: Annotated[PublishEntry | None, Field(description="Publish an event to Event Grid.")] = None
    run_data_factory: Annotated[DataFactoryEntry | None, Field(description="Start a Data Factory pipeline.")] = None

    def action(self) -> Action:
        """For the domain; there is one, which is checked elsewhere."""
        entries = (self.submit, self.deploy, self.notify, self.publish, self.run_data_factory)
        return next(entry.action() for entry in entries if entry is not None)


#: By the word for it.
ACTIONS: Mapping[str, type[Entry]] = {
    "submit": SubmitEntry,
    "deploy": DeployEntry,
    "notify": NotifyEntry,
    "publish": PublishEntry,
    "run_data_factory": DataFactoryEntry,
}
