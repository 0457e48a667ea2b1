"""What operators see of the app: its log, and traces and metrics where a setting asks for them.

Without one nothing of OpenTelemetry is loaded.
"""

from bridge.telemetry.lines import JsonLines, printed
from bridge.telemetry.records import install
from bridge.telemetry.start import configure, join, telemetry

__all__ = ["JsonLines", "configure", "install", "join", "printed", "telemetry"]
