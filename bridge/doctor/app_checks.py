"""Does the app itself answer, in which version, and does it let in who has the key?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bridge import __version__
from bridge.doctor.findings import Finding, fail, ok, skipped, warn
from bridge.doctor.subject import Subject
from bridge.settings.reader import LOOPBACK, host_of

if TYPE_CHECKING:
    import requests

HEALTH, APP_VERSION, KEY, TENANT = "app.health", "app.version", "app.key", "app.tenant"
SECONDS = (5, 15)
AUTHORITY = "https://login.microsoftonline.com"


def check_app(subject: Subject) -> Iterator[Finding]:
    """Only where its address is known."""
    if subject.settings.entra is not None:
        yield from _tenant(subject)
    if not subject.app.url:
        cause = "its address is not known: set BRIDGE_URL, and BRIDGE_KEY or BRIDGE_TOKEN"
        yield skipped(HEALTH, "the app: not looked at", cause)
        return
    host = host_of(subject.app.url)
    if not (subject.app.url.startswith("https://") or host in LOOPBACK):
        yield fail(HEALTH, "BRIDGE_URL is no address of an app", cause="the key would travel unencrypted",
                   mend="export BRIDGE_URL=https://<function app>.azurewebsites.net")  # fmt: skip
        return
    yield from _health(subject)


def _health(subject: Subject) -> Iterator[Finding]:
    answer = _get(f"{_base(subject)}/health", {})
    if isinstance(answer, str):
        yield fail(HEALTH, f"{host_of(subject.app.url)} does not answer", cause=answer, mend=subject.mends.restart())
        return
    document = _document(answer)
    if answer.status_code != 200 or "version" not in document:
        cause = str(document.get("detail") or "what answers there is not the app, or it could not start")
        mend = "mend what is told of settings and files above, then restart the app\n" + subject.mends.restart()
        yield fail(HEALTH, f"the app is not well: it answers {answer.status_code}", cause=cause, mend=mend)
        return
    yield ok(HEALTH, "the app answers, and can use its settings")
    if document["version"] != __version__:
        what = f"the app is version {document['version']}, the doctor {__version__}"
        yield warn(APP_VERSION, what, cause="what is expected here may be another version's", mend=_publish(subject))
    yield from _key(subject)


def _key(subject: Subject) -> Iterator[Finding]:
    by_token = subject.settings.entra is not None
    secret, name = (subject.app.token, "BRIDGE_TOKEN") if by_token else (subject.app.key, "BRIDGE_KEY")
    if not secret:
        yield skipped(KEY, "whether the app lets callers in: not looked at", f"{name} is not set")
        return
    headers = {"Authorization": f"Bearer {secret}"} if by_token else {"x-functions-key": secret}
    answer = _get(f"{_base(subject)}/pipelines", headers)
    if isinstance(answer, str):
        yield fail(KEY, "the app does not answer a caller", cause=answer, mend=subject.mends.restart())
    elif answer.status_code in {401, 403}:
        cause = str(_document(answer).get("detail") or "it is of another app, or was renewed")
        yield fail(KEY, f"the app does not accept {name}", cause=cause, mend=_new_key(subject, by_token=by_token))
    elif answer.status_code == 200:
        yield ok(KEY, f"the app lets in who has {name}")
    else:
        cause = str(_document(answer).get("detail") or answer.reason)
        yield fail(
            KEY, f"the app answers a caller with {answer.status_code}", cause=cause, mend=subject.mends.restart()
        )


def _tenant(subject: Subject) -> Iterator[Finding]:
    """The keys of tokens: without them nobody is let in."""
    entra = subject.settings.entra
    if entra is None or not entra.tenant_id:
        return
    answer = _get(f"{entra.authority or AUTHORITY}/{entra.tenant_id}/discovery/v2.0/keys", {})
    if isinstance(answer, str):
        mend = f"let the app reach {entra.authority or AUTHORITY}"
        yield fail(TENANT, "Entra does not answer", cause=answer, mend=mend)
    elif not _document(answer).get("keys"):
        what = f"Entra has no keys for the tenant {entra.tenant_id}"
        mend = subject.mends.set_setting("ENTRA_TENANT_ID", "<az account show --query tenantId>")
        yield fail(TENANT, what, cause=f"it answers {answer.status_code}: there is no such tenant", mend=mend)
    else:
        yield ok(TENANT, f"Entra publishes the keys of tenant {entra.tenant_id}")


def _get(url: str, headers: dict[str, str]) -> "requests.Response | str":
    """The answer, or why there is none; it goes along no redirect, because the key would go too."""
    import requests

    with requests.Session() as session:
        session.trust_env = urlsplit(url).hostname not in LOOPBACK
        session.auth = _no_netrc
        try:
            return session.get(url, headers=headers, timeout=SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            return f"it cannot be reached ({type(error).__name__})"


def _no_netrc(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
    return request


def _document(answer: "requests.Response") -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _base(subject: Subject) -> str:
    return subject.app.url.rstrip("/").removesuffix("/v1").removesuffix("/api") + "/api/v1"


def _publish(subject: Subject) -> str:
    return f"func azure functionapp publish {subject.mends.app or '<function app>'}"


def _new_key(subject: Subject, *, by_token: bool) -> str:
    if by_token:
        entra = subject.settings.entra
        audience = next(iter(sorted(entra.audiences)), "") if entra else ""
        return f"export BRIDGE_TOKEN=$(az account get-access-token --resource {audience} --query accessToken -o tsv)"
    app, group = subject.mends.app or "<function app>", subject.mends.app_group or "<its resource group>"
    keys = f"az functionapp keys list --name {app} --resource-group {group} --query functionKeys.default -o tsv"
    return f"export BRIDGE_KEY=$({keys})"
