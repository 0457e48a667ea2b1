"""Do the workspace's events reach the queue of the app, and as what?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.adapters.arm import segment
from bridge.doctor.findings import Finding, fail, ok, skipped, warn
from bridge.doctor.mends import command
from bridge.doctor.queue_checks import namespace
from bridge.doctor.subject import Subject
from bridge.doctor.workspace_checks import workspace_path
from bridge.domain.aml_events import WORKSPACE_DOOR
from bridge.domain.errors import BridgeError
from bridge.domain.inbound import DOOR_PROPERTY
from bridge.domain.queues import Queue

CHECK, DOOR, TYPES = "events.subscription", "events.door", "events.types"
SCHEMA, DEAD, STATE = "events.schema", "events.dead-letters", "events.state"
VERSION = "2022-06-15"
TEMPLATE = "infra/workspace_events.bicep"
PREFIX = "Microsoft.MachineLearningServices."
EVENT_TYPES = ("RunStatusChanged", "RunCompleted", "ModelRegistered", "ModelDeployed", "DatasetDriftDetected")
SCHEMAS = frozenset({"EventGridSchema", "CloudEventSchemaV1_0"})


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One subscription that brings events to the app's queue."""

    topic: str
    name: str
    #: Its resource id.
    path: str
    properties: Mapping[str, Any]

    @property
    def label(self) -> str:
        return f"subscription {self.name} of {self.topic}"

    @property
    def group(self) -> str:
        return self.path.split("/")[4]

    @property
    def destination(self) -> Mapping[str, Any]:
        return destination_of(self.properties)

    def update(self, *options: str) -> str:
        return command(
            "az", "eventgrid", "system-topic", "event-subscription", "update", "--name", self.name,
            "--resource-group", self.group, "--system-topic-name", self.topic, *options,
        )  # fmt: skip


def check_events(subject: Subject) -> Iterator[Finding]:
    """Of each workspace that exists."""
    try:
        topics = _topics(subject)
    except BridgeError as error:
        scope = f"/subscriptions/{subject.settings.subscription_id}"
        mend = command("az", "role", "assignment", "create", "--assignee", "<who runs this>",
                       "--role", "EventGrid EventSubscription Reader", "--scope", scope)  # fmt: skip
        yield skipped(CHECK, "Event Grid: not looked at", str(error), mend=mend)
        return
    for workspace in sorted(subject.workspaces):
        yield from _workspace(subject, workspace, topics)


def _topics(subject: Subject) -> Sequence[Mapping[str, Any]]:
    subscription = segment(subject.settings.subscription_id)
    return subject.azure.listed(f"/subscriptions/{subscription}/providers/Microsoft.EventGrid/systemTopics", VERSION)


def _workspace(subject: Subject, workspace: str, topics: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    source = workspace_path(subject.settings, workspace).lower()
    own = [each for each in topics if str((each.get("properties") or {}).get("source", "")).lower() == source]
    if not own:
        cause = "the workspace has no system topic of Event Grid: rules see nothing, ends of runs are told late"
        yield fail(CHECK, f"events of {workspace} go nowhere", cause=cause, mend=_deploy(subject, workspace))
        return
    deliveries = [delivery for topic in own for delivery in _deliveries(subject, topic)]
    if not deliveries:
        queue, names = subject.settings.queues[Queue.INBOUND_EVENTS], ", ".join(str(each["name"]) for each in own)
        cause = f"no subscription of its system topic {names} has the queue {queue} as its destination"
        what = f"events of {workspace} do not reach the app"
        yield fail(CHECK, what, cause=cause, mend=_deploy(subject, workspace, str(own[0]["name"])))
    for delivery in deliveries:
        yield from _delivery(subject, delivery)


def _deliveries(subject: Subject, topic: Mapping[str, Any]) -> Iterator[Delivery]:
    for each in subject.azure.listed(f"{topic['id']}/eventSubscriptions", VERSION):
        properties = each.get("properties") or {}
        if _is_ours(subject, destination_of(properties)):
            yield Delivery(
                topic=str(topic["name"]), name=str(each["name"]), path=str(each["id"]), properties=properties
            )


def destination_of(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where it delivers: with the topic's identity, or without."""
    with_identity = (properties.get("deliveryWithResourceIdentity") or {}).get("destination")
    return with_identity or properties.get("destination") or {}


def _is_ours(subject: Subject, destination: Mapping[str, Any]) -> bool:
    target = str((destination.get("properties") or {}).get("resourceId") or "").lower()
    scope = subject.settings.service_bus_resource_id.lower()
    end = f"/queues/{subject.settings.queues[Queue.INBOUND_EVENTS].lower()}"
    return destination.get("endpointType") == "ServiceBusQueue" and target.endswith(end) and target.startswith(scope)


def _delivery(subject: Subject, delivery: Delivery) -> Iterator[Finding]:
    problems = [
        *_door(subject, delivery),
        *_types(delivery),
        *_schema(subject, delivery),
        *_dead_letters(delivery),
        *_state(delivery),
    ]
    queue = subject.settings.queues[Queue.INBOUND_EVENTS]
    yield from problems or [ok(CHECK, f"{delivery.label} brings the workspace's events to {queue}")]


def _door(subject: Subject, delivery: Delivery) -> Iterator[Finding]:
    found = _attribute(_listed_attributes(delivery.destination))
    if found is None:  # what lists subscriptions may leave attributes out
        try:
            more = subject.azure.post(f"{delivery.path}/getDeliveryAttributes", VERSION) or {}
        except BridgeError as error:
            yield skipped(DOOR, f"{delivery.label}: its delivery properties are not looked at", str(error))
            return
        found = _attribute(more.get("value") or [])
    if found != WORKSPACE_DOOR:
        state = f"has the delivery property {DOOR_PROPERTY}={found}" if found else f"has no {DOOR_PROPERTY}"
        what = f"{delivery.label} {state}"
        cause = f"without {DOOR_PROPERTY}={WORKSPACE_DOOR} the app takes none of Azure ML's events for true"
        mend = delivery.update("--delivery-attribute-mapping", DOOR_PROPERTY, "static", WORKSPACE_DOOR, "false")
        yield fail(DOOR, what, cause=cause, mend=mend)


def _listed_attributes(destination: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (destination.get("properties") or {}).get("deliveryAttributeMappings") or []


def _attribute(mappings: Sequence[Mapping[str, Any]]) -> str | None:
    for each in mappings:
        if each.get("name") == DOOR_PROPERTY and str(each.get("type")).lower() == "static":
            return str((each.get("properties") or {}).get("value"))
    return None


def _types(delivery: Delivery) -> Iterator[Finding]:
    included = (delivery.properties.get("filter") or {}).get("includedEventTypes")
    if not included:
        return  # every type
    known = {str(each).lower() for each in included}
    missing = [name for name in EVENT_TYPES if f"{PREFIX}{name}".lower() not in known]
    if missing:
        what = f"{delivery.label} leaves out {', '.join(missing)}"
        wanted = [*map(str, included), *(PREFIX + name for name in missing)]
        cause = "rules about them never see one, and ends of runs may be told late"
        yield warn(TYPES, what, cause=cause, mend=delivery.update("--included-event-types", *wanted))


def _schema(subject: Subject, delivery: Delivery) -> Iterator[Finding]:
    schema = str(delivery.properties.get("eventDeliverySchema") or "EventGridSchema")
    if schema not in SCHEMAS:
        what = f"{delivery.label} delivers in the schema {schema}"
        delete = command(
            "az", "eventgrid", "system-topic", "event-subscription", "delete", "--name", delivery.name,
            "--resource-group", delivery.group, "--system-topic-name", delivery.topic,
        )  # fmt: skip
        deploy = _deploy(subject, subject.settings.workspace, delivery.topic)
        yield fail(SCHEMA, what, cause="the app reads EventGridSchema and CloudEvents", mend=f"{delete}\n{deploy}")


def _dead_letters(delivery: Delivery) -> Iterator[Finding]:
    with_identity = (delivery.properties.get("deadLetterWithResourceIdentity") or {}).get("deadLetterDestination")
    if not (with_identity or delivery.properties.get("deadLetterDestination")):
        container = "<storage account id>/blobServices/default/containers/dead-events"
        what = f"{delivery.label} has no place for events that cannot be delivered"
        mend = f"{delivery.update('--deadletter-endpoint')} '{container}'"
        yield warn(DEAD, what, cause="after a day of tries they would be dropped", mend=mend)


def _state(delivery: Delivery) -> Iterator[Finding]:
    state = str(delivery.properties.get("provisioningState") or "Succeeded")
    if state != "Succeeded":
        show = delivery.update().replace(" update ", " show ")
        yield fail(STATE, f"{delivery.label} is {state}", cause="Event Grid delivers nothing by it", mend=show)


def _deploy(subject: Subject, workspace: str, topic: str = "") -> str:
    """The project's template, which makes topic, subscription and the right to send; a topic that is there stays."""
    group, name = namespace(subject)
    parameters = [f"workspaceName={workspace}", f"bridgeResourceGroup={group}", f"serviceBusNamespace={name}"]
    return command(
        "az", "deployment", "group", "create", "--resource-group", subject.settings.resource_group,
        "--template-file", TEMPLATE, "--parameters", *parameters, "storageAccount=<of the app>",
        *([f"topicName={topic}"] if topic else []),
    )  # fmt: skip
