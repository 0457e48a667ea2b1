"""Which page a path means, and every refusal as a page of the same status."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

import azure.functions as func

from bridge.handlers.answers import CORRELATION_HEADER, Caller, GetBridge, authenticated, problem
from bridge.handlers.dashboard import actions, dead_letter_pages, overview_page, rules_page, run_page
from bridge.handlers.dashboard.context import Visit
from bridge.handlers.dashboard.links import BASE, Links
from bridge.handlers.dashboard.rendering import Page, render
from bridge.handlers.tracing import TRACE_HEADER
from bridge.ports import Bridge

PROBLEM = "application/problem+json"
#: What a refusal says beside its page.
KEPT = ("WWW-Authenticate", "Retry-After", "Allow", CORRELATION_HEADER, TRACE_HEADER)


@dataclass(frozen=True, kw_only=True)
class Route:
    """A method, the parts of a path (None for any one), and who answers; he is given what the latter were."""

    method: str
    parts: tuple[str | None, ...]
    handle: Callable[..., func.HttpResponse]

    def match(self, path: list[str]) -> list[str] | None:
        """What stands in the place of None; None when it is another path."""
        if len(path) != len(self.parts):
            return None
        if any(wanted not in {None, part} for wanted, part in zip(self.parts, path, strict=True)):
            return None
        return [part for wanted, part in zip(self.parts, path, strict=True) if wanted is None]


ROUTES = (
    Route(method="GET", parts=(), handle=overview_page.show),
    Route(method="GET", parts=("runs", None), handle=run_page.show),
    Route(method="POST", parts=("runs", None, "cancel"), handle=actions.cancel),
    Route(method="POST", parts=("runs", None, "rerun"), handle=actions.rerun),
    Route(method="GET", parts=("dead-letters",), handle=dead_letter_pages.listing),
    Route(method="GET", parts=("dead-letters", None), handle=dead_letter_pages.show),
    Route(method="POST", parts=("dead-letters", None, "replay"), handle=actions.replay),
    Route(method="GET", parts=("rules",), handle=rules_page.show),
)


def show(request: func.HttpRequest, get_bridge: GetBridge) -> func.HttpResponse:
    """The page of this path, for callers who may call at all."""
    links = Links.of(request)

    def handle(caller: Caller) -> func.HttpResponse:
        path = [part for part in str(request.route_params.get("path") or "").split("/") if part]
        found = [(route, given) for route in ROUTES if (given := route.match(path)) is not None]
        if not found:
            return problem(404, "No such page", "nothing is here", correlation_id=caller.correlation_id)
        for route, given in found:
            if route.method == request.method.upper():
                visit = Visit(request=request, bridge=get_bridge(), caller=caller, links=links)
                return route.handle(visit, *given)
        allowed = ", ".join(route.method for route, _ in found)
        detail = f"this address takes {allowed} only: go to the page, and use what stands there"
        return problem(405, "Not like this", detail, headers={"Allow": allowed}, correlation_id=caller.correlation_id)

    answer = authenticated(request, get_bridge, handle)
    if answer.mimetype != PROBLEM:
        return answer
    return _as_page(answer, links, _sign_in(get_bridge()) if answer.status_code == 401 else None)


def _sign_in(bridge: Bridge) -> str | None:
    """Where a stranger becomes somebody; the way back is always the first page."""
    path = bridge.dashboard.sign_in_path
    return f"{path}?{urlencode({'post_login_redirect_uri': BASE})}" if path else None


def _as_page(refusal: func.HttpResponse, links: Links, sign_in: str | None) -> func.HttpResponse:
    """For people, in the place of a document for programs."""
    page = Page(links=links, bridge_name="", now=datetime.now(UTC))
    status, document = refusal.status_code, json.loads(refusal.get_body())
    answer = render("problem.html", page, status=status, problem=document, sign_in=sign_in)
    for name in KEPT:
        if refusal.headers.get(name):
            answer.headers[name] = refusal.headers[name]
    return answer
