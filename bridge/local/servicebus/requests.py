"""Requests that come as messages and are answered by messages: their wire form."""

from dataclasses import dataclass
from typing import Any

from proton import Array, Message, int32, symbol

from bridge.local.servicebus.errors import BadRequestError, RefusedError


@dataclass(frozen=True)
class Request:
    """A decoded request; its id goes back as correlation id with the AMQP type it came with."""

    id: Any
    operation: str
    body: Any

    def value(self, name: str) -> Any:
        """A required entry of the body."""
        if not isinstance(self.body, dict) or self.body.get(name) is None:
            raise BadRequestError(f"{self.operation} needs {name}")
        return self.body[name]

    def values(self, name: str) -> list[Any]:
        """A required entry of the body that is an array or a list."""
        found = self.value(name)
        return list(found.elements if isinstance(found, Array) else found)


def read_request(payload: bytes) -> Request:
    message = Message()
    message.decode(payload)
    properties = {str(name): value for name, value in (message.properties or {}).items()}
    return Request(message.id, _text(properties.get("operation")), message.body)


def token_reply(request: Request, error: RefusedError | None) -> bytes:
    """The answer of `$cbs`, whose property names differ from those of `$management`."""
    properties = {
        "status-code": int32(error.status if error else 202),
        "status-description": str(error) if error else "Accepted",
    }
    return _reply(request, properties, {})


def reply(request: Request, status: int, body: Any) -> bytes:
    """The answer of `$management` to a request that was carried out."""
    return _reply(request, {"statusCode": int32(status), "statusDescription": "OK"}, body)


def refusal(request: Request, error: RefusedError) -> bytes:
    """The answer of `$management` to a request that was refused."""
    properties = {
        "statusCode": int32(error.status),
        "statusDescription": str(error),
        "errorCondition": symbol(error.condition),
    }
    return _reply(request, properties, {})


def _reply(request: Request, properties: dict[str, Any], body: Any) -> bytes:
    message = Message()
    message.correlation_id = request.id
    message.properties = properties
    message.body = body
    return bytes(message.encode())


def _text(value: Any) -> str:
    return bytes(value).decode() if isinstance(value, (bytes, memoryview)) else str(value)
