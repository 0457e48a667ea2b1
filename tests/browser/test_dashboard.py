"""The page in a real browser, on the whole stack: what people do there, for whom it works, and what it withstands."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ViewportSize, expect

from bridge.adapters.snowflake import SnowflakeLedger
from bridge.local.processes import ROOT
from bridge.local.stack import Stack, local_stack
from bridge.settings.app_settings import Settings
from tests.browser import chromium
from tests.browser.hostile import ATTACKS, attack, hostile, hostile_run
from tests.browser.night import FAILED, GAVE_UP, night
from tests.browser.visitor import Visitor
from tests.e2e.driver import Driver, new_key, run_id_of

#: Ignored by git; for people to look at.
SCREENSHOTS = ROOT / ".stack" / "screenshots"
LAPTOP: ViewportSize = {"width": 1280, "height": 860}
PHONE: ViewportSize = {"width": 360, "height": 740}
VIEWS: tuple[tuple[str, ViewportSize, Literal["light", "dark"]], ...] = (
    ("light", LAPTOP, "light"),
    ("dark", LAPTOP, "dark"),
    ("phone", PHONE, "light"),
)
#: Nothing else can differ between the schemes.
COLOURS = {"runOnly": ["color-contrast"]}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.browser() as running:
        yield running


@pytest.fixture(scope="module")
def stack(browser: Browser) -> Iterator[Stack]:
    """After a night of runs, on a page that may act; a submission that fails is given up at once."""
    with local_stack(settings={"RETRY_TRIES": "1"}) as running:
        plant(running)
        yield running


def plant(stack: Stack) -> None:
    ledger = SnowflakeLedger(Settings.from_environ(stack.settings).snowflake.connection_arguments())
    now = datetime.now(UTC)
    ledger.write(night(now))
    ledger.write(hostile(now - timedelta(hours=30)))  # not among what people see first
    ledger.close()


@pytest.fixture(scope="module")
def driver(stack: Stack) -> Iterator[Driver]:
    with Driver(stack) as driver:
        yield driver


@pytest.fixture
def visitor(browser: Browser, stack: Stack) -> Iterator[Visitor]:
    yield from visit(browser, stack)


def visit(browser: Browser, stack: Stack, **options: Any) -> Iterator[Visitor]:
    context = browser.new_context(**{"viewport": LAPTOP, **options})
    visitor = Visitor(context.new_page(), stack)
    yield visitor
    if options.get("java_script_enabled", True):
        visitor.check()
    context.close()


# what people do


def put_aside(driver: Driver) -> str:
    """A run that the app gave up on, because Azure ML did not take it; its id."""
    key = new_key()
    run_id = run_id_of("churn-training", key)
    match = {"operation": "put_job", "job": run_id}
    fault = driver.stack.plan_fault("azure_ml", "status", match=match, params={"status": 503})
    assert driver.create("churn-training", key) == run_id
    assert driver.wait_for(run_id, "FAILED")["error_code"] == "GAVE_UP"
    assert driver.struck("azure_ml", fault) == 1
    return run_id


def test_from_the_list_to_a_run_that_is_run_again_and_a_dead_letter_that_is_replayed(
    visitor: Visitor, driver: Driver
) -> None:
    page = visitor.page
    failed = driver.create("always-fails", reason="walked over")
    dead = put_aside(driver)
    driver.wait_for(failed, "FAILED")

    # The list, and what failed of it.
    query = {"status": "FAILED", "q": "always-fails"}
    visitor.read_until(lambda: page.get_by_role("link", name=failed).count() > 0, "", query)
    expect(page.get_by_role("row", name=failed)).to_contain_text("column AS_OF is missing in the snapshot")

    # The run.
    page.get_by_role("link", name=failed).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("always-fails Failed")
    expect(page.get_by_role("region", name="Inputs")).to_contain_text("walked over")
    assert page.get_by_role("link", name="Open in Azure ML studio").get_attribute("href", timeout=1000)

    # Again.
    page.get_by_text("Run again…").click()
    page.get_by_role("button", name="Run again").click()
    expect(page.get_by_role("status")).to_contain_text("accepted as a new one")
    again = page.url.partition("/runs/")[2].partition("?")[0]
    assert again != failed
    visitor.read_until(lambda: page.get_by_role("heading", level=1, name="Failed").count() > 0, f"/runs/{again}")
    assert f"again, after {failed}" in visitor.text()

    # The dead letter.
    page.get_by_role("link", name="Dead letters").click()
    page.get_by_role("row", name=dead).get_by_role("link").first.click()
    expect(page.get_by_role("region", name="The message")).to_contain_text("2026-11-01")

    # And its replay.
    page.get_by_text("Replay…").click()
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("status")).to_contain_text("queued again")
    visitor.read_until(lambda: page.get_by_role("heading", level=1, name="Completed").count() > 0, f"/runs/{dead}")
    assert driver.wait_for(dead, "COMPLETED")["attempt"] == 2


def test_a_cancel_is_asked_for_and_the_history_says_what_came_of_it(visitor: Visitor, driver: Driver) -> None:
    driver.stack.plan_fault("azure_ml", "drop_event", times=None)  # the run goes on for the ledger
    run_id = driver.create("churn-training")
    driver.wait_for(run_id, "SUBMITTED")
    visitor.go(f"/runs/{run_id}")

    visitor.page.get_by_text("Cancel this run…").click()
    visitor.page.get_by_role("button", name="Cancel this run").click()

    expect(visitor.page.get_by_role("status")).to_contain_text("The cancel is queued")
    # The laptop's jobs are short: this one may have been ending already.
    visitor.read_until(lambda: bool(re.search("Cancel (requested|ignored)", visitor.text())), f"/runs/{run_id}")
    driver.stack.call("azure_ml", "DELETE", "/faults")


def test_everything_is_reached_with_the_keyboard(visitor: Visitor, driver: Driver) -> None:
    page = visitor.page
    visitor.go("", {"q": FAILED})

    page.keyboard.press("Tab")
    assert visitor.focused() == "Skip to content"
    page.keyboard.press("Enter")
    visitor.focus_by_tab(FAILED)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("churn-retraining")
    assert page.evaluate("document.activeElement === document.body")

    visitor.go(f"/runs/{FAILED}")
    visitor.focus_by_tab("Details of Accepted")
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Details of Accepted")).to_contain_text("azureml:churn_retraining:3")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"


def test_everything_works_without_a_script(browser: Browser, stack: Stack) -> None:
    for visitor in visit(browser, stack, java_script_enabled=False):
        page = visitor.page
        visitor.go()
        page.get_by_label("Search").fill("out of nodes")
        page.get_by_label("Time", exact=True).select_option("7 days")
        page.get_by_role("button", name="Show").click()
        assert "back=7d" in page.url
        page.get_by_role("link", name="churn-retraining").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("churn-retraining Failed")
        page.get_by_role("link", name="Rules").click()
        expect(page.get_by_role("table")).to_contain_text("the receiver answered 410")
        assert page.get_by_role("button", name="Light or dark").count() == 0


def test_the_script_only_adds_comfort(visitor: Visitor) -> None:
    page = visitor.page
    page.context.grant_permissions(["clipboard-write", "clipboard-read"])
    visitor.go(f"/runs/{FAILED}")

    page.get_by_role("button", name="Copy").first.click()
    assert page.evaluate("navigator.clipboard.readText()") == FAILED
    for wanted in ("light", "dark", ""):
        page.get_by_role("button", name="Light or dark").click()
        assert page.evaluate("document.documentElement.dataset.scheme || ''") == wanted
    page.get_by_role("button", name="Light or dark").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.scheme") == "light"


# for whom it works


def pages(driver: Driver) -> dict[str, tuple[str, dict[str, str]]]:
    """Every page: its path and query."""
    letter = driver.sql("SELECT dead_letter_id FROM dead_letters WHERE run_id = ?", GAVE_UP)[0][0]
    return {
        "overview": ("", {}),
        "nothing-found": ("", {"q": "no such thing " + "w" * 150}),
        "run": (f"/runs/{FAILED}", {}),
        "run-with-letter": (f"/runs/{GAVE_UP}", {"live": "1", "said": "cancel"}),
        "dead-letters": ("/dead-letters", {}),
        "dead-letter": (f"/dead-letters/{letter}", {}),
        "rules": ("/rules", {"show": "all"}),
        "problem": ("/nothing-here", {}),
    }


def test_every_page_can_be_read_by_everybody(visitor: Visitor, driver: Driver) -> None:
    """In both schemes and on a phone; pictures of it are left for people."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page = visitor.page
    for name, (path, query) in pages(driver).items():
        page.set_viewport_size(LAPTOP)
        visitor.go(path, query, expected=404 if name == "problem" else 200)
        for view, size, scheme in VIEWS:
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.screenshot(path=SCREENSHOTS / f"{name}-{view}.png", full_page=True)
            page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")

            found = Axe().run(page, options=None if view != "dark" else COLOURS)

            assert not found.response["violations"], f"{name}, {view}: {told(found.response)}"
            assert visitor.widths()["page"] <= visitor.widths()["seen"], f"{name}, {view}: wider than the window"
            page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = false; })")


def told(response: Mapping[str, Any]) -> str:
    found = [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in response["violations"]]
    return json.dumps(found, indent=1)


def test_a_broken_page_would_be_seen(visitor: Visitor) -> None:
    """Or the test above would hold whatever the pages are."""
    visitor.go()
    visitor.page.evaluate("document.querySelector('label').remove(); document.documentElement.lang = ''")

    rules = {each["id"] for each in Axe().run(visitor.page).response["violations"]}

    assert rules >= {"html-has-lang"}


# what it withstands


@pytest.fixture
def attacked(visitor: Visitor) -> Visitor:
    visitor.page.expose_function("hit", lambda name: visitor.complaints.append(f"a script ran: {name}"))
    return visitor


def withstands(visitor: Visitor) -> None:
    """Nothing of the page is anything but the page's own."""
    elements = "script, img, iframe, object, embed, style, svg[onload], [onerror], [style], [srcdoc], base"
    found = visitor.page.locator(elements)
    assert [each.get_attribute("src") for each in found.all()] == [found.first.get_attribute("src")]
    origin = visitor.url().partition("/api/")[0]
    links = visitor.page.evaluate("[...document.links].map((link) => link.href)")
    assert [link for link in links if not link.startswith((origin, "https://ml.azure.com/"))] == []
    visitor.check()


def test_whatever_a_row_says_is_only_text(attacked: Visitor, driver: Driver) -> None:
    letters = dict(driver.sql("SELECT run_id, dead_letter_id FROM dead_letters"))
    week = {"back": "7d"}
    of_all: list[tuple[str, dict[str, str], tuple[str, ...]]] = [
        ("", {**week, "q": "RunEvent.principal"}, ("RunEvent.pipeline", "RunEvent.error_message", "status")),
        ("/dead-letters", week, ("DeadLetter.reason", "DeadLetter.description")),
        ("/rules", {**week, "show": "all"}, ("RuleAction.rule", "RuleAction.reason", "why")),
    ]
    of_one: list[tuple[str, dict[str, str], tuple[str, ...]]] = []
    for run_id in map(hostile_run, range(len(ATTACKS))):
        of_one += [
            (f"/runs/{run_id}", {}, ("RunEvent.correlation_id", "name", "value", "words", "DeadLetter.queue")),
            (f"/dead-letters/{letters[run_id]}", {}, ("DeadLetter.reason", "body", "DeadLetter.message_id")),
        ]

    for path, query, names in of_all + of_one:
        attacked.go(path, query)
        text, times = attacked.page.content(), len(ATTACKS) if query else 1
        assert all(text.count(name) >= times for name in names), f"{path} does not show all of {names}"
        withstands(attacked)


@pytest.mark.parametrize("number", range(len(ATTACKS)))
def test_whatever_an_address_says_is_only_text(attacked: Visitor, number: int) -> None:
    word = attack(number, "address")
    part = "".join(letter for letter in word if letter not in "/?#%")

    for expected, path, query in (
        (200, "", {"q": word, "pipeline": word, "utm": word}),
        (400, "", {"status": word, "back": word, "said": word}),
        (200, "/rules", {"rule": word}),
        (404, f"/runs/{part}", {}),
        (404, f"/dead-letters/{part}", {}),
    ):
        attacked.go(path, query, expected=expected)
        withstands(attacked)


def test_a_form_of_another_page_is_refused(visitor: Visitor, driver: Driver, tmp_path: Path) -> None:
    """With the right key, as if a session were open."""
    other = tmp_path / "other.html"
    action = visitor.url(f"/runs/{FAILED}/rerun")
    other.write_text(
        f'<form method="post" action="{action}"><input name="key" value="{"0" * 32}"><button>Win</button></form>',
        encoding="utf-8",
    )
    before = len(driver.jobs())
    visitor.page.goto(other.as_uri())

    visitor.page.get_by_role("button", name="Win").click()

    expect(visitor.page.get_by_role("alert")).to_contain_text("the form was not sent from this page")
    assert len(driver.jobs()) == before


def test_without_a_key_there_is_nothing_to_see(visitor: Visitor) -> None:
    response = visitor.page.request.get(visitor.url().partition("?")[0])

    assert (response.status, response.body()) == (401, b"")
