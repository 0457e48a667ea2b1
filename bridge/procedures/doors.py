"""The ways out of Snowflake: a procedure calls the app, Service Bus or Event Grid itself, without API Management.

What the other side rejects comes back as data, in the form of a row's answer. What could not be done raises, and the
text says what, where and what to do; it never holds a key or a token.
"""

import base64
import hashlib
import hmac
import json
import random
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InvalidHeader, NewConnectionError
from urllib3.util.retry import Retry

#: To connect, and between two pieces of the answer. With the waits, all tries end before a signature expires.
TIMEOUTS = (5.0, 25.0)
REPEATS = 5
BACKOFF_SECONDS = 1.0
#: A warehouse is paid while a procedure sleeps, so no server may ask for more.
LONGEST_WAIT_SECONDS = 20.0
REPEATED_STATUSES = (408, 429, 500, 502, 503, 504)
SIGNATURE_SECONDS = 300
#: A token that has less left is exchanged anew, as the tries of one call take their time.
TOKEN_MARGIN_SECONDS = 300
EVENT_LIMIT_BYTES = 1024 * 1024
#: Codes for problems that come without one.
_CODES = {400: "BAD_REQUEST", 404: "NOT_FOUND", 409: "CONFLICT", 413: "TOO_LARGE", 422: "BAD_REQUEST"}
_WHICH = "the procedure's secret '{}' (DESCRIBE PROCEDURE shows which object that is)"
_MEND = "ALTER SECRET ... SET SECRET_STRING = '...' mends it"
_AGAIN = "Call again with the idempotency key '{}': it still makes one run"
_REQUEST_IDS = ("x-correlation-id", "x-ms-request-id")
_SECRET_HEADERS = ("authorization", "x-functions-key", "aeg-sas-key")
_QUEUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,258}[A-Za-z0-9])?")


class CallFailed(Exception):
    """What was asked for is not done, or nobody knows; the text says what to do next."""


def checked(text: str | None) -> Any:
    """What JSON text says; None for none.

    Raises: ValueError for what is no JSON, such as the NaN that Snowflake writes for a FLOAT.
    """
    return None if text is None else json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"JSON has no form for {constant}")


def with_json(fields: Mapping[str, Any], name: str, text: str | None) -> str:
    """An object of some fields and one that is JSON already: its text stays as it is, so no number loses a digit."""
    checked(text)
    return f'{json.dumps(fields)[:-1]}, "{name}": {"null" if text is None else text}' + "}"


class _Tries(Retry):
    """The library's arithmetic; waits are spread, so that many tasks do not come back at the same moment."""

    def get_backoff_time(self) -> float:
        return super().get_backoff_time() * random.uniform(0.5, 1.0)  # noqa: S311 # nosec B311 # no secret

    def get_retry_after(self, response: Any) -> float | None:
        try:
            wanted = super().get_retry_after(response)
        except InvalidHeader:
            return None
        return None if wanted is None else min(wanted, LONGEST_WAIT_SECONDS)


def _post(url: str, body: bytes, headers: Mapping[str, str], again: str) -> requests.Response:
    """The answer to one POST, after as many tries as it took. Repeating is safe: every body has its own identity."""
    tries = _Tries(
        total=REPEATS,
        connect=3,  # mostly a host that the network rule lacks
        backoff_factor=BACKOFF_SECONDS,
        status_forcelist=REPEATED_STATUSES,
        allowed_methods=frozenset({"POST"}),
        raise_on_status=False,
    )
    with requests.Session() as session:
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=tries))
        try:
            return session.post(url, data=body, headers=headers, timeout=TIMEOUTS, allow_redirects=False)
        except requests.RequestException as error:
            raise CallFailed(f"POST {url} got no answer: {_reason(url, error)}. {again}") from error


def _reason(url: str, error: requests.RequestException) -> str:
    cause = error.args[0] if error.args else error
    cause = getattr(cause, "reason", None) or cause
    text = f"{type(cause).__name__}: {cause}"[:300]
    if not isinstance(cause, NewConnectionError):
        return text
    return (
        f"{text}. Procedures reach only hosts of their network rule: '{urlsplit(url).netloc}' must be in the VALUE_LIST"
        " of the rule, the rule in the external access integration, and that in the procedure"
    )


def _failure(response: requests.Response, again: str, advice: str = "", hidden: Sequence[str] = ()) -> CallFailed:
    document = _document(response)
    said = str(document.get("detail") or document.get("error_description") or response.text)
    sent = [response.request.headers.get(name) or "" for name in _SECRET_HEADERS]
    for secret in [*hidden, *(part for value in sent for part in str(value).split())]:
        said = said.replace(secret, "***") if len(secret) >= 8 else said
    texts = [
        f"POST {response.url.partition('?')[0]} answered {response.status_code}: {' '.join(said.split())[:500]}",
        *(f"{name}: {response.headers[name][:128]}" for name in _REQUEST_IDS if name in response.headers),
    ]
    return CallFailed(". ".join(text for text in [*texts, advice, again] if text))


def _document(response: requests.Response) -> dict[str, Any]:
    """The JSON object that the answer is, or an empty one."""
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _address(text: str) -> str:
    """Keys do not belong into addresses, which error texts repeat; neither do they travel in the clear."""
    url = text if "://" in text else f"https://{text}"
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"})
    if not is_safe or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("the door's address must be https://HOST/PATH, without a user, a query or a fragment")
    return url.rstrip("/")


def _secret(name: str) -> str:
    """The text of a secret, by its name in SECRETS of the procedure."""
    from snowflake.snowpark import secrets

    try:
        value = str(secrets.get_generic_secret_string(name)).strip()
    except Exception as error:
        raise CallFailed(f"{_WHICH.format(name)} cannot be read: {error}") from error
    # requests would repeat it in its error about a header that cannot be sent.
    if not value.isascii() or not value.isprintable() or not value:
        raise CallFailed(f"{_WHICH.format(name)} is empty or holds characters that no key has. {_MEND}")
    return value


@dataclass(frozen=True)
class FunctionKey:
    """A function key of the app."""

    secret: str
    header: ClassVar[str] = "x-functions-key"

    def headers(self, resource: str) -> dict[str, str]:  # noqa: ARG002 - the same for every address
        return {self.header: _secret(self.secret)}

    @property
    def advice(self) -> str:
        return f"Is {_WHICH.format(self.secret)} the right key for {self.header}? {_MEND}"


class EventGridKey(FunctionKey):
    """An access key of a topic, sent just so."""

    header = "aeg-sas-key"


@dataclass(frozen=True)
class SharedAccessKey:
    """The key of a shared access policy; what is sent is a signature made with it, good for one queue and minutes."""

    secret: str
    key_name: str

    def headers(self, resource: str) -> dict[str, str]:
        expiry = int(time.time()) + SIGNATURE_SECONDS
        return {"Authorization": shared_access_signature(resource, self.key_name, _secret(self.secret), expiry)}

    @property
    def advice(self) -> str:
        return (
            f"The queue or its namespace needs a policy '{self.key_name}' with the right Send; "
            f"{_WHICH.format(self.secret)} must be its key ({_MEND}), and the clock must be right"
        )


def shared_access_signature(resource: str, key_name: str, key: str, expiry: int) -> str:
    """Signed is the text as it is sent; the key is taken as text, although it looks like base64."""
    encoded = quote_plus(resource)
    digest = hmac.new(key.encode(), f"{encoded}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = quote_plus(base64.b64encode(digest))
    # Joined, because some clients of Snowflake take an ampersand before a name for a variable of theirs.
    fields = (f"sr={encoded}", f"sig={signature}", f"se={expiry}", f"skn={quote_plus(key_name)}")
    return "SharedAccessSignature " + "&".join(fields)


@dataclass(frozen=True)
class FederatedIdentity:
    """An app of Entra that trusts a token which Snowflake issues for the secret: no key anywhere."""

    secret: str
    tenant_id: str
    client_id: str
    scope: str
    authority: str = "https://login.microsoftonline.com"

    def headers(self, resource: str) -> dict[str, str]:  # noqa: ARG002 - the scope says it
        token, expires = _tokens.get(self, ("", 0.0))
        if expires - TOKEN_MARGIN_SECONDS <= time.monotonic():
            token, expires = _tokens[self] = self._exchange()
        return {"Authorization": f"Bearer {token}"}

    @property
    def advice(self) -> str:
        return (
            f"The app '{self.client_id}' of Entra needs a role for this and a federated credential with the issuer and "
            f"subject that DESC SECRET shows for {_WHICH.format(self.secret)}; '{self.scope}' must be the right scope"
        )

    def _exchange(self) -> tuple[str, float]:
        from snowflake.snowpark import secrets

        try:
            assertion = str(secrets.get_wif_token(self.secret, "api://AzureADTokenExchange"))
        except Exception as error:
            raise CallFailed(f"{_WHICH.format(self.secret)} gave no token: {error}") from error
        fields = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "scope": self.scope,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        url = f"{_address(self.authority)}/{quote(self.tenant_id, safe='')}/oauth2/v2.0/token"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        response = _post(url, urlencode(fields).encode(), headers, "Nothing was sent yet")
        answer = _document(response)
        if response.status_code != 200 or not str(answer.get("access_token") or "\n").isprintable():
            raise _failure(response, "Nothing was sent yet", self.advice, hidden=[assertion])
        return answer["access_token"], time.monotonic() + float(answer.get("expires_in") or 0)


#: Kept for as long as the process lives, which may be several calls.
_tokens: dict[FederatedIdentity, tuple[str, float]] = {}
Credential = FunctionKey | SharedAccessKey | FederatedIdentity


class HttpDoor(NamedTuple):
    """The app's REST routes: `url` ends where `/v1` begins."""

    url: str
    credential: Credential


class ServiceBusDoor(NamedTuple):
    """The queues of one namespace, such as `name.servicebus.windows.net`."""

    namespace_host: str
    credential: Credential


class EventGridDoor(NamedTuple):
    """One topic; its endpoint ends with `/api/events`."""

    topic_endpoint: str
    credential: Credential


def start_run(
    door: HttpDoor, pipeline: str | None, inputs_json: str | None, idempotency_key: str | None = None
) -> dict[str, Any]:
    """Start a run, or get the run of this key if there is one; without a key a new one is made, and told."""
    key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
    known = {"run_id": None, "pipeline": pipeline, "fingerprint": None, "idempotency_key": key}
    try:
        body = with_json({"pipeline": pipeline, "idempotency_key": key}, "inputs", inputs_json or "{}")
    except ValueError as error:
        return {"status": "REJECTED", **known, "error": _error("BAD_ROW", f"the inputs: {error}", "inputs")}
    return _ask(door, ["runs"], body, known, _AGAIN.format(key))


def cancel_run(door: HttpDoor, run_id: str | None) -> dict[str, Any]:
    return _ask(door, ["runs", run_id, "cancel"], "{}", {"run_id": run_id}, "Calling again is safe")


def rerun(door: HttpDoor, run_id: str | None, idempotency_key: str | None = None) -> dict[str, Any]:
    """Start a new run with the pipeline and inputs of an old one."""
    key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
    known = {"run_id": None, "pipeline": None, "fingerprint": None, "rerun_of": run_id, "idempotency_key": key}
    return _ask(door, ["runs", run_id, "rerun"], json.dumps({"idempotency_key": key}), known, _AGAIN.format(key))


def replay(door: HttpDoor, dead_letter_id: str | None) -> dict[str, Any]:
    """Have a dead letter handled once more."""
    known = {"dead_letter_id": dead_letter_id}
    return _ask(door, ["dead-letters", dead_letter_id, "replay"], "{}", known, "Calling again is safe")


def send_message(
    door: ServiceBusDoor, queue: str | None, body_json: str | None, message_id: str | None = None
) -> dict[str, Any]:
    """Put one message into a queue: text as it is, anything else as JSON."""
    if queue is None or not _QUEUE.fullmatch(queue) or not all(p.strip(".") for p in queue.split("/")):
        raise ValueError("a queue's name has at most 260 letters, digits and . _ - / and begins and ends with no sign")
    message = message_id or str(uuid.uuid4())
    if len(message) > 128:
        raise ValueError(f"the message id has {len(message)} characters: 128 are allowed")
    body = checked(body_json)
    content = (body if isinstance(body, str) else body_json or "null").encode()
    resource = f"{_address(door.namespace_host)}/{quote(queue)}"
    headers = {
        "Content-Type": "application/json",
        "BrokerProperties": json.dumps({"MessageId": message}),
        **door.credential.headers(resource),
    }
    again = f"Send it again with the message_id '{message}'"
    response = _post(f"{resource}/messages", content, headers, again)
    if response.status_code == 201:
        return {"status": "SENT", "queue": queue, "message_id": message}
    too_large = f"The message has {len(content):,} bytes, or the queue is full: the Standard tier takes 256 KB"
    missing = f"There is no queue '{queue}' in this namespace"
    advice = {401: door.credential.advice, 403: too_large, 413: too_large, 404: missing, 410: missing}
    raise _failure(response, again, advice.get(response.status_code, ""))


def publish_event(
    door: EventGridDoor, event_type: str | None, subject: str | None, data_json: str | None, event_id: str | None = None
) -> dict[str, Any]:
    """Publish one event to the topic."""
    if not event_type or not subject:
        raise ValueError("an event needs an event_type and a subject")
    event = {
        "id": event_id or str(uuid.uuid4()),
        "eventType": event_type,
        "subject": subject,
        "eventTime": datetime.now(UTC).isoformat(),
        "dataVersion": "1",
    }
    content = f"[{with_json(event, 'data', data_json)}]".encode()
    if len(content) > EVENT_LIMIT_BYTES:
        raise ValueError(f"the event has {len(content):,} bytes: Event Grid takes {EVENT_LIMIT_BYTES:,}")
    url = _address(door.topic_endpoint)
    headers = {"Content-Type": "application/json; charset=utf-8", **door.credential.headers(url)}
    again = f"Publish it again with the event_id '{event['id']}'"
    response = _post(f"{url}?api-version=2018-01-01", content, headers, again)
    if response.status_code != 200:
        raise _failure(response, again, door.credential.advice if response.status_code in {401, 403} else "")
    return {"status": "PUBLISHED", "event_id": event["id"], "event_type": event_type, "subject": subject}


def _ask(
    door: HttpDoor, route: Sequence[str | None], body: str, known: Mapping[str, Any], again: str
) -> dict[str, Any]:
    parts = [part or "" for part in route]
    if not all(part.strip(".") for part in parts):  # would be another route
        return {"status": "REJECTED", **known, "error": _error("BAD_ROW", "the id is missing")}
    url = "/".join([_address(door.url), "v1", *(quote(part, safe="") for part in parts)])
    headers = {
        "Content-Type": "application/json",
        "x-bridge-source": "procedure",
        "x-correlation-id": str(uuid.uuid4()),  # one for all tries
        **door.credential.headers(url),
    }
    response = _post(url, body.encode(), headers, again)
    document = _document(response)
    if response.status_code in {200, 202} and document:
        return {**known, **document}
    errors = _rejection(response, document)
    if errors:
        found = {name: document[name] for name in ("run_id", "trace_id") if document.get(name)}
        more = {"errors": errors} if len(errors) > 1 else {}
        return {"status": "REJECTED", **known, **found, "error": errors[0], **more}
    advice = dict.fromkeys((401, 403), door.credential.advice) | {404: "Does the door's address end where /v1 begins?"}
    raise _failure(response, again, advice.get(response.status_code, ""))


def _rejection(response: requests.Response, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the app finds wrong with the request; nothing when key or address are wrong, which says nothing about it."""
    is_problem = response.headers.get("Content-Type", "").startswith("application/problem+json")
    code = document.get("code") or _CODES.get(response.status_code)
    if not is_problem or not code or response.status_code not in {400, 403, 404, 409, 413, 422}:
        return []
    return document.get("errors") or [_error(code, document.get("detail") or document.get("title"))]


def _error(code: str, message: str | None, field: str | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "field": field}
