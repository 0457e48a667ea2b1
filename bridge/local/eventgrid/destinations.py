"""The two kinds of subscribers: a Service Bus queue by its REST send, and a webhook with its handshake."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
import urllib.parse
import uuid
from dataclasses import dataclass
from typing import Any, NoReturn

import httpx

from bridge.local.eventgrid.clock import utc_text
from bridge.local.eventgrid.deliveries import Delivery, EventGridEmulator
from bridge.local.eventgrid.topics import Topic

#: A subscriber that has not answered by then has failed.
ANSWER_SECONDS = 30.0
_QUEUE_NOT_RETRIED = frozenset({400, 403, 413})
_WEBHOOK_NOT_RETRIED = frozenset({400, 401, 403, 413})
_OUTCOMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "TimedOut",
    413: "PayloadTooLarge",
    429: "Busy",
    503: "Busy",
}


@dataclass(frozen=True)
class ServiceBus:
    """The namespace that queues belong to."""

    url: str
    key: str
    key_name: str

    def token(self, resource: str, lifetime_seconds: int = 300) -> str:
        """A shared access signature; the key is signed with as text, not decoded."""
        encoded = urllib.parse.quote_plus(resource)
        expiry = int(time.time()) + lifetime_seconds
        digest = hmac.new(self.key.encode(), f"{encoded}\n{expiry}".encode(), hashlib.sha256).digest()
        signature = urllib.parse.quote_plus(base64.b64encode(digest))
        return f"SharedAccessSignature sr={encoded}&sig={signature}&se={expiry}&skn={self.key_name}"


class Courier:
    """Delivers the events of one topic, one after the other, for as long as the emulator runs."""

    def __init__(self, emulator: EventGridEmulator, topic: Topic, service_bus: ServiceBus | None) -> None:
        if topic.queue is not None and service_bus is None:
            raise ValueError(
                f"topic {topic.name} delivers to a queue: --service-bus-url and --service-bus-key are needed"
            )
        self._emulator = emulator
        self._topic = topic
        self._service_bus = service_bus
        self._is_validated = False
        self._attempting = asyncio.Lock()

    async def at_rest(self) -> None:
        """Wait for the attempt that is on its way: what a reset has forgotten would still arrive after it."""
        async with self._attempting:
            pass

    async def run(self) -> NoReturn:
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
            while True:
                delivery = self._emulator.next_due(self._topic)
                if delivery is None:
                    await self._emulator.until_due(self._topic)
                else:
                    async with self._attempting:
                        await self._attempt(client, delivery)

    async def _attempt(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        try:
            if self._topic.queue is not None:
                answer, not_retried = await self._to_queue(client, delivery), _QUEUE_NOT_RETRIED
            elif not await self._validated(client):
                self._emulator.failed(delivery, "ValidationFailed", is_final=False)
                return
            else:
                answer, not_retried = await self._to_webhook(client, delivery), _WEBHOOK_NOT_RETRIED
        except httpx.TimeoutException:
            self._emulator.failed(delivery, "TimedOut", is_final=False)
        except httpx.HTTPError:
            self._emulator.failed(delivery, "SocketError", is_final=False)
        else:
            if 200 <= answer.status_code <= 204:
                self._emulator.delivered(delivery)
            else:
                outcome = _OUTCOMES.get(answer.status_code, "GenericError")
                self._emulator.failed(delivery, outcome, is_final=answer.status_code in not_retried)

    async def _to_queue(self, client: httpx.AsyncClient, delivery: Delivery) -> httpx.Response:
        """One message whose body is the event; further headers become the message's properties, texts in quotes."""
        service_bus = self._service_bus
        if service_bus is None:
            raise AssertionError("checked when the courier was made")
        resource = f"{service_bus.url}/{self._topic.queue}"
        headers = {
            "Authorization": service_bus.token(resource),
            "Content-Type": "application/json; charset=utf-8",
            "BrokerProperties": json.dumps({"MessageId": delivery.system_id}),
        }
        properties = {"bridge_door": self._topic.door, **self._delivery_properties(delivery)}
        headers |= {name: json.dumps(value) for name, value in properties.items()}
        return await client.post(f"{resource}/messages", content=json.dumps(delivery.event.body), headers=headers)

    async def _to_webhook(self, client: httpx.AsyncClient, delivery: Delivery) -> httpx.Response:
        event = delivery.event
        kind = "application/cloudevents+json" if event.is_cloud_event else "application/json"
        headers = {"Content-Type": f"{kind}; charset=utf-8", "bridge_door": self._topic.door}
        headers |= self._delivery_properties(delivery)
        content = json.dumps(event.body if event.is_cloud_event else [event.body])
        return await client.post(str(self._topic.webhook), content=content, headers=headers)

    def _delivery_properties(self, delivery: Delivery) -> dict[str, str]:
        return {
            "aeg-event-type": "Notification",
            "aeg-subscription-name": self._topic.subscription,
            "aeg-delivery-count": str(delivery.attempts),
            "aeg-output-event-id": delivery.system_id,
        }

    async def _validated(self, client: httpx.AsyncClient) -> bool:
        """The handshake, made once, before the first event: the endpoint must repeat the code."""
        if self._is_validated:
            return True
        code = str(uuid.uuid4())
        event: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "topic": self._topic.resource_id,
            "subject": "",
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "eventTime": utc_text(),
            "metadataVersion": "1",
            "dataVersion": "2",
            "data": {"validationCode": code},
        }
        headers = {"aeg-event-type": "SubscriptionValidation", "aeg-subscription-name": self._topic.subscription}
        answer = await client.post(str(self._topic.webhook), json=[event], headers=headers)
        try:
            self._is_validated = answer.status_code == 200 and answer.json().get("validationResponse") == code
        except (ValueError, AttributeError):
            self._is_validated = False
        return self._is_validated
