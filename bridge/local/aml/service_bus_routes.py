"""Queues of Service Bus as resources: how they are set, and how much is in them."""

from datetime import timedelta
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml.arm import ArmError
from bridge.local.aml.state import Options

_NAMESPACE = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ServiceBus/namespaces/{namespace}"
)
_API_VERSIONS = ("2021-11-01", "2024-01-01")
#: What the service writes for no limit.
_FOR_EVER = "P10675199DT2H48M5.4775807S"
_TIMEOUT_SECONDS = 5.0


def service_bus_routes(options: Options) -> list[Route]:
    """One queue; the Service Bus emulator is asked on every request."""

    async def queue(request: Request) -> Response:
        version, name = request.query_params.get("api-version"), request.path_params["queue"]
        if version not in _API_VERSIONS:
            raise ArmError(400, "NoRegisteredProviderFound", f"The api-version {version} is not supported.")
        namespace = _NAMESPACE.format(**request.path_params)
        if options.service_bus_control is None or options.service_bus_scope is None:
            raise ArmError(501, "NotEmulated", "not emulated: Service Bus, without --service-bus-control")
        if namespace.lower() != options.service_bus_scope.lower():
            raise ArmError(404, "ResourceNotFound", f"The Resource {namespace} was not found.")
        return JSONResponse(_resource(namespace, name, await _asked(options.service_bus_control, name)))

    return [Route(_NAMESPACE + "/queues/{queue}", queue, methods=["GET"])]


async def _asked(control: str, name: str) -> dict[str, Any]:
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            answer = await client.get(f"{control}/queues/{name}")
    except httpx.HTTPError as error:
        raise ArmError(503, "ServiceUnavailable", "Service Bus does not answer.") from error
    if answer.status_code == 404:
        raise ArmError(404, "MessagingGatewayNotFoundStatusCode", f"The requested resource {name} does not exist.")
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def _resource(namespace: str, name: str, queue: dict[str, Any]) -> dict[str, Any]:
    options, counts = queue["options"], queue["counts"]
    ttl, window = options["ttl_seconds"], options["duplicate_detection_seconds"]
    waiting = {
        "activeMessageCount": counts["active"] + counts["locked"],
        "deadLetterMessageCount": counts["dead"],
        "scheduledMessageCount": counts["scheduled"],
        "transferMessageCount": 0,
        "transferDeadLetterMessageCount": 0,
    }
    properties = {
        "lockDuration": _duration(options["lock_seconds"]),
        "maxSizeInMegabytes": 1024,
        "requiresDuplicateDetection": window > 0,
        "requiresSession": False,
        "defaultMessageTimeToLive": _FOR_EVER if ttl is None else _duration(ttl),
        "deadLetteringOnMessageExpiration": options["dead_letter_expired"],
        "duplicateDetectionHistoryTimeWindow": _duration(window or 600),
        "maxDeliveryCount": options["max_delivery_count"],
        "messageCount": sum(waiting.values()),
        "status": "Active",
        "autoDeleteOnIdle": _FOR_EVER,
        "enableBatchedOperations": True,
        "countDetails": waiting,
    }
    return {
        "id": f"{namespace}/queues/{name}",
        "name": name,
        "type": "Microsoft.ServiceBus/namespaces/queues",
        "properties": properties,
    }


def _duration(seconds: float) -> str:
    """ISO 8601, the largest units first, as the service writes it."""
    whole = timedelta(seconds=seconds)
    hours, rest = divmod(whole.seconds, 3600)
    parts = [(hours, "H"), (rest // 60, "M"), (rest % 60, "S")]
    time = "".join(f"{number}{unit}" for number, unit in parts if number)
    days = f"{whole.days}D" if whole.days else ""
    return f"P{days}{'T' + time if time else ''}" if days or time else "PT0S"
