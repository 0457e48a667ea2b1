"""Are the queues there, may the app send and receive, are they set as they must be, and do dead letters wait?"""

import threading
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from bridge.adapters.arm import segment
from bridge.doctor import permissions
from bridge.doctor.broker import LOOKED_AT, Broker, NoSuchQueue, NotLetIn, namespace_of
from bridge.doctor.findings import Finding, fail, ok, skipped, warn
from bridge.doctor.identity_checks import assignee, who
from bridge.doctor.mends import command
from bridge.doctor.queue_shapes import creation, differences
from bridge.doctor.subject import Subject
from bridge.domain.errors import BridgeError
from bridge.domain.queues import Queue

EXISTS, ACCESS, SHAPE = "queues.exist", "queues.access", "queues.settings"
ROLES, DEAD = "roles.queues", "queues.dead-letters"
VERSION = "2021-11-01"
SEND, RECEIVE = "Azure Service Bus Data Sender", "Azure Service Bus Data Receiver"
RIGHTS = {
    SEND: "Microsoft.ServiceBus/namespaces/queues/messages/send/action",
    RECEIVE: "Microsoft.ServiceBus/namespaces/queues/messages/receive/action",
}


def check_queues(subject: Subject) -> Iterator[Finding]:
    """As the app reaches them: a link to send and one to receive, all at once, because each takes half a second."""
    if not (subject.settings.service_bus or subject.has_token):
        yield skipped(EXISTS, "queues: not looked at", "it needs identity: without a token nobody is let in")
        return
    found: dict[tuple[Queue, str], BridgeError | None] = {}
    broker = Broker(subject.settings, subject.azure)

    def try_link(queue: Queue, role: str) -> None:
        name = subject.settings.queues[queue]
        try:
            (broker.try_sender if role == SEND else broker.try_receiver)(name)
        except BridgeError as error:
            found[queue, role] = error
        else:
            found[queue, role] = None

    threads = [threading.Thread(target=try_link, args=pair, daemon=True) for pair in product(Queue, RIGHTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for queue in Queue:
        yield from _links(subject, queue, {role: found[queue, role] for role in RIGHTS})
    yield from _others(subject, broker)


def _others(subject: Subject, broker: Broker) -> Iterator[Finding]:
    """Queues that callers may name: the app only sends to them."""
    for name in sorted(subject.settings.allowed_queues - set(subject.settings.queues.values())):
        try:
            broker.try_sender(name)
        except NoSuchQueue as error:
            mend = command("az", "servicebus", "queue", "create", *_named(subject, "--namespace-name"), "--name", name)
            yield fail(EXISTS, str(error), cause="ALLOWED_QUEUES names it", mend=mend)
        except NotLetIn as error:
            yield _not_let_in(subject, name, SEND, error)
        else:
            yield ok(EXISTS, f"{name}: messages can be sent")


def _links(subject: Subject, queue: Queue, errors: Mapping[str, BridgeError | None]) -> Iterator[Finding]:
    name = subject.settings.queues[queue]
    for role, error in errors.items():
        if isinstance(error, NoSuchQueue):
            cause = f"{queue.name}_QUEUE names it"
            yield fail(EXISTS, str(error), cause=cause, mend=creation(queue, name, *namespace(subject)))
            return
        if isinstance(error, NotLetIn):
            yield _not_let_in(subject, name, role, error)
        elif error is not None:
            cause = f"{error}; is {_address(subject)} right, and may this machine reach it?"
            mend = command("az", "servicebus", "namespace", "show", *_named(subject), "--query", "status")
            what = f"Service Bus does not answer for {name}"
            yield fail(EXISTS, what, cause=cause, mend=subject.mends.wake(mend))
            return
    subject.queues.add(queue)
    if not any(errors.values()):
        yield ok(EXISTS, f"{name}: messages can be sent and received")


def _not_let_in(subject: Subject, name: str, role: str, error: NotLetIn) -> Finding:
    verb = "send to" if role == SEND else "receive from"
    if subject.principal_id and not subject.settings.service_bus and not subject.azure.is_the_apps:
        what = f"{name}: whether the app may {verb} it cannot be tried"
        return skipped(ACCESS, what, f"who runs the doctor may not; what the app may do is told as {ROLES}")
    what = f"{_key_or_identity(subject)} may not {verb} {name}"
    return fail(ACCESS, what, cause=str(error), mend=_grant(subject, name, role))


def check_queue_settings(subject: Subject) -> Iterator[Finding]:
    """What Azure says of the namespace, as far as it can be asked for it."""
    scope = subject.settings.service_bus_resource_id or _found_namespace(subject)
    if not scope:
        id_of = command("az", "servicebus", "namespace", "show", *_named(subject), "--query", "id")
        mend = f"{id_of}\n{subject.mends.set_setting('SERVICE_BUS_RESOURCE_ID', '<what it prints>')}"
        cause = "SERVICE_BUS_RESOURCE_ID is not set, and the namespace is not found in the subscription"
        yield skipped(SHAPE, "settings of queues: not looked at", cause, mend=mend)
        yield from _peeked(subject)
        return
    for queue in Queue:
        if queue in subject.queues:
            yield from _resource(subject, queue, f"{scope}/queues/{segment(subject.settings.queues[queue])}")


def _resource(subject: Subject, queue: Queue, path: str) -> Iterator[Finding]:
    name = subject.settings.queues[queue]
    try:
        resource = subject.azure.get(path, VERSION)
    except BridgeError as error:
        mend = command("az", "role", "assignment", "create", "--assignee", "<who runs this>",
                       "--role", "Reader", "--scope", path)  # fmt: skip
        yield skipped(SHAPE, f"{name}: its settings are not looked at", str(error), mend=mend)
        return
    if resource is None:
        cause = "SERVICE_BUS_RESOURCE_ID names another namespace than the one that the app uses"
        show = command("az", "servicebus", "namespace", "list", "--query", "[].id")
        yield fail(SHAPE, f"{name}: the namespace of SERVICE_BUS_RESOURCE_ID does not have it", cause=cause, mend=show)
        return
    properties: Mapping[str, Any] = resource.get("properties") or {}
    yield from _shape(subject, queue, properties)
    yield _dead(subject, queue, int((properties.get("countDetails") or {}).get("deadLetterMessageCount") or 0))
    if subject.principal_id:
        yield _roles(subject, name, path)


def _shape(subject: Subject, queue: Queue, properties: Mapping[str, Any]) -> Iterator[Finding]:
    name = subject.settings.queues[queue]
    found = list(differences(queue, properties))
    for each in found:
        tell = fail if each.is_serious else warn
        yield tell(SHAPE, f"{name}: {each.what}", cause=each.why, mend=_change(subject, queue, each.options))
    if not found:
        yield ok(SHAPE, f"{name}: lock, deliveries, life and duplicate detection are as they should be")


def _change(subject: Subject, queue: Queue, options: tuple[str, ...]) -> str:
    name = subject.settings.queues[queue]
    if options:
        return command("az", "servicebus", "queue", "update", *_named(subject, "--namespace-name"), "--name", name,
                       *options)  # fmt: skip
    # It is fixed when the queue is made: what is in it has to be worked off first.
    delete = command("az", "servicebus", "queue", "delete", *_named(subject, "--namespace-name"), "--name", name)
    return f"{delete}    # when it is empty\n{creation(queue, name, *namespace(subject))}"


def _dead(subject: Subject, queue: Queue, count: int, more: str = "") -> Finding:
    name = subject.settings.queues[queue]
    if not count:
        return ok(DEAD, f"{name}: no dead letter waits")
    what = f"{name}: {more}{count} dead {'letter waits' if count == 1 else 'letters wait'}"
    if queue is Queue.RUN_EVENTS:
        cause = "rows of the ledger are missing: no function takes the dead letters of this queue"
        mend = subject.mends.own_command("dead-letters", "replay", "--broker", queue, "--all")
        return warn(DEAD, what, cause=cause, mend=mend)
    cause = "the app takes them out and writes them into DEAD_LETTERS: is it running?"
    mend = subject.mends.own_command("dead-letters", "list", "--broker")
    return warn(DEAD, what, cause=cause, mend=mend)


def _peeked(subject: Subject) -> Iterator[Finding]:
    """Without Azure's counts: by a look into the dead letters themselves."""
    broker = Broker(subject.settings, subject.azure)
    for queue in Queue:
        if queue not in subject.queues:
            continue
        name = subject.settings.queues[queue]
        try:
            count = broker.dead_letters(name)
        except BridgeError as error:
            yield skipped(DEAD, f"{name}: its dead letters are not looked at", str(error))
        else:
            yield _dead(subject, queue, count, more="at least " if count >= LOOKED_AT else "")


def _roles(subject: Subject, name: str, path: str) -> Finding:
    try:
        assigned = permissions.of_principal(subject.azure, path, subject.principal_id).permissions
    except BridgeError as error:
        return skipped(ROLES, f"{name}: roles are not looked at", str(error))
    missing = [role for role, action in RIGHTS.items() if assigned.missing([action], "dataActions")]
    if not missing:
        return ok(ROLES, f"{name}: the identity {subject.principal_id} may send and receive")
    grants = "\n".join(_grant(subject, name, role) for role in missing)
    what = f"{name}: the identity {subject.principal_id} lacks {' and '.join(missing)}"
    return fail(ROLES, what, cause="no role at the queue or above allows it", mend=grants)


def namespace(subject: Subject) -> tuple[str, str]:
    """Resource group and name, as far as they are known."""
    parts = subject.settings.service_bus_resource_id.split("/")
    if len(parts) > 8:
        return parts[4], parts[8]
    return "<resource group of the namespace>", namespace_of(subject.settings) or "<namespace>"


def _named(subject: Subject, option: str = "--name") -> tuple[str, ...]:
    group, name = namespace(subject)
    return ("--resource-group", group, option, name)


def _found_namespace(subject: Subject) -> str:
    """By its name, in the subscription of the workspace; empty when it is not there, or nobody may look."""
    name = namespace_of(subject.settings).lower()
    path = f"/subscriptions/{segment(subject.settings.subscription_id)}/providers/Microsoft.ServiceBus/namespaces"
    try:
        listed = subject.azure.listed(path, VERSION) if name else []
    except BridgeError:
        return ""
    return next((str(each["id"]) for each in listed if str(each.get("name", "")).lower() == name), "")


def _grant(subject: Subject, name: str, role: str) -> str:
    if subject.settings.service_bus and not subject.principal_id:
        keys = command("az", "servicebus", "namespace", "authorization-rule", "keys", "list",
                       *_named(subject, "--namespace-name"), "--name", "<policy>")  # fmt: skip
        return f"{keys}\n{subject.mends.set_setting('ServiceBusConnection', '<primaryConnectionString>')}"
    scope = f"{subject.settings.service_bus_resource_id or '<id of the namespace>'}/queues/{name}"
    return command("az", "role", "assignment", "create", *assignee(subject), "--role", role, "--scope", scope)


def _key_or_identity(subject: Subject) -> str:
    return "the key in ServiceBusConnection" if subject.settings.service_bus else who(subject)


def _address(subject: Subject) -> str:
    settings = subject.settings
    return "ServiceBusConnection" if settings.service_bus else "ServiceBusConnection__fullyQualifiedNamespace"
