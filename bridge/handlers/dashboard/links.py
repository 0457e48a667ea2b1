"""Addresses of the pages. A function key that came in the address goes on in those of other pages, and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import azure.functions as func

from bridge.handlers.runs import KEY_PARAMETER

BASE = "/api/v1/dashboard"


@dataclass(frozen=True, kw_only=True)
class Links:
    """Makes addresses for one answer."""

    #: None when it came in a header, or callers show tokens.
    key: str | None

    @classmethod
    def of(cls, request: func.HttpRequest) -> "Links":
        return cls(key=request.params.get(KEY_PARAMETER) or None)

    def page(self, *parts: str, **query: object) -> str:
        """Of the page at these parts of the path; what is None or empty is left out of the query."""
        path = "/".join((BASE, *(quote(part, safe="", errors="replace") for part in parts)))
        given = {name: str(value) for name, value in query.items() if value not in {None, ""}}
        text = urlencode({**given, **self.hidden}, errors="replace")  # half a character is no reason for no page
        return f"{path}?{text}" if text else path

    @property
    def hidden(self) -> Mapping[str, str]:
        """For forms that ask, whose fields take the place of the query."""
        return {} if self.key is None else {KEY_PARAMETER: self.key}
