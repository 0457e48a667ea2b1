"""An app in Azure, as Azure knows it: its settings, its address, and the identity that it has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.adapters.arm import segment
from bridge.doctor.azure import Azure
from bridge.domain.errors import AccessDenied, PermanentError

VERSION, SUBSCRIPTIONS_VERSION = "2023-12-01", "2022-12-01"
#: How a setting begins whose value is in Key Vault: only the platform resolves it, and only for the app.
REFERENCE = "@Microsoft.KeyVault("


@dataclass(frozen=True, kw_only=True)
class DeployedApp:
    """A function app."""

    name: str
    group: str
    settings: Mapping[str, str] = field(repr=False)
    url: str
    #: Object id of the identity that it uses; empty when it has none.
    principal_id: str


def find_app(azure: Azure, *, name: str, group: str, subscription: str = "") -> DeployedApp:
    """Where no subscription is named, all that may be seen are looked through.

    Raises: PermanentError, AccessDenied, RetryableError.
    """
    for candidate in [subscription] if subscription else _subscriptions(azure):
        path = (
            f"/subscriptions/{segment(candidate)}/resourceGroups/{segment(group)}"
            f"/providers/Microsoft.Web/sites/{segment(name)}"
        )
        site = _site(azure, path, is_only=bool(subscription))
        if site is not None:
            listed = azure.post(f"{path}/config/appsettings/list", VERSION) or {}
            settings = {str(key): str(value) for key, value in (listed.get("properties") or {}).items()}
            return DeployedApp(
                name=name,
                group=group,
                settings=settings,
                url=_address(site),
                principal_id=_principal(site, settings.get("AZURE_CLIENT_ID", "")),
            )
    raise PermanentError(f"there is no function app {name} in a resource group {group} that you may see", code="NO_APP")


def _subscriptions(azure: Azure) -> Iterator[str]:
    for each in azure.listed("/subscriptions", SUBSCRIPTIONS_VERSION):
        yield str(each["subscriptionId"])


def _site(azure: Azure, path: str, *, is_only: bool) -> Mapping[str, Any] | None:
    try:
        return azure.get(path, VERSION)
    except AccessDenied:
        if is_only:
            raise
        return None  # of one of many subscriptions


def _address(site: Mapping[str, Any]) -> str:
    host = (site.get("properties") or {}).get("defaultHostName")
    return f"https://{host}" if host else ""


def _principal(site: Mapping[str, Any], client_id: str) -> str:
    """With AZURE_CLIENT_ID the app is that identity, without one the one that belongs to it."""
    identity = site.get("identity") or {}
    for each in (identity.get("userAssignedIdentities") or {}).values():
        if client_id and str(each.get("clientId", "")).lower() == client_id.lower():
            return str(each.get("principalId") or "")
    return str(identity.get("principalId") or "")
