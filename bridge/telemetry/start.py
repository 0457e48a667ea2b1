"""Begins to tell of the app, as the settings have it: to Azure Monitor, to a collector by OTLP, or to nobody."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bridge.domain.signals import SILENT

if TYPE_CHECKING:
    from bridge.domain.signals import Telemetry

AZURE_MONITOR = "APPLICATIONINSIGHTS_CONNECTION_STRING"
OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT"
#: With it the platform's worker sets up Azure Monitor itself, before it loads the app.
BY_THE_WORKER = "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"

log = logging.getLogger(__name__)
_telemetry: "Telemetry" = SILENT


def telemetry() -> "Telemetry":
    """That of this process."""
    return _telemetry


def join(environ: Mapping[str, str]) -> None:
    """Inside the platform's worker: go along with what it has set up, or send to a collector; anything else is its."""
    if environ.get(BY_THE_WORKER, "").strip().lower() in {"1", "true"}:
        _begin(environ, azure_monitor=False, otlp=False)
    elif environ.get(OTLP, "").strip():
        _begin(environ, azure_monitor=False, otlp=True)


def configure(environ: Mapping[str, str]) -> None:
    """Outside of the platform's worker: set up what the settings ask for, before the app is loaded.

    A second call changes nothing. Telemetry that cannot be set up is logged, and the app goes on without it.
    `environ` says what is asked for; addresses and headers OpenTelemetry reads from the process's environment itself.
    """
    azure_monitor, otlp = (bool(environ.get(name, "").strip()) for name in (AZURE_MONITOR, OTLP))
    if azure_monitor or otlp:
        _begin(environ, azure_monitor=azure_monitor, otlp=otlp)


def _begin(environ: Mapping[str, str], *, azure_monitor: bool, otlp: bool) -> None:
    global _telemetry  # noqa: PLW0603 - OpenTelemetry itself is one for each process
    if _telemetry.is_on:
        return
    from bridge.telemetry import providers
    from bridge.telemetry.recording import global_telemetry

    name = environ.get("OTEL_SERVICE_NAME", "").strip() or environ.get("BRIDGE_NAME", "").strip() or "bridge"
    try:
        if azure_monitor:
            providers.azure_monitor(name, environ[AZURE_MONITOR], otlp=otlp)
        elif otlp:
            providers.otlp(name)
        else:
            providers.worker()
    except (ImportError, ValueError) as error:
        log.critical("the app runs without traces and metrics: %s", error)
        return
    _telemetry = global_telemetry()
