"""Pages out of templates: everything is escaped, what a template misspells fails, and Jinja loads on first use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import azure.functions as func
import simplejson

from bridge.handlers.dashboard import assets, protection, words
from bridge.handlers.dashboard.links import Links

if TYPE_CHECKING:
    from jinja2 import Environment

#: The host adds the charset.
HTML = "text/html"
#: Characters of one value that a page shows; the ledger has the whole.
LONGEST = 20_000


@dataclass(frozen=True, kw_only=True)
class Page:
    """What every page needs to know of the request that it answers."""

    links: Links
    bridge_name: str
    now: datetime
    has_actions: bool = False
    #: The page's own part of the menu.
    section: str = ""


def render(template: str, page: Page, *, status: int = 200, **values: Any) -> func.HttpResponse:
    """The page as an answer, with what protects it."""
    text = (
        _environment()
        .get_template(template)
        .render(
            page=page,
            links=page.links,
            asset=assets.url,
            ago=lambda at: words.ago(at, page.now),
            **values,
        )
    )
    # Half a character, which a row of the ledger could have, is no reason for no page.
    return func.HttpResponse(
        text.encode(errors="replace"), status_code=status, mimetype=HTML, headers=dict(protection.HEADERS)
    )


def see_other(url: str) -> func.HttpResponse:
    """After a form: the browser asks for a page, and a reload sends nothing twice."""
    return func.HttpResponse(status_code=303, headers={**protection.HEADERS, "Location": url})


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: Mapping[str, Callable[..., Any]] = {
        "iso": _iso,
        "clock": words.clock,
        "day": words.day,
        "moment": words.moment,
        "seconds": words.seconds,
        "percent": words.percent,
        "amount": words.amount,
        "label": words.label,
        "tone": words.tone,
        "first_line": words.first_line,
        "shown": _shown,
        "as_json": _as_json,
    }
    environment.filters.update(filters)
    return environment


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _shown(text: str) -> str:
    """As much of it as a page can bear."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({len(text) - LONGEST:,} characters more in the ledger)"


def _as_json(value: Any) -> str:
    """A text as it is, anything else with all its digits and in its own letters."""
    if isinstance(value, str):
        return _shown(value)
    return _shown(simplejson.dumps(value, indent=2, ensure_ascii=False, use_decimal=True))
