"""The page for people: `GET /api/v1/dashboard` and what lies below it, rendered on the server.

Two functions, one for the pages and one for their style and script. A function key can be made for the first alone, so
that whoever may look need not hold a key of the whole API. Everything works without the script.
"""

import azure.functions as func

from bridge.handlers.answers import GetBridge, answered
from bridge.handlers.dashboard import assets, routing


def show(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """The page that the path names."""
    return routing.show(request, get_bridge)


def asset(request: func.HttpRequest) -> func.HttpResponse:
    """Style, script or icon. Whoever asks needs no key: they are files of this repository, and say nothing of runs."""
    return answered(request, lambda _: assets.file(str(request.route_params.get("name") or "")))
