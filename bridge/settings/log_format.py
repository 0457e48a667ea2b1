"""How the log is written; apart from the other settings, because the log begins before they are read."""

from collections.abc import Mapping
from enum import StrEnum


class LogFormat(StrEnum):
    """What a line of the log is."""

    TEXT = "text"
    #: An object a line, for whoever collects what a container prints.
    JSON = "json"


def log_format(environ: Mapping[str, str]) -> LogFormat:
    """Anything unknown is text, and a problem of the settings."""
    return LogFormat.JSON if environ.get("LOG_FORMAT", "").strip().lower() == LogFormat.JSON else LogFormat.TEXT
