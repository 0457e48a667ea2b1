"""`GET /api/v1/openapi.json`: what the app answers over HTTP, for API Management, for generators and for tests."""

from functools import cache

import azure.functions as func

from bridge.handlers.answers import Caller, GetBridge, authenticated


def show(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """The document, the same for every caller. It asks for what the other routes ask for: it lists them all."""

    def handle(_: Caller) -> func.HttpResponse:
        return func.HttpResponse(_text(), mimetype="application/json")

    return authenticated(request, get_bridge, handle)


@cache
def _text() -> str:
    """Made on first use: no start of the app waits for it."""
    import json

    from bridge.handlers.openapi.document import document

    return json.dumps(document(), separators=(",", ":"))
