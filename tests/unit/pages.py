"""Visits to the page as the platform hands them to the app, and its answers read as a browser reads them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

import azure.functions as func

from bridge.handlers import dashboard
from bridge.ports import Bridge

ADDRESS = "https://app.test/api/v1/dashboard"
#: As a browser sends a form of this very page.
OWN_FORM = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
KEY = "0" * 32


def visit(  # noqa: PLR0917 - what a request has
    bridge: Bridge,
    path: str = "",
    method: str = "GET",
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> func.HttpResponse:
    query = f"?{urlencode(params)}" if params else ""
    request = func.HttpRequest(
        method=method,
        url=f"{ADDRESS}/{path}{query}",
        headers=dict(headers or {}),
        params=dict(params or {}),
        route_params={"path": path} if path else {},
        body=body,
    )
    return dashboard.show(request, lambda: bridge)


def send_form(
    bridge: Bridge, path: str, *, key: str = KEY, headers: Mapping[str, str] = OWN_FORM, **params: str
) -> func.HttpResponse:
    return visit(bridge, path, "POST", params, headers, urlencode({"key": key}).encode())


@dataclass
class Seen(HTMLParser):
    """What a page says and where it leads."""

    text: str = ""
    title: str = ""
    links: list[str] = field(default_factory=list)
    #: (method, action) of its forms.
    forms: list[tuple[str, str]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    #: Names of attributes, of all elements.
    attributes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._is_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.text += " "
        self.tags.append(tag)
        self.attributes |= found.keys()
        self._is_title = tag == "title" and "svg" not in self.tags
        self.links += [str(found[name]) for name in ("href", "src") if found.get(name)]
        if tag == "form":
            self.forms.append((str(found.get("method")), str(found.get("action"))))
        if found.get("id"):
            self.ids.append(str(found["id"]))

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the parser's word
        self._is_title = False
        self.text += " "

    def handle_data(self, data: str) -> None:
        if self._is_title:
            self.title += data
        self.text += data


def seen(answer: func.HttpResponse, status: int = 200) -> Seen:
    """The page that the answer is; anything else fails the test."""
    assert answer.status_code == status, answer.get_body().decode()
    assert (answer.mimetype, answer.charset) == ("text/html", "utf-8"), "of which the host makes one header"
    assert answer.headers["x-correlation-id"]
    page = Seen()
    page.feed(answer.get_body().decode())
    page.text = re.sub(r" (?=[,.:])", "", re.sub(r"\s+", " ", page.text))
    assert len(page.ids) == len(set(page.ids)), "an id stands twice in the page"
    return page
