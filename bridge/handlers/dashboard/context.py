"""What a page gets: who asks, of which bridge, and the query in a form that can be relied on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import azure.functions as func
from pydantic import Field, ValidationError

from bridge.handlers.answers import Caller
from bridge.handlers.dashboard.links import Links
from bridge.handlers.dashboard.rendering import Page
from bridge.payloads.external_function import UnusableRequest
from bridge.payloads.shape import Shape, complaints
from bridge.ports import Bridge

#: Rows of a list on one page.
ROWS = 25


class PageQuery(Shape):
    """The query of every page; each uses what it needs, and what none knows is let be."""

    back: Literal["24h", "7d", "30d"] = "24h"
    status: Annotated[str, Field(pattern="^[A-Z_]{1,40}$")] | None = None
    pipeline: Annotated[str, Field(max_length=200)] | None = None
    queue: Annotated[str, Field(max_length=200)] | None = None
    rule: Annotated[str, Field(max_length=200)] | None = None
    #: What is searched for.
    q: Annotated[str, Field(max_length=200)] | None = None
    #: On the page of rules: also what they let be.
    show: Literal["all"] | None = None
    #: On the page of a run: Azure ML is asked as well.
    live: Literal["1"] | None = None
    #: What a form has just done, see `actions.SAID`.
    said: Annotated[str, Field(pattern="^[a-z_]{1,20}$")] | None = None
    page: int = Field(default=1, ge=1, le=4000)

    @property
    def offset(self) -> int:
        return (self.page - 1) * ROWS


def choices(values: Iterable[str], current: str | None) -> list[tuple[str, str]]:
    """For a list to choose from: each value with its name, and no choice first; what is chosen is always among them."""
    names = [str(value) for value in values]
    if current is not None and current not in names:
        names.append(current)
    return [("", "All"), *((name, name) for name in names)]


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One request for a page."""

    request: func.HttpRequest
    bridge: Bridge
    caller: Caller
    links: Links

    def page(self, section: str = "") -> Page:
        return Page(
            links=self.links,
            bridge_name=self.bridge.name,
            now=self.bridge.clock.now(),
            has_actions=self.bridge.dashboard.has_actions,
            section=section,
        )

    def query(self) -> PageQuery:
        """Raises: UnusableRequest."""
        given = {name: text.strip() for name, text in self.request.params.items() if name in PageQuery.model_fields}
        try:
            return PageQuery.model_validate({name: text for name, text in given.items() if text})
        except ValidationError as error:
            raise UnusableRequest(400, f"the address: {complaints(error)}") from error

    def may_run(self, pipeline: str | None) -> bool:
        """Whether the caller sees buttons; whoever sends the form nevertheless is asked again."""
        found = self.bridge.catalogue.find(pipeline) if pipeline else None
        return self.bridge.dashboard.has_actions and found is not None and found.allows(self.caller.identity)
