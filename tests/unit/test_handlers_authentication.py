"""Every route asks who calls before it does anything, and what it does is done in the caller's name."""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

import function_app
from bridge.adapters.memory import MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.assembly import build
from bridge.domain import events
from bridge.domain.callers import CallerIdentity, KeyAuthenticator
from bridge.domain.commands import CancelRun, SubmitRun
from bridge.domain.errors import CallerRefused, ServiceUnavailable, Unauthenticated
from bridge.domain.pipelines import Allow, Catalogue
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.handlers import dead_letters, lifecycle, runs, snowflake
from bridge.ports import Bridge
from tests.conftest import pipeline
from tests.unit.app_functions import CALLS, GOOD_RUN, HTTP, LETTER, PAGES, RUN_ID, MemoryApp, handler
from tests.unit.invocations import batch, document, http, problem
from tests.unit.requests import reported

ROOT = Path(__file__).parents[2]
ROLES, APP_ROLES = ("ML_TEAM",), ("Bridge.Submit",)
PRINCIPAL = "app:00000000-0000-0000-0000-000000000009"
CLOSED = [name for name in HTTP if name != "health"]
ENTRA = {
    "AUTH_MODE": "Entra",
    "ENTRA_TENANT_ID": "00000000-0000-0000-0000-000000000001",
    "ENTRA_AUDIENCE": "00000000-0000-0000-0000-000000000002",
    "ALLOWED_CLIENT_IDS": "00000000-0000-0000-0000-000000000009",
}


@dataclass
class Porter:
    """An authenticator that lets nobody in, or whoever says the word."""

    error: Exception | None = None

    def identify(self, headers: Mapping[str, str]) -> CallerIdentity:
        if self.error is not None:
            raise self.error
        if headers.get("authorization") != "Bearer sesame":
            raise Unauthenticated("say the word")
        return CallerIdentity(principal=PRINCIPAL, roles=ROLES, app_roles=APP_ROLES)


class Untouched:
    """A port that nobody may use."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was used for a stranger")


@pytest.fixture
def guarded(bridge: Bridge) -> Bridge:
    """The bridge for callers of one application."""
    open_ = replace(pipeline("train"), allow=Allow(principals=frozenset({"app:*"})))
    return replace(bridge, authenticator=Porter(), catalogue=Catalogue([open_, pipeline("limited")]))


def named(request: func.HttpRequest) -> func.HttpRequest:
    """The same request with the word."""
    return func.HttpRequest(
        method=request.method,
        url=request.url,
        headers={**request.headers, "Authorization": "Bearer sesame"},
        params=request.params,
        route_params=request.route_params,
        body=request.get_body(),
    )


def with_nothing_behind(bridge: Bridge, authenticator: Porter) -> Bridge:
    untouched: Any = Untouched()
    return replace(
        bridge,
        authenticator=authenticator,
        jobs=untouched,
        sender=untouched,
        ledger=untouched,
        outbound=untouched,
        catalogue=untouched,
    )


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (Unauthenticated("no token"), (401, "WWW-Authenticate", "Bearer")),
        (CallerRefused("not listed"), (403, "Retry-After", None)),
        (ServiceUnavailable("no keys", retry_after=timedelta(seconds=7)), (503, "Retry-After", "7")),
    ],
)
def test_a_stranger_is_turned_away_before_anything_is_done(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, answer: tuple[int, str, str | None]
) -> None:
    status, header, value = answer
    monkeypatch.setattr(function_app, "bridge_app", MemoryApp(with_nothing_behind(bridge, Porter(error))))

    response = handler(name)(CALLS[name][0]())

    found = problem(response, status)
    assert "code" not in found  # or our procedures would take it for an answer about the request
    assert response.headers.get(header) == value


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 10_000])
def test_a_strangers_body_is_not_even_read(bridge: Bridge, body: bytes) -> None:
    closed = with_nothing_behind(bridge, Porter())

    problem(runs.create(http(body=body), lambda: closed), 401)
    problem(snowflake.submit_run(batch(body=body, content_encoding="gzip"), lambda: closed), 401)


@pytest.mark.parametrize("name", CLOSED)
def test_whoever_is_known_gets_the_answer(
    guarded: Bridge, ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fact = events.job_fact(RUN_ID, "RUNNING", guarded.clock.now(), **GOOD_RUN)
    ledger.write(Records(run_events=(fact,), dead_letters=(LETTER,)))
    letters = replace(pipeline("train"), allow=Allow(principals=frozenset({"app:*", "queue:run-commands"})))
    monkeypatch.setattr(
        function_app, "bridge_app", MemoryApp(replace(guarded, catalogue=Catalogue([letters, pipeline("limited")])))
    )
    request, status = CALLS[name]

    assert handler(name)(named(request())).status_code == status


def test_health_stays_open(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_app, "bridge_app", MemoryApp(with_nothing_behind(bridge, Porter())))

    assert handler("health")(http("GET")).status_code == 200


def test_a_run_is_its_callers(guarded: Bridge, queues: MemoryQueues) -> None:
    document(runs.create(named(http(body=GOOD_RUN)), lambda: guarded))
    document(snowflake.submit_run(named(batch([0, "train", {"as_of": "2026-11-01"}, "k"])), lambda: guarded))

    sent = [message.body for message in queues.sent[Queue.RUN_COMMANDS]]
    caller = CallerIdentity(principal=PRINCIPAL, roles=ROLES, app_roles=APP_ROLES)
    assert [body.origin.caller for body in sent if isinstance(body, SubmitRun)] == [caller] * 2
    assert {event.principal for event in reported(queues)} == {PRINCIPAL}


def test_allow_is_asked_for_the_caller(guarded: Bridge, queues: MemoryQueues) -> None:
    found = problem(runs.create(named(http(body={**GOOD_RUN, "pipeline": "limited"})), lambda: guarded), 403)

    assert found["code"] == "NOT_ALLOWED"
    assert PRINCIPAL in found["detail"]
    assert not queues.sent[Queue.RUN_COMMANDS]


def test_ping_tells_callers_their_name(guarded: Bridge) -> None:
    ((_, value),) = document(snowflake.ping(named(batch([0])), lambda: guarded))["data"]

    assert (value["principal"], value["roles"]) == (PRINCIPAL, list(ROLES))


@pytest.mark.parametrize(
    ("handle", "request_"),
    [(runs.cancel, http(run_id=RUN_ID)), (lifecycle.cancel_run, batch([0, RUN_ID]))],
)
def test_a_cancel_is_its_callers(
    guarded: Bridge, queues: MemoryQueues, handle: Callable[..., func.HttpResponse], request_: func.HttpRequest
) -> None:
    handle(named(request_), lambda: guarded)

    (message,) = queues.sent[Queue.RUN_CONTROL]
    assert isinstance(message.body, CancelRun)
    assert message.body.caller == CallerIdentity(principal=PRINCIPAL, roles=ROLES, app_roles=APP_ROLES)


@pytest.mark.parametrize(
    ("handle", "request_"),
    [
        (dead_letters.replay, http(dead_letter_id=LETTER.dead_letter_id)),
        (lifecycle.replay, batch([0, LETTER.dead_letter_id])),
    ],
)
def test_a_replay_is_its_callers(
    guarded: Bridge,
    queues: MemoryQueues,
    ledger: MemoryLedger,
    handle: Callable[..., func.HttpResponse],
    request_: func.HttpRequest,
) -> None:
    ledger.write(Records(dead_letters=(LETTER,)))
    letters = replace(pipeline("train"), allow=Allow(principals=frozenset({PRINCIPAL, "queue:run-commands"})))

    handle(named(request_), lambda: replace(guarded, catalogue=Catalogue([letters])))

    assert PRINCIPAL in {(event.payload or {}).get("replayed_by") for event in reported(queues)}


def test_with_keys_a_token_changes_nothing(bridge: Bridge) -> None:
    key = CallerIdentity(principal="key")

    assert KeyAuthenticator().identify({"authorization": "Bearer sesame"}) == KeyAuthenticator().identify({}) == key


def test_a_service_function_is_the_querys_role_and_a_key_has_none() -> None:
    headers = {"sf-context-current-role": "ML_TEAM"}
    values: dict[str, str] = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]
    built = build(values | {"AUTH_MODE": "service", "BRIDGE_HOSTING": "container"})

    assert built.authenticator.identify(headers) == CallerIdentity(principal="service", roles=("ML_TEAM",))
    assert built.authenticator.identify({}) == CallerIdentity(principal="service")
    assert built.authenticator.identify(headers | {"x-functions-key": "k"}) == CallerIdentity(principal="key")
    with pytest.raises(CallerRefused):
        built.authenticator.identify({"sf-context-current-role": "ML TEAM"})


def levels(environ: dict[str, str]) -> dict[str, str]:
    """What the host is told of every route, in a process of its own: it is decided when the app is imported."""
    code = (
        "import json, function_app; print(json.dumps({f.get_function_name(): json.loads(f.get_raw_bindings()[0])"
        ".get('authLevel') for f in function_app.app.get_functions()}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    found: dict[str, str | None] = json.loads(done.stdout)
    return {name: level for name, level in found.items() if level is not None}


def test_routes_are_open_for_the_host_only_when_the_app_asks_for_tokens() -> None:
    assert levels({"AUTH_MODE": "Entra"}) == dict.fromkeys([*HTTP, *PAGES], "ANONYMOUS")
    closed = dict.fromkeys([*HTTP, *PAGES], "FUNCTION") | dict.fromkeys(["health", "dashboard_asset"], "ANONYMOUS")
    assert levels({"AUTH_MODE": "service"}) == closed
    assert levels({"AUTH_MODE": "entra?"}) == closed


def test_the_app_asks_for_tokens_when_its_routes_are_open() -> None:
    values: dict[str, str] = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]
    built = build(values | ENTRA)

    with pytest.raises(Unauthenticated):
        built.authenticator.identify({})
    assert isinstance(build(values).authenticator, KeyAuthenticator)


def test_the_app_is_built_as_its_settings_say() -> None:
    """What counts besides a token, tried by the one way in that needs no keys of Entra."""
    values: dict[str, str] = json.loads((ROOT / "local.settings.example.json").read_text())["Values"] | ENTRA
    client = ENTRA["ALLOWED_CLIENT_IDS"]
    now = int(time.time())
    issuer = f"https://login.microsoftonline.com/{ENTRA['ENTRA_TENANT_ID']}/v2.0"
    claims = {"aud": ENTRA["ENTRA_AUDIENCE"], "iss": issuer, "azp": client, "iat": now, "nbf": now, "exp": now + 60}
    found = [{"typ": name, "val": str(value)} for name, value in [*claims.items(), ("roles", "Bridge.Submit")]]
    document = json.dumps({"auth_typ": "aad", "claims": found}).encode()
    headers = {"x-ms-client-principal": base64.b64encode(document).decode(), "sf-context-current-role": "ML_TEAM"}

    def identified(**more: str) -> CallerIdentity:
        return build(values | {"TRUST_PLATFORM_HEADERS": "true", **more}).authenticator.identify(headers)

    assert identified() == CallerIdentity(principal=PRINCIPAL, app_roles=APP_ROLES)
    assert identified(SNOWFLAKE_CLIENT_IDS=client).roles == ROLES
    with pytest.raises(CallerRefused):
        identified(ALLOWED_APP_ROLES="Bridge.Admin")
    with pytest.raises(Unauthenticated):
        identified(TRUST_PLATFORM_HEADERS="false")


@pytest.mark.parametrize(
    ("more", "warnings"), [({}, 1), (ENTRA, 1), (ENTRA | {"SNOWFLAKE_CLIENT_IDS": ENTRA["ALLOWED_CLIENT_IDS"]}, 0)]
)
def test_roles_that_nobody_can_have_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, more: dict[str, str], warnings: int
) -> None:
    file = tmp_path / "pipelines.yaml"
    file.write_text(
        (ROOT / "pipelines.yaml").read_text()
        + "\n  team:\n    target: {kind: aml_pipeline, component: 'azureml:p:1'}\n    allow: {roles: [ML_TEAM]}\n"
    )
    values: dict[str, str] = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]

    build(values | more | {"PIPELINES_FILE": str(file)})

    found = [record.getMessage() for record in caplog.records if "counts for nobody" in record.getMessage()]
    assert len(found) == warnings
    assert all("allow.roles of team counts" in text for text in found)


def test_an_open_app_that_is_set_up_wrongly_lets_nobody_in(queues: MemoryQueues) -> None:
    """AUTH_MODE=entra without the rest: the routes are open, and there is no bridge behind them."""
    from bridge.bootstrap import App

    app = App({"AUTH_MODE": "entra"})

    assert not app.host_checks_keys
    problem(runs.create(http(body=GOOD_RUN), app.bridge), 503)
    problem(snowflake.ping(batch([0]), app.bridge), 503)
