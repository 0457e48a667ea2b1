"""Event Grid's system topics and their subscriptions as resources: they are shown, and no event follows them."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.local.aml.arm import REGION, not_found
from bridge.local.aml.state import AmlEmulator

_PROVIDER = "/providers/Microsoft.EventGrid/systemTopics"
_TOPIC = "/subscriptions/{subscription}/resourceGroups/{group}" + _PROVIDER + "/{topic}"


def system_topic_routes(emulator: AmlEmulator) -> list[Route]:
    """Topics from {"system_topics": [{name, source, subscriptions: [{name, properties}]}]}, read only."""

    def topics() -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = emulator.resources.get("system_topics", [])
        return found

    def topic(request: Request) -> Mapping[str, Any]:
        for each in topics():
            if each["name"].lower() == request.path_params["topic"].lower():
                return each
        raise not_found(
            f"The Resource 'Microsoft.EventGrid/systemTopics/{request.path_params['topic']}' was not found."
        )

    async def listed(_: Request) -> Response:
        return JSONResponse({"value": [_topic_resource(each) for each in topics()]})

    async def subscriptions(request: Request) -> Response:
        found = topic(request)
        return JSONResponse({"value": [_resource(found, each) for each in found.get("subscriptions", [])]})

    async def attributes(request: Request) -> Response:
        for each in topic(request).get("subscriptions", []):
            if each["name"].lower() == request.path_params["name"].lower():
                return JSONResponse({"value": _attributes(each["properties"])})
        raise not_found(f"The event subscription {request.path_params['name']} was not found.")

    return [
        Route("/subscriptions/{subscription}" + _PROVIDER, listed, methods=["GET"]),
        Route(_TOPIC + "/eventSubscriptions", subscriptions, methods=["GET"]),
        Route(_TOPIC + "/eventSubscriptions/{name}/getDeliveryAttributes", attributes, methods=["POST"]),
    ]


def _group(topic: Mapping[str, Any]) -> str:
    """A system topic lives in the resource group of what it is about."""
    return str(topic["source"]).split("/providers/", maxsplit=1)[0]


def _topic_resource(topic: Mapping[str, Any]) -> dict[str, Any]:
    properties = {
        "source": topic["source"],
        "topicType": "Microsoft.MachineLearningServices.Workspaces",
        "provisioningState": "Succeeded",
    }
    return {
        "id": f"{_group(topic)}{_PROVIDER}/{topic['name']}",
        "name": topic["name"],
        "type": "Microsoft.EventGrid/systemTopics",
        "location": REGION,
        "identity": {"type": "SystemAssigned"},
        "properties": properties,
    }


def _resource(topic: Mapping[str, Any], subscription: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{_group(topic)}{_PROVIDER}/{topic['name']}/eventSubscriptions/{subscription['name']}",
        "name": subscription["name"],
        "type": "Microsoft.EventGrid/systemTopics/eventSubscriptions",
        "properties": {"provisioningState": "Succeeded", **subscription["properties"]},
    }


def _attributes(properties: Mapping[str, Any]) -> list[Any]:
    with_identity = (properties.get("deliveryWithResourceIdentity") or {}).get("destination")
    destination = with_identity or properties.get("destination") or {}
    return list((destination.get("properties") or {}).get("deliveryAttributeMappings") or [])
