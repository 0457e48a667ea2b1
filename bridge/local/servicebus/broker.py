"""The AMQP side of the broker: connections, links, and what arrives on them. Runs wholly in the broker's loop."""

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence
from typing import Any

from proton import Delivery, Endpoint

from bridge.local.servicebus import codec
from bridge.local.servicebus.amqp import AmqpError
from bridge.local.servicebus.codec import Content
from bridge.local.servicebus.dispatch import Dispatcher
from bridge.local.servicebus.errors import (
    BadRequestError,
    DroppedConnectionError,
    NotOfferedError,
    RefusedError,
    UnauthorizedError,
)
from bridge.local.servicebus.links import Attachment, Kind, Peer, condition, refuse_link
from bridge.local.servicebus.loop import BrokerLoop
from bridge.local.servicebus.management import Management
from bridge.local.servicebus.namespace import Namespace
from bridge.local.servicebus.queue import MessageQueue
from bridge.local.servicebus.requests import read_request, token_reply
from bridge.local.servicebus.sas import SharedKey, path_of

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1
#: Credit that a sender gets, and below which it gets more.
CREDIT, LOW_CREDIT = 2000, 1000
#: For requests, which may hold whole messages. For sends the queue's own limit is advertised.
MAX_REQUEST_BYTES = 1 << 20


class Broker:
    """proton's event handler; `on_…` methods are called by proton."""

    def __init__(self, namespace: Namespace, key: SharedKey, port: int) -> None:
        self._namespace = namespace
        self._key = key
        self._port = port
        self._peers: dict[Any, Peer] = {}
        self._attachments: dict[Any, Attachment] = {}
        self._dispatcher = Dispatcher(namespace)
        self._management = Management(namespace)
        self._acceptor: Any = None
        self.loop = BrokerLoop(self)

    async def listening(self, up: bool) -> None:
        """`listen`, from outside the loop; a closed port is closed for good when this returns."""
        await asyncio.wrap_future(self.loop.submit(lambda: self.listen(up)))
        # proton closes sockets in events that follow; a second turn comes after them.
        await asyncio.wrap_future(self.loop.submit(lambda: None))

    def listen(self, up: bool) -> None:
        """Open the port, or close it and drop every connection; queues and locks stay as they are."""
        if up and self._acceptor is None:
            self._acceptor = self.loop.container.listen(f"amqp://127.0.0.1:{self._port}")
        elif not up and self._acceptor is not None:
            self._acceptor.close()
            self._acceptor = None
            for peer in list(self._peers.values()):
                peer.drop()

    def send(self, queue: MessageQueue, contents: Sequence[Content]) -> None:
        """Store messages that came another way than by a link."""
        self._namespace.send(queue, contents)
        self._dispatcher.serve(queue)

    def tick(self) -> None:
        """Do what time has made due, and deliver it."""
        self._dispatcher.tick()

    def on_reactor_init(self, _event: Any) -> None:
        self.loop.every(TICK_SECONDS, self.tick)

    def on_connection_remote_open(self, event: Any) -> None:
        self._peers[event.connection] = Peer(event.connection)
        event.connection.container = "servicebus-emulator"
        event.connection.open()

    def on_session_remote_open(self, event: Any) -> None:
        event.session.open()

    def on_link_remote_open(self, event: Any) -> None:
        link, peer = event.link, self._peers[event.connection]
        link.snd_settle_mode = link.remote_snd_settle_mode
        link.rcv_settle_mode = link.remote_rcv_settle_mode
        try:
            attachment = self._attachment(peer, link)
        except RefusedError as error:
            refuse_link(link, error)
            return
        self._attachments[link] = attachment
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        if link.is_receiver:
            self._open_for_input(attachment)
        else:
            self._open_for_output(attachment)

    def on_link_flow(self, event: Any) -> None:
        attachment = self._attachments.get(event.link)
        if attachment and attachment.kind is Kind.QUEUE and attachment.queue and event.link.is_sender:
            self._dispatcher.serve(attachment.queue)
            if event.link.drain_mode:
                event.link.drained()

    def on_delivery(self, event: Any) -> None:
        attachment, delivery = self._attachments.get(event.link), event.delivery
        if attachment is None or not event.link.state & Endpoint.LOCAL_ACTIVE:
            return  # said on a link that was taken away before: the client will say it again elsewhere
        try:
            if event.link.is_receiver:
                if delivery.readable and not delivery.partial:
                    self._take_in(attachment, delivery)
            elif attachment.kind is Kind.QUEUE and attachment.queue and delivery.updated:
                self._dispatcher.settled(attachment.queue, delivery)
            elif delivery.updated:
                delivery.settle()
        except DroppedConnectionError:
            attachment.peer.drop()

    def on_link_remote_close(self, event: Any) -> None:
        self._forget_link(event.link)
        event.link.close()

    def on_link_remote_detach(self, event: Any) -> None:
        self._forget_link(event.link)
        event.link.detach()

    def on_session_remote_close(self, event: Any) -> None:
        for link in [link for link in self._attachments if link.session == event.session]:
            self._forget_link(link)
        event.session.close()

    def on_connection_remote_close(self, event: Any) -> None:
        self._forget_peer(event.connection)
        event.connection.close()

    def on_transport_closed(self, event: Any) -> None:
        if event.connection is not None:
            self._forget_peer(event.connection)

    def _attachment(self, peer: Peer, link: Any) -> Attachment:
        """What a link that a client wants to attach leads to; raises RefusedError when it may not."""
        terminus = link.remote_source if link.is_sender else link.remote_target
        path = path_of(terminus.address or "")
        if path == Kind.TOKENS.value:
            return Attachment(peer, link, Kind.TOKENS, path)
        if not peer.may_use(path):
            raise UnauthorizedError(
                "Unauthorized access. 'Listen' or 'Send' claim(s) are required to perform this operation."
            )
        entity, _, last = path.rpartition("/")
        if last == Kind.MANAGEMENT.value:
            return Attachment(peer, link, Kind.MANAGEMENT, path, self._namespace.find(entity))
        queue = self._namespace.find(path)
        if link.is_receiver and not queue.accepts_sends:
            raise BadRequestError("Messages cannot be sent to a dead-letter queue.")
        if link.is_sender and _wants_session(link):
            raise NotOfferedError("sessions")
        return Attachment(peer, link, Kind.QUEUE, path, queue)

    def _open_for_input(self, attachment: Attachment) -> None:
        link = attachment.link
        queue = attachment.queue if attachment.kind is Kind.QUEUE else None
        link.max_message_size = queue.options.max_send_bytes if queue else MAX_REQUEST_BYTES
        link.open()
        link.flow(CREDIT)

    def _open_for_output(self, attachment: Attachment) -> None:
        attachment.link.open()
        if attachment.kind is not Kind.QUEUE:
            attachment.peer.answers[attachment.path] = attachment.link
        elif attachment.queue is not None:
            self._dispatcher.add(attachment.queue, attachment)

    def _take_in(self, attachment: Attachment, delivery: Any) -> None:
        """A whole message has arrived: a message for a queue, or a request."""
        link = attachment.link
        payload = bytes(link.recv(delivery.pending) or b"")
        link.advance()
        try:
            self._handle(attachment, payload)
        except RefusedError as error:
            delivery.local.condition = condition(error.condition, str(error))
            delivery.update(Delivery.REJECTED)
        else:
            delivery.update(Delivery.ACCEPTED)
        delivery.settle()
        if link.credit < LOW_CREDIT:
            link.flow(CREDIT - link.credit)

    def _handle(self, attachment: Attachment, payload: bytes) -> None:
        if attachment.queue is None:
            self._answer(attachment, self._admit(attachment.peer, payload))
        elif attachment.kind is Kind.MANAGEMENT:
            self._answer(attachment, self._management.answer(attachment.queue, payload))
            self._dispatcher.serve(attachment.queue)
        else:
            try:
                contents = codec.parse_transfer(payload)
            except AmqpError as error:
                raise BadRequestError(str(error)) from error
            self.send(attachment.queue, contents)

    def _admit(self, peer: Peer, payload: bytes) -> bytes:
        """Check a token; from then on this connection may use what it covers."""
        request = read_request(payload)
        try:
            peer.grants.add(self._key.verify(str(request.body), time.time()))
        except RefusedError as error:
            return token_reply(request, error)
        return token_reply(request, None)

    def _answer(self, attachment: Attachment, payload: bytes) -> None:
        """Answers go out on the connection's link from the same path: requests do not name their reply address."""
        link = attachment.peer.answers.get(attachment.path)
        if link is None:
            log.warning("no link for answers from %s", attachment.path)
            return
        link.delivery(uuid.uuid4().bytes)
        link.send(payload)
        link.advance()

    def _forget_link(self, link: Any) -> None:
        attachment = self._attachments.pop(link, None)
        if attachment and attachment.queue and link.is_sender:
            self._dispatcher.remove(attachment.queue, attachment)

    def _forget_peer(self, connection: Any) -> None:
        peer = self._peers.pop(connection, None)
        for link in [link for link, attachment in self._attachments.items() if attachment.peer is peer]:
            self._forget_link(link)


def _wants_session(link: Any) -> bool:
    filters = link.remote_source.filter
    filters.rewind()
    found = filters.get_object() if filters.next() else None
    return any(str(name) == "com.microsoft:session-filter" for name in found or {})
