"""Azure's management API as the doctor reads it: as who runs it, or as the app where it runs beside the app."""

import base64
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bridge.adapters.arm import MANAGEMENT, MANAGEMENT_SCOPE, ArmClient
from bridge.adapters.credential import app_credential
from bridge.adapters.pacing import Pace
from bridge.doctor.clocks import Clocks
from bridge.domain.errors import RetryableError
from bridge.settings.app_settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

#: The name of its clock.
SERVICE = "Azure"
READ_SECONDS = 10
#: More than any group or namespace has of what is listed here.
PAGES = 20


class Azure:
    """GET and POST by path; answers say what time it is there."""

    def __init__(self, settings: Settings, clocks: Clocks) -> None:
        self._settings = settings
        self._clocks = clocks
        self._arm = ArmClient(lambda: self.credential, lambda: self._transport, SERVICE)

    @property
    def is_the_apps(self) -> bool:
        """Whether the identity is the app's own, and not that of a person."""
        return bool(self._settings.aml_endpoint) or self._settings.identity.is_here

    @cached_property
    def credential(self) -> "TokenCredential":
        arguments = self._settings.identity.for_operator().credential_arguments()
        return app_credential(**arguments, aml_endpoint=self._settings.aml_endpoint)()

    def claims(self) -> Mapping[str, Any]:
        """What the token says of its owner; the token itself goes nowhere. Raises: RetryableError."""
        from azure.core.exceptions import AzureError

        try:
            token = self.credential.get_token(MANAGEMENT_SCOPE).token
        except (AzureError, OSError, ValueError) as error:
            message = getattr(error, "message", None) or str(error)
            raise RetryableError(str(message).partition("\n")[0]) from error
        return _claims(token)

    def get(self, path: str, version: str, **parameters: str) -> Any | None:
        """None when there is no such thing. Raises: BridgeError."""
        return self._arm.get(MANAGEMENT + path, {"api-version": version, **parameters})

    def post(self, path: str, version: str) -> Any | None:
        return self._arm.post(MANAGEMENT + path, {"api-version": version})

    def listed(self, path: str, version: str, **parameters: str) -> list[Mapping[str, Any]]:
        """All pages of a list; empty when there is no such place. Raises: BridgeError."""
        return list(self._pages(path, {"api-version": version, **parameters}))

    def _pages(self, path: str, parameters: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        page = self._arm.get(MANAGEMENT + path, parameters)
        for _ in range(PAGES):
            if not page:
                return
            yield from page.get("value") or []
            if not page.get("nextLink"):
                return
            page = self._arm.get(page["nextLink"], {})

    @cached_property
    def _transport(self) -> Any:
        from bridge.adapters.transport import pooled_transport

        pace = Pace(writes_per_second=self._settings.aml_writes_per_second, instances=1)
        transport = pooled_transport(self._settings.aml_endpoint, READ_SECONDS, pace)
        if transport.session is not None:  # it was given one
            transport.session.hooks["response"].append(self._clocks.hook(SERVICE))
        return transport


def _claims(token: str) -> Mapping[str, Any]:
    """Unchecked: they are only shown, and Azure checks them."""
    try:
        middle = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, Mapping) else {}
