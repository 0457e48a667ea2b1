"""Which of the environment's values are secret; the app keeps them out of its logs, answers and rows."""

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from bridge.settings import function_keys
from bridge.settings.catalogue import SETTINGS
from bridge.settings.channels import PREFIX, is_channel_setting

#: What the platform puts into the environment beside them.
_PLATFORM = (
    "CONTAINER_ENCRYPTION_KEY",
    "IDENTITY_HEADER",
    "MSI_SECRET",
    "WEBSITE_AUTH_ENCRYPTION_KEY",
    "WEBSITE_AUTH_SIGNING_KEY",
)
_CONNECTIONS = ("ServiceBusConnection", "AzureWebJobsStorage", "APPLICATIONINSIGHTS_CONNECTION_STRING")
#: Settings of the app that hold nothing but a secret; `{` is in the names of channels.
_WHOLE = tuple(
    name for name, setting in SETTINGS.items() if setting.is_secret and name not in _CONNECTIONS and "{" not in name
)
#: Headers for collectors of telemetry, as NAME=VALUE with commas between them: keys of their services.
_HEADERS = "OTEL_EXPORTER_OTLP_"
_SECRET_QUERY = frozenset({"sig", "code", "key", "token", "secret"})
#: Other parts of a path are words, such as "workflows".
_LIKE_AN_ID = 20
_SECRET_PARTS = ("key", "signature", "secret", "password")


def secret_values(environ: Mapping[str, str]) -> Iterator[str]:
    """Each by itself: of a connection string its key, of a webhook's address all that is behind the host."""
    for name in (*_WHOLE, *_PLATFORM):
        yield environ.get(name, "").strip()
    yield from (key.strip() for key in environ.get(function_keys.NAME, "").split(","))
    for name in _CONNECTIONS:
        for part in environ.get(name, "").split(";"):
            label, _, value = part.partition("=")
            if label.strip().lower().endswith(_SECRET_PARTS):
                yield value.strip()
    for name, value in environ.items():
        if name.startswith(_HEADERS) and name.endswith("HEADERS"):
            for header in value.split(","):
                given = header.partition("=")[2].strip()
                yield from (given, unquote(given))
        if is_channel_setting(name, "SECRET"):
            yield from (value.strip(), value.strip().removeprefix(PREFIX))
        elif is_channel_setting(name, "URL"):
            yield from _of_address(value.strip())


def _of_address(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        yield url
        return
    yield from (url, parts.path, parts.query, parts.username or "", parts.password or "")
    yield f"{parts.path}?{parts.query}"
    yield from (value for name, value in parse_qsl(parts.query) if name.lower() in _SECRET_QUERY)
    yield from (part for part in parts.path.split("/") if len(part) >= _LIKE_AN_ID)
