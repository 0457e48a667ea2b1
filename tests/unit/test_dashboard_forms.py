"""What people may do on the page, who may, and what keeps others from doing it in their name."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func
import pytest

from bridge.adapters.memory import MemoryClock, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events
from bridge.domain.callers import CallerIdentity
from bridge.domain.commands import CancelRun, SubmitRun
from bridge.domain.errors import CallerRefused, ServiceUnavailable, Throttled, Unauthenticated
from bridge.domain.queues import Queue
from bridge.domain.records import Records
from bridge.domain.statuses import BridgeStatus
from bridge.handlers import dashboard
from bridge.handlers.dashboard import overview_page
from bridge.ports import Bridge, DashboardOptions
from bridge.services.overview import RecentAnswers
from tests.unit.app_functions import LETTER
from tests.unit.pages import ADDRESS, KEY, OWN_FORM, seen, send_form, visit
from tests.unit.test_architecture import run_python

RUN = "r-" + "a" * 26
PATHS = (f"runs/{RUN}/cancel", f"runs/{RUN}/rerun", f"dead-letters/{LETTER.dead_letter_id}/replay")


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview_page, "recent_answers", RecentAnswers())


@pytest.fixture
def acting(bridge: Bridge, ledger: MemoryLedger, clock: MemoryClock) -> Bridge:
    """A page that may act, with a run that goes on and a dead letter."""
    running = events.job_fact(
        RUN, "RUNNING", clock.now(), pipeline="train", inputs={"as_of": "2026-11-01"}, principal="key"
    )
    ledger.write(Records(run_events=(running,), dead_letters=(LETTER,)))
    return replace(bridge, dashboard=DashboardOptions(has_actions=True))


def went_to(answer: func.HttpResponse) -> tuple[str, dict[str, str]]:
    assert answer.status_code == 303, answer.get_body().decode()
    parts = urlsplit(answer.headers["Location"])
    return parts.path, dict(parse_qsl(parts.query))


def sent(queues: MemoryQueues) -> int:
    return sum(len(messages) for messages in queues.sent.values())


# what the forms do


def test_a_cancel_is_asked_for_in_the_callers_name(acting: Bridge, queues: MemoryQueues) -> None:
    path, query = went_to(send_form(acting, f"runs/{RUN}/cancel"))

    (message,) = queues.sent[Queue.RUN_CONTROL]
    assert isinstance(message.body, CancelRun)
    assert (message.body.run_id, message.body.principal) == (RUN, "key")
    assert (path, query) == (f"/api/v1/dashboard/runs/{RUN}", {"said": "cancel"})
    page = seen(visit(acting, f"runs/{RUN}", params=query))
    assert "The cancel is queued." in page.text
    assert page.title.startswith("The cancel is queued."), "who listens to the page hears its title first"


def test_a_rerun_is_a_new_run_and_leads_to_it(acting: Bridge, queues: MemoryQueues) -> None:
    path, query = went_to(send_form(acting, f"runs/{RUN}/rerun"))

    (message,) = queues.sent[Queue.RUN_COMMANDS]
    assert isinstance(message.body, SubmitRun)
    assert (message.body.rerun_of, message.body.origin.source) == (RUN, "dashboard")
    assert path == f"/api/v1/dashboard/runs/{message.body.run_id}"
    text = seen(visit(acting, path.removeprefix("/api/v1/dashboard/"), params=query)).text
    assert "The run is accepted as a new one" in text
    assert "The ledger does not have this run yet" in text


def test_a_replay_is_the_runs_next_attempt(acting: Bridge, queues: MemoryQueues) -> None:
    path, query = went_to(send_form(acting, f"dead-letters/{LETTER.dead_letter_id}/replay"))

    (message,) = queues.sent[Queue.RUN_COMMANDS]
    assert isinstance(message.body, SubmitRun)
    assert path == f"/api/v1/dashboard/runs/{message.body.run_id}"
    assert query == {"said": "replay"}


@pytest.mark.parametrize("path", PATHS)
def test_a_form_that_is_sent_twice_asks_once(acting: Bridge, queues: MemoryQueues, path: str) -> None:
    for _ in range(2):
        went_to(send_form(acting, path))

    asked = [*queues.sent[Queue.RUN_COMMANDS], *queues.sent[Queue.RUN_CONTROL]]
    assert len(asked) == 2
    assert len({message.message_id for message in asked}) == 1


def test_each_page_has_forms_with_a_key_of_their_own(acting: Bridge) -> None:
    pages = [visit(acting, f"runs/{RUN}").get_body().decode() for _ in range(2)]
    keys = [set(re.findall(r'name="key" value="([0-9a-f]{32})"', page)) for page in pages]

    assert [len(each) for each in keys] == [1, 1]
    assert keys[0] != keys[1]
    forms = [action for method, action in seen(visit(acting, f"runs/{RUN}")).forms if method == "post"]
    assert forms == [f"/api/v1/dashboard/runs/{RUN}/rerun", f"/api/v1/dashboard/runs/{RUN}/cancel"]


def test_a_run_that_has_ended_cannot_be_cancelled(acting: Bridge, ledger: MemoryLedger, clock: MemoryClock) -> None:
    ledger.write(Records(run_events=(events.job_fact(RUN, "COMPLETED", clock.now()),)))

    forms = seen(visit(acting, f"runs/{RUN}")).forms
    assert [action.rpartition("/")[2] for method, action in forms if method == "post"] == ["rerun"]


# who may


@pytest.mark.parametrize("path", PATHS)
def test_unless_the_settings_allow_it_the_page_only_shows(acting: Bridge, queues: MemoryQueues, path: str) -> None:
    showing = replace(acting, dashboard=DashboardOptions())

    assert "DASHBOARD_ACTIONS=true" in seen(send_form(showing, path), 403).text
    assert sent(queues) == 0
    assert not [form for form in seen(visit(showing, path.rpartition("/")[0])).forms if form[0] == "post"]


class Somebody:
    """Is let in, and allowed nothing."""

    def identify(self, headers: Mapping[str, str]) -> CallerIdentity:  # noqa: ARG002 - whoever it is
        return CallerIdentity(principal="app:somebody")


@pytest.mark.parametrize("path", PATHS[1:])
def test_who_may_not_run_the_pipeline_gets_no_button_and_is_refused(
    acting: Bridge, queues: MemoryQueues, path: str
) -> None:
    other = replace(acting, authenticator=Somebody())

    assert "may not run" in seen(send_form(other, path), 403).text
    assert sent(queues) in {0, 1}  # a rejected rerun is a row of the ledger
    assert not queues.sent[Queue.RUN_COMMANDS]
    assert not [form for form in seen(visit(other, f"runs/{RUN}")).forms if form[0] == "post"]


class Refuses:
    """Lets nobody in."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def identify(self, headers: Mapping[str, str]) -> CallerIdentity:  # noqa: ARG002 - whoever it is
        raise self.error


@pytest.mark.parametrize(
    ("error", "status"),
    [(Unauthenticated("send a token"), 401), (CallerRefused("not you"), 403), (Throttled("slowly"), 429)],
)
@pytest.mark.parametrize("path", ["", "rules", f"runs/{RUN}", "nothing"])
def test_a_stranger_sees_nothing_but_why(acting: Bridge, path: str, error: Exception, status: int) -> None:
    page = seen(visit(replace(acting, authenticator=Refuses(error)), path), status)

    assert str(error) in page.text
    assert RUN not in page.text


def test_where_the_platform_knows_people_a_stranger_may_sign_in(acting: Bridge) -> None:
    refusing = replace(acting, authenticator=Refuses(Unauthenticated("send a token")))
    options = DashboardOptions(sign_in_path="/.auth/login/aad")

    signing_in = "/.auth/login/aad?post_login_redirect_uri=%2Fapi%2Fv1%2Fdashboard"
    assert signing_in in seen(visit(replace(refusing, dashboard=options), f"runs/{RUN}"), 401).links
    assert not [link for link in seen(visit(refusing), 401).links if ".auth" in link]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "https://app.test"},
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"origin": "http://app.test"},
        {"origin": "https://app.test.evil.test"},
        {"origin": "https://app.test:444"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", PATHS)
def test_a_form_of_another_page_does_nothing(
    acting: Bridge, queues: MemoryQueues, path: str, headers: Mapping[str, str]
) -> None:
    text = seen(send_form(acting, path, headers=headers), 403).text

    assert "the form was not sent from this page" in text
    assert sent(queues) == 0


def test_an_old_browser_says_only_from_which_origin(acting: Bridge, queues: MemoryQueues) -> None:
    went_to(send_form(acting, PATHS[0], headers={"origin": "https://app.test"}))

    assert sent(queues) == 1


@pytest.mark.parametrize("key", ["", "x", KEY + "0", KEY.replace("0", "g"), "'; DROP TABLE RUN_EVENTS; --"])
@pytest.mark.parametrize("path", PATHS)
def test_a_form_without_its_key_does_nothing(acting: Bridge, queues: MemoryQueues, path: str, key: str) -> None:
    assert "the form has no key" in seen(send_form(acting, path, key=key), 400).text
    assert sent(queues) == 0


def test_a_form_may_be_anything(acting: Bridge) -> None:
    for body, status in ((b"\xff=\xff", 400), (b"key=" + b"0" * 20_000, 413), (b"&&&&=;", 400), (b"key", 400)):
        seen(visit(acting, PATHS[0], "POST", headers=OWN_FORM, body=body), status)


@pytest.mark.parametrize("path", ["runs/x/cancel", "runs/x/rerun", "dead-letters/x/replay", f"runs/r-{'z' * 26}/rerun"])
def test_what_is_not_there_cannot_be_acted_on(acting: Bridge, queues: MemoryQueues, path: str) -> None:
    seen(send_form(acting, path), 404)

    assert sent(queues) == 0


@pytest.mark.parametrize("path", PATHS)
def test_while_the_queues_are_away_the_page_says_so(acting: Bridge, queues: MemoryQueues, path: str) -> None:
    queues.failures.append(ServiceUnavailable("Service Bus: no answer"))

    answer = send_form(acting, path)

    assert "Service Bus: no answer" in seen(answer, 503).text
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("path", PATHS)
def test_an_address_of_a_form_is_no_page(acting: Bridge, path: str) -> None:
    assert visit(acting, path).headers["Allow"] == "POST"
    seen(visit(acting, path), 405)
    seen(send_form(acting, path.rpartition("/")[0]), 405)


# keys and headers


def test_a_key_in_the_address_goes_on_to_pages_and_forms_and_nowhere_else(acting: Bridge) -> None:
    code = "the-function-key=="
    page = seen(visit(acting, f"runs/{RUN}", params={"code": code}))
    overview = visit(acting, params={"code": code})

    inside = [link for link in page.links if link.startswith("/api/v1/dashboard") and "/assets/" not in link]
    assert inside
    assert all("code=the-function-key%3D%3D" in link for link in inside)
    assert all("code=" in action for _, action in page.forms)
    assert not [link for link in page.links if link not in inside and "code" in link]
    assert f'<input type="hidden" name="code" value="{code}">' in overview.get_body().decode()
    assert went_to(send_form(acting, PATHS[0], code=code))[1]["code"] == code


def test_without_one_there_is_none(acting: Bridge) -> None:
    body = visit(acting, headers={"x-functions-key": "secret-key"}).get_body().decode()

    assert "code=" not in body
    assert "secret-key" not in body


ANSWERS: Mapping[str, Callable[[Bridge], func.HttpResponse]] = {
    "overview": visit,
    "run": lambda bridge: visit(bridge, f"runs/{RUN}"),
    "letters": lambda bridge: visit(bridge, "dead-letters"),
    "refusal": lambda bridge: visit(bridge, "nothing"),
    "form": lambda bridge: send_form(bridge, PATHS[0]),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_is_protected(acting: Bridge, name: str) -> None:
    headers = ANSWERS[name](acting).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))

    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"


NASTY = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{1234567*7}}{% raw %}javascript:alert(1)\u202e"


def test_whatever_a_field_says_is_only_text(acting: Bridge, ledger: MemoryLedger, clock: MemoryClock) -> None:
    """The browser says the same of every page and field: tests/browser."""
    texts: dict[str, Any] = dict.fromkeys(("source", "principal", "query_id", "correlation_id", "error_message"), NASTY)
    fact = events.job_fact(RUN, "FAILED", clock.now(), pipeline=NASTY, inputs={NASTY: NASTY}, **texts)
    refused = events.bridge_fact("r-" + "b" * 26, BridgeStatus.REJECTED, 1, clock.now(), pipeline=NASTY)
    ledger.write(Records(run_events=(fact, refused)))

    for path, params in (("", {}), ("", {"q": NASTY}), (f"runs/{RUN}", {}), ("dead-letters", {"queue": NASTY})):
        answer = visit(acting, path, params=params)
        page = seen(answer)
        assert page.tags.count("script") == 1
        assert "img" not in page.tags
        assert not {name for name in page.attributes if name.startswith("on") or name in {"style", "srcdoc"}}
        assert not [link for link in page.links if not link.startswith(("/api/v1/dashboard", "#content"))]
        assert "8641969" not in page.text
    assert "<script>alert(1)</script>" in seen(visit(acting)).text


def test_the_templates_engine_is_loaded_with_the_first_page() -> None:
    """Instances that only work on queues never need it."""
    code = "import sys; from bridge import handlers; handlers.load(); print('jinja2' in sys.modules)"

    assert run_python(code).strip() == "False"


# style and script


def asset(name: str) -> func.HttpResponse:
    request = func.HttpRequest(method="GET", url=f"{ADDRESS}/assets/{name}", route_params={"name": name}, body=b"")
    return dashboard.asset(request)


def test_files_are_kept_by_browsers_as_long_as_they_do_not_change(acting: Bridge) -> None:
    files = [link.rpartition("/")[2] for link in seen(visit(acting)).links if "/assets/" in link]

    assert len(files) == 3
    for name in files:
        answer = asset(name)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_another_version_of_a_file_is_given_but_not_kept() -> None:
    answer = asset("dashboard.000000000000.css")

    assert answer.status_code == 200
    assert answer.mimetype == "text/css", "to which the host adds the charset"
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "x.css", "dashboard.css", "../words.py", "..%2fwords.py", "base.0.html", "a" * 5000]
)
def test_nothing_else_is_a_file_of_the_page(name: str) -> None:
    assert asset(name).status_code == 404


def test_the_files_ask_nobody_else_for_anything() -> None:
    for name in ("dashboard.0.css", "dashboard.0.js", "icon.0.svg"):
        text = asset(name).get_body().decode().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"https?:|//[a-z]+\.|@import|url\(|innerHTML|eval\(|fetch\(|XMLHttpRequest", text)
