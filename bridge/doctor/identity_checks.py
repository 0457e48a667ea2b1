"""Can Azure be asked at all, and as whom?"""

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.doctor.findings import Finding, fail, ok
from bridge.doctor.subject import Subject
from bridge.domain.errors import RetryableError

CHECK = "identity"
NOT_THE_APPS = (
    "this is who runs the doctor, not the app: what is said of roles counts for this identity only; "
    "give --principal-id with the object id of the app's identity to see the app's roles"
)


def check_identity(subject: Subject) -> Iterator[Finding]:
    """A token for Azure's management API; it is not shown, only what it says of its owner."""
    try:
        claims = subject.azure.claims()
    except RetryableError as error:
        yield fail(CHECK, "there is no token for Azure", cause=str(error), mend=_mend(subject, str(error)))
        return
    subject.has_token = True
    yield ok(CHECK, f"Azure is asked as {_owner(claims)}", _whose(subject))


def assignee(subject: Subject) -> tuple[str, ...]:
    """Options of `az role assignment create`: whose roles are looked at is who gets those that are missing."""
    found, kind = subject.principal_id, "ServicePrincipal"
    if not found:
        claims = subject.azure.claims()
        found = str(claims.get("oid") or "<object id of the identity>")
        kind = "User" if _user(claims) else kind
    return ("--assignee-object-id", found, "--assignee-principal-type", kind)


def who(subject: Subject) -> str:
    """Whose roles are looked at, in words."""
    if subject.principal_id:
        return f"the identity {subject.principal_id}"
    return "the app's identity" if subject.azure.is_the_apps else "who runs the doctor"


def _owner(claims: Mapping[str, Any]) -> str:
    user = _user(claims)
    name = f"user {user}" if user else f"application {claims.get('appid') or claims.get('azp') or 'unknown'}"
    return f"{name}, object id {claims.get('oid') or 'unknown'}, tenant {claims.get('tid') or 'unknown'}"


def _user(claims: Mapping[str, Any]) -> str:
    return str(claims.get("upn") or claims.get("unique_name") or claims.get("preferred_username") or "")


def _whose(subject: Subject) -> str:
    if subject.principal_id:
        return f"roles are looked at for {subject.principal_id}"
    return "" if subject.azure.is_the_apps else NOT_THE_APPS


def _mend(subject: Subject, cause: str) -> str:
    if subject.azure.is_the_apps:
        app, group = subject.mends.app or "<function app>", subject.mends.app_group or "<its resource group>"
        return f"az functionapp identity assign --name {app} --resource-group {group}"
    if "not found on path" in cause:
        return "install the Azure CLI (az); then: az login"
    entra = subject.settings.entra
    return f"az login --tenant {entra.tenant_id}" if entra and entra.tenant_id else "az login"
