"""Where an external function's public address lies on the laptop, and what API Management would add on the way."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class UnmappedUrl(Exception):
    """No entry covers the address, and it is not on this machine."""


@dataclass(frozen=True, kw_only=True)
class UrlMapping:
    """One prefix of addresses, and where it leads."""

    source: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def covers(self, url: str) -> bool:
        return url == self.source or url.startswith(self.source.rstrip("/") + "/")

    def to_json(self) -> dict[str, Any]:
        # The values may be keys to the app; the names tell enough.
        return {"from": self.source, "to": self.target, "headers": sorted(self.headers)}


class UrlMap:
    """The mappings, changed at run time; the longest prefix that covers an address wins."""

    def __init__(self) -> None:
        self._by_source: dict[str, UrlMapping] = {}
        self._lock = threading.Lock()

    def put(self, mapping: UrlMapping) -> None:
        with self._lock:
            self._by_source[mapping.source] = mapping

    def all(self) -> list[UrlMapping]:
        with self._lock:
            return list(self._by_source.values())

    def resolve(self, url: str) -> tuple[str, Mapping[str, str]]:
        """The address to call instead, and the headers to add.

        Raises:
            UnmappedUrl: nothing on this machine answers for it, and the laptop calls nobody else.
        """
        covering = [mapping for mapping in self.all() if mapping.covers(url)]
        if covering:
            best = max(covering, key=lambda mapping: len(mapping.source))
            return best.target.rstrip("/") + url[len(best.source.rstrip("/")) :], best.headers
        if urlsplit(url).hostname in _LOOPBACK:
            return url, {}
        raise UnmappedUrl(f"The laptop's Snowflake has no url-map entry for {url}")


def parse_mapping(text: str, headers: Mapping[str, str]) -> UrlMapping:
    """Read `https://x.azure-api.net/aml=>http://127.0.0.1:7071/api`, as it stands on a command line."""
    source, arrow, target = text.partition("=>")
    if not arrow or not source.strip() or not target.strip():
        raise ValueError(f"--url-map wants FROM=>TO, not {text!r}")
    return UrlMapping(source=source.strip(), target=target.strip(), headers=dict(headers))
