"""Markdown from templates."""

from pathlib import Path
from typing import Any

import jinja2

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - the result is Markdown, of our own texts
)


def cell(text: str) -> str:
    """As it can stand in a table."""
    return text.replace("|", "\\|").replace("\n", " ")


_ENVIRONMENT.filters["cell"] = cell


def rendered(template: str, **values: Any) -> str:
    return _ENVIRONMENT.get_template(template).render(values)
