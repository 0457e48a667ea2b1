"""Style, script and icon, packed with the app; their addresses change with their contents, so browsers keep them."""

import hashlib
from functools import cache
from pathlib import Path

import azure.functions as func

from bridge.handlers.answers import problem
from bridge.handlers.dashboard.links import BASE

FOLDER = Path(__file__).with_name("assets")
TYPES = {
    "dashboard.css": "text/css",
    "dashboard.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
FOR_GOOD = "public, max-age=31536000, immutable"
HEADERS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}


def url(name: str) -> str:
    """The address of this version of a file."""
    stem, _, kind = name.rpartition(".")
    return f"{BASE}/assets/{stem}.{_digest(name)}.{kind}"


def file(asked: str) -> func.HttpResponse:
    """The file by its address. While instances are replaced, one may be asked for another version: it gives its own."""
    stem, _, kind = asked.rpartition(".")
    stem, _, digest = stem.rpartition(".")
    name = f"{stem}.{kind}"
    if name not in TYPES:
        return problem(404, "No such file", f"the page's files are {', '.join(TYPES)}, each with a part of its hash")
    kept = FOR_GOOD if digest == _digest(name) else "no-cache"
    headers = {**HEADERS, "Cache-Control": kept}
    return func.HttpResponse(_content(name), mimetype=TYPES[name], headers=headers)


@cache
def _content(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(_content(name)).hexdigest()[:12]
