"""The log as JSON, an object a line, for whoever collects what a container prints."""

import json
import logging
import sys
import time
from datetime import UTC, datetime

from bridge.telemetry.records import PREFIX


class UtcLines(logging.Formatter):
    """The log as text; never in local time."""

    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"


class JsonLines(logging.Formatter):
    """Records are safe when they come here, see `records`; JSON keeps each on one line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {
            name.removeprefix(PREFIX): str(value) for name, value in vars(record).items() if name.startswith(PREFIX)
        }
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            fields["exception"] = record.exc_text
        if record.stack_info:
            fields["stack"] = record.stack_info
        return json.dumps(fields)


def printed(*, as_json: bool) -> logging.Handler:
    """A handler for where no platform adds one: what a container prints."""
    handler = logging.StreamHandler(sys.stdout)
    text = "%(asctime)s %(levelname)s %(name)s %(message)s"
    handler.setFormatter(JsonLines() if as_json else UtcLines(text))
    return handler
