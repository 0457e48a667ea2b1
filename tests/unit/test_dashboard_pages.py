"""What the page shows: every part of it over the ledger in memory."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from bridge.adapters.memory import MemoryClock, MemoryJobs, MemoryQueueDepths, MemoryQueues
from bridge.adapters.memory_ledger import MemoryLedger
from bridge.domain import events, identity
from bridge.domain.errors import AccessDenied, ServiceUnavailable
from bridge.domain.queues import Queue, QueueDepth
from bridge.domain.records import Records, dead_letter
from bridge.domain.statuses import BridgeStatus
from bridge.handlers.dashboard import overview_page
from bridge.ports import Bridge, DashboardOptions
from bridge.services.overview import READ_EVERY, RecentAnswers
from bridge.services.submit_run import submit_run
from tests.browser.night import FAILED, GAVE_UP, night
from tests.browser.night import run_id as night_run
from tests.unit.pages import Seen, seen, visit
from tests.unit.requests import accepted

SNOWSIGHT = "https://app.snowflake.com/myorg/myaccount/#/compute/history/queries/"


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview_page, "recent_answers", RecentAnswers())


@pytest.fixture
def full(bridge: Bridge, ledger: MemoryLedger, clock: MemoryClock) -> Bridge:
    """A bridge after a night of runs."""
    ledger.write(night(clock.now()))
    return bridge


def look(bridge: Bridge, path: str = "", expected: int = 200, **params: str) -> Seen:
    return seen(visit(bridge, path, params=params), expected)


# the overview


def test_the_first_line_says_what_failed(full: Bridge) -> None:
    page = look(full)

    assert page.title.startswith("10 of 104 runs failed")
    assert "2 dead letters and 1 failed action of a rule need a hand" in page.text
    assert page.text.count("Runs per hour") == 1


def test_without_runs_it_says_what_to_do(bridge: Bridge) -> None:
    page = look(bridge)

    assert page.title.startswith("No runs in the last 24 hours")
    assert "SELECT submit_run('train', {…}, 'my-key')" in page.text
    assert "No dead letter, no failed action of a rule." in page.text


def test_a_good_night_is_said_to_be_good(bridge: Bridge, ledger: MemoryLedger, clock: MemoryClock) -> None:
    at = clock.now() - timedelta(hours=1)
    ledger.write(Records(run_events=(events.job_fact("r-1", "COMPLETED", at), events.job_fact("r-2", "RUNNING", at))))

    assert look(bridge).title.startswith("2 runs, none failed, 1 not ended yet")


def test_runs_are_filtered_by_status_pipeline_and_text(full: Bridge) -> None:
    def shown(**params: str) -> int:
        return len({link for link in look(full, "", 200, **params).links if "/dashboard/runs/" in link})

    assert shown() == 25
    assert shown(status="ACTIVE") == 3
    assert shown(status="REJECTED") == 1
    assert shown(pipeline="price-elasticity") == 8
    assert shown(q=FAILED) == 1
    assert shown(q="OUT OF NODES", status="FAILED") > 1
    assert shown(q="' OR 1=1 --") == 0
    assert look(full, q="zzz").title.startswith("No matching runs in the last 24 hours")


def test_a_run_is_found_by_its_idempotency_key(bridge: Bridge, ledger: MemoryLedger, clock: MemoryClock) -> None:
    wanted = identity.run_id("bridge", "train", "nightly-2026-11-20")
    ledger.write(Records(run_events=(events.bridge_fact(wanted, BridgeStatus.ACCEPTED, 1, clock.now()),)))

    assert f"/api/v1/dashboard/runs/{wanted}" in look(bridge, q="nightly-2026-11-20").links


def test_pages_are_linked_and_keep_the_filter(full: Bridge) -> None:
    first = look(full, q="e", pipeline="churn-scoring", back="7d")
    (older,) = {link for link in first.links if "page=2" in link}

    query = dict(parse_qsl(urlsplit(older).query))
    second = look(full, "", 200, **query)

    assert query == {"q": "e", "pipeline": "churn-scoring", "back": "7d", "page": "2"}
    assert "Page 2" in second.text
    assert "There is no such page of runs" in look(full, page="9").text


@pytest.mark.parametrize(("path", "what"), [("dead-letters", "dead letters"), ("rules", "decisions")])
def test_a_page_past_the_end_does_not_say_that_there_was_nothing(full: Bridge, path: str, what: str) -> None:
    text = look(full, path, page="9").text

    assert f"There is no such page of {what}" in text
    assert "No dead letter" not in text
    assert "No rule" not in text


@pytest.mark.parametrize(("path", "name"), [("", "pipeline"), ("dead-letters", "queue"), ("rules", "rule")])
def test_a_filter_in_force_stands_in_its_list(full: Bridge, path: str, name: str) -> None:
    answer = visit(full, path, params={name: "gone-by-now"})

    assert '<option value="gone-by-now" selected>' in answer.get_body().decode()


def test_numbers_stand_in_a_table_too(full: Bridge) -> None:
    text = look(full).text

    assert "The numbers as a table" in text
    assert "Time Completed Failed Other Success Half within 95 % within" in text


def test_queue_depths_are_shown_or_it_is_said_which_setting_is_missing(full: Bridge) -> None:
    depths = MemoryQueueDepths()
    depths.depths[Queue.RUN_CONTROL] = QueueDepth(active=1, scheduled=2140, dead_lettered=7)
    del depths.depths[Queue.RUN_EVENTS]

    assert "SERVICE_BUS_RESOURCE_ID" in look(full).text
    text = look(replace(full, queue_depths=depths)).text
    assert "run-control 1 2,140 7" in text
    assert "run-events not in the namespace" in text


@pytest.mark.parametrize("error", [ServiceUnavailable("Service Bus: no answer"), AccessDenied("no right", code="X")])
def test_queues_that_cannot_be_asked_do_not_cost_the_page(full: Bridge, error: Exception) -> None:
    depths = MemoryQueueDepths()
    depths.failures.append(error)

    assert f"Not known now: {error}" in look(replace(full, queue_depths=depths)).text


class CountingLedger(MemoryLedger):
    """Counts what would be statements."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name in {"search", "totals", "surroundings", "decisions", "events", "run", "runs_by_id", "dead_letters"}:
            self.asked.append(name)
        return super().__getattribute__(name)


def test_an_overview_is_two_statements_and_none_when_it_is_looked_at_again(bridge: Bridge, clock: MemoryClock) -> None:
    ledger = CountingLedger()
    counting = replace(bridge, ledger=ledger)

    look(counting)
    look(counting)
    assert ledger.asked == ["search", "totals"]

    look(counting, status="FAILED")  # the counts are the same
    assert ledger.asked == ["search", "totals", "search"]

    clock.advance(READ_EVERY)
    look(counting)
    assert ledger.asked == ["search", "totals", "search", "search", "totals"]


class AwayLedger(MemoryLedger):
    """Snowflake does not answer."""

    def __getattribute__(self, name: str) -> Any:
        if name in {"search", "totals", "decisions", "events", "dead_letters", "dead_letters_by_id"}:
            raise ServiceUnavailable("Snowflake did not answer")
        return super().__getattribute__(name)


@pytest.mark.parametrize("path", ["", f"runs/{FAILED}", "dead-letters", "dead-letters/x", "rules"])
def test_while_snowflake_is_away_the_page_says_so(bridge: Bridge, path: str) -> None:
    answer = visit(replace(bridge, ledger=AwayLedger()), path)

    assert "Snowflake did not answer" in seen(answer, 503).text
    assert answer.headers["Retry-After"]


def test_a_run_is_two_statements(full: Bridge, clock: MemoryClock) -> None:
    ledger = CountingLedger()
    ledger.write(night(clock.now()))

    look(replace(full, ledger=ledger), f"runs/{FAILED}")

    assert ledger.asked == ["events", "surroundings"]


def test_when_it_was_read_is_said(full: Bridge) -> None:
    assert "Runs as of 10:00:00, recorded up to" in look(full).text
    assert "Read from the ledger at 10:00:00" in look(full, f"runs/{FAILED}").text


# one run


def test_a_run_shows_its_error_inputs_and_every_event(full: Bridge) -> None:
    page = look(full, f"runs/{FAILED}")

    assert page.title.startswith("Failed: churn-retraining")
    for word in ("ML.FEATURES.CUSTOMERS", "250000", "azureml:churn_retraining:3", "nightly-2026-11-19"):
        assert word in page.text
    history = page.text.partition("What happened")[2]
    places = [history.index(status) for status in ("Accepted", "Submitted", "Running", "Failed")]
    assert places == sorted(places)


def test_a_run_leads_to_the_studio_and_to_its_query(full: Bridge) -> None:
    options = DashboardOptions(queries_url=SNOWSIGHT)
    page = look(replace(full, dashboard=options), f"runs/{FAILED}")

    assert f"https://ml.azure.com/runs/{FAILED}" in page.links
    assert f"{SNOWSIGHT}01b8c0de-0000-4a00-0000-00000000a001/detail" in page.links
    assert not [link for link in look(full, f"runs/{FAILED}").links if "snowflake" in link]


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "http://ml.azure.com/x", "https://ml.azure.com.evil.test/x", "https://evil.test/x"]
)
def test_no_row_leads_to_another_place_than_the_studio(
    bridge: Bridge, ledger: MemoryLedger, clock: MemoryClock, url: str
) -> None:
    ledger.write(Records(run_events=(events.job_fact(RUN, "RUNNING", clock.now(), studio_url=url, query_id=url),)))
    options = DashboardOptions(queries_url=SNOWSIGHT)

    links = look(replace(bridge, dashboard=options), f"runs/{RUN}").links

    assert [link for link in links if not link.startswith(("/api/v1/dashboard", "#"))] == []


RUN = "r-" + "a" * 26


def test_dead_letters_and_rules_stand_in_the_runs_history(full: Bridge) -> None:
    page = look(full, f"runs/{GAVE_UP}")

    assert "Dead letter run-commands" in page.text
    assert "GAVE_UP: Azure ML did not answer 200 times: 503 ServiceUnavailable" in page.text
    assert [link for link in page.links if "/dashboard/dead-letters/" in link]


def test_a_run_that_only_azure_ml_knows_yet_is_shown(bridge: Bridge, jobs: MemoryJobs, queues: MemoryQueues) -> None:
    command = accepted(bridge, queues)
    submit_run(command, bridge)

    text = look(bridge, f"runs/{command.run_id}").text

    assert "The ledger does not have this run yet" in text
    assert "Azure ML already has its job" in text
    assert "train Not started" in text


def test_azure_ml_is_asked_when_who_looks_wants_it(
    bridge: Bridge, ledger: MemoryLedger, clock: MemoryClock, queues: MemoryQueues
) -> None:
    command = accepted(bridge, queues)
    submit_run(command, bridge)
    for run_id in (command.run_id, RUN):
        ledger.write(Records(run_events=(events.job_fact(run_id, "RUNNING", clock.now(), pipeline="train"),)))

    assert "Azure ML says now" not in look(bridge, f"runs/{command.run_id}").text
    assert "Azure ML says now: Not started" in look(bridge, f"runs/{command.run_id}", live="1").text
    assert "Azure ML has no job of this run" in look(bridge, f"runs/{RUN}", live="1").text


@pytest.mark.parametrize("path", ["runs/r-" + "z" * 26, "runs/x", "dead-letters/x", "nothing", "runs/a/b/c", "rules/x"])
def test_what_is_not_there_is_a_page_that_says_so(bridge: Bridge, path: str) -> None:
    page = look(bridge, path, 404)

    assert "/api/v1/dashboard" in page.links
    assert "Correlation id" in page.text


# dead letters and rules


def test_dead_letters_are_listed_with_what_became_of_their_runs(full: Bridge) -> None:
    page = look(full, "dead-letters")

    assert page.text.index("POISON") < page.text.index("GAVE_UP")
    assert f"Failed run {GAVE_UP}" in page.text
    assert "GAVE_UP" not in look(full, "dead-letters", queue="inbound-events").text
    assert "No dead letter in the last 24 hours from run-events." in look(full, "dead-letters", queue="run-events").text


def test_a_dead_letter_is_shown_with_its_message(full: Bridge, ledger: MemoryLedger) -> None:
    letters = {letter.reason: letter.dead_letter_id for letter in ledger.records.dead_letters}

    page = look(full, f"dead-letters/{letters['GAVE_UP']}")

    assert '"idempotency_key": "nightly"' in page.text
    assert f"/api/v1/dashboard/runs/{GAVE_UP}" in page.links
    assert '{"id": 1' in look(full, f"dead-letters/{letters['POISON']}").text


def test_a_letter_that_was_cut_cannot_be_replayed(bridge: Bridge, ledger: MemoryLedger, clock: MemoryClock) -> None:
    whole = dead_letter(
        queue="run-commands", message_id="m", body="x" * 70_000, reason="POISON", description="", run_id=None,
        at=clock.now(),
    )  # fmt: skip
    ledger.write(Records(dead_letters=(whole,)))
    acting = replace(bridge, dashboard=DashboardOptions(has_actions=True))

    text = look(acting, f"dead-letters/{whole.dead_letter_id}").text

    assert "It cannot be replayed: it was longer than what is kept of it" in text
    assert "Only its beginning was kept." in text


def test_rules_show_what_they_did_and_on_demand_what_they_let_be(full: Bridge) -> None:
    text = look(full, "rules").text

    assert "tell-of-failures RunEnded REFUSED the receiver answered 410: it is gone" in text
    assert "deploy-production-models ModelRegistered" in text
    assert "did not act in the last" in look(full, "rules", rule="no-such-rule").text
    assert look(full, "rules", show="all").text


# the address


@pytest.mark.parametrize(
    ("params", "hint"),
    [
        ({"back": "1y"}, "back: Input should be '24h', '7d' or '30d'"),
        ({"page": "0"}, "page: Input should be greater than or equal to 1"),
        ({"page": "x"}, "page: Input should be a valid integer"),
        ({"status": "<b>"}, "status: String should match pattern"),
        ({"q": "x" * 201}, "q: String should have at most 200 characters"),
    ],
)
def test_a_wrong_address_says_what_would_be_right(bridge: Bridge, params: Mapping[str, str], hint: str) -> None:
    assert hint in look(bridge, "", 400, **params).text


@pytest.mark.parametrize("said", ["rerun", "paid"])
def test_an_address_cannot_say_that_a_run_was_accepted_which_is_none(bridge: Bridge, said: str) -> None:
    assert "No such run" in look(bridge, "runs/anything", 404, said=said).text
    if said == "paid":
        assert "No such run" in look(bridge, f"runs/{night_run('x')}", 404, said=said).text


@pytest.mark.parametrize("path", ["", "no-such-page"])
def test_the_charset_is_left_to_the_platform_which_would_say_it_twice(bridge: Bridge, path: str) -> None:
    assert visit(bridge, path).mimetype == "text/html"


def test_a_refusal_says_to_which_trace_it_belongs(bridge: Bridge) -> None:
    assert len(visit(bridge, "no-such-page").headers["x-trace-id"]) == 32


def test_half_a_character_in_the_ledger_is_no_reason_for_no_page(
    bridge: Bridge, ledger: MemoryLedger, clock: MemoryClock
) -> None:
    fact = events.bridge_fact("r-1", BridgeStatus.ACCEPTED, 1, clock.now(), pipeline="half \ud800", rerun_of="\udc00")
    ledger.write(Records(run_events=(fact,)))

    assert "half ?" in look(bridge).text


def test_what_the_page_does_not_know_in_an_address_is_let_be(full: Bridge) -> None:
    assert look(full, utm_source="mail", q=" ").title.startswith("10 of 104")


@pytest.mark.parametrize("run_id", [FAILED, night_run("waiting"), night_run("rejected"), GAVE_UP])
def test_every_kind_of_run_has_a_page(full: Bridge, run_id: str) -> None:
    assert run_id in look(full, f"runs/{run_id}").text
