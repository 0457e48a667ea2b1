"""Starts the app: what the platform needs to index its functions now, all else in the background or on first use."""

import logging
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bridge import handlers, telemetry
from bridge.domain.masking import hide
from bridge.settings.auth_mode import AuthMode, auth_mode, is_container
from bridge.settings.log_format import LogFormat, log_format
from bridge.settings.secrets import secret_values

if TYPE_CHECKING:
    from bridge.domain.errors import ConfigurationError
    from bridge.ports import Bridge

#: They log a line for every link and every request.
NOISY = (
    "azure",
    "azure.ai.ml",
    "azure.servicebus",
    "azure.core.pipeline.policies.http_logging_policy",
    "snowflake.connector",
)
#: The platform's name for what this instance runs, where each kind of function has instances of its own (Flex
#: Consumption): `http`, or a function's name. Source: azure-functions-host, FunctionGroupListenerDecorator.
TARGET_GROUP = "FUNCTIONS_TARGET_GROUP"
EXECUTOR = "execute"

log = logging.getLogger(__name__)


class App:
    """The settings and the bridge made of them, built on first use and then kept."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._lock = threading.Lock()
        self._built: Bridge | None = None
        #: Calls wait for it while the app warms up.
        self._may_call = threading.Event()
        self._may_call.set()

    @property
    def host_checks_keys(self) -> bool:
        """Whether the host lets in function keys only; otherwise it lets in everybody, and the app wants tokens."""
        return auth_mode(self._environ) is not AuthMode.ENTRA

    @property
    def may_submit(self) -> bool:
        """Whether this instance makes jobs: any does, unless the platform has said what this one is for."""
        group = self._environ.get(TARGET_GROUP, "").strip().lower()
        return group.removeprefix("function:") in {"", EXECUTOR}

    def bridge(self) -> "Bridge":
        """Raises: ConfigurationError with every problem."""
        self._may_call.wait()
        return self._build()

    def problems(self) -> "ConfigurationError | None":
        """What is wrong with the configuration, for probes."""
        from bridge.domain.errors import ConfigurationError

        try:
            self.bridge()
        except ConfigurationError as error:
            return error
        return None

    def _build(self) -> "Bridge":
        with self._lock:
            if self._built is None:
                from bridge.assembly import build  # it loads most of the app

                self._built = build(self._environ)
            return self._built

    def warm_up(self) -> threading.Thread:
        """Do in the background what the first call would wait for; wrong settings are logged and told to whoever asks.

        A thread that the process does not wait for when it ends.
        """
        self._may_call.clear()
        thread = threading.Thread(target=self._warm_up, name="warm-up", daemon=True)
        thread.start()
        return thread

    def _warm_up(self) -> None:
        from bridge.domain.errors import ConfigurationError

        try:
            bridge = self._load()
            connecting = threading.Thread(target=bridge.sender.prepare, daemon=True)  # it mostly waits
            connecting.start()
            if self.may_submit:
                bridge.jobs.prepare(bridge.workspace)
            connecting.join()
        except ConfigurationError as error:
            log.critical("%s", error)
        except Exception:  # the first call will meet it too, and answer for it
            log.exception("the app could not be prepared for its first call")

    def _load(self) -> "Bridge":
        """The modules that calls need too; they may begin then, whatever came of it."""
        try:
            from bridge.adapters.loading import load_shared

            handlers.load()
            bridge = self._build()
            load_shared(for_submissions=self.may_submit)
        finally:
            self._may_call.set()
        return bridge


def start() -> App:
    """The app over this process's environment, its log without secrets."""
    hide(secret_values(os.environ))
    telemetry.install()
    if is_container(os.environ):
        telemetry.configure(os.environ)
    else:  # the platform's worker has a part in it
        telemetry.join(os.environ)
    has_fields = telemetry.telemetry().is_on or log_format(os.environ) is LogFormat.JSON
    telemetry.install(ids_in_text=not has_fields)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    return App(os.environ)
