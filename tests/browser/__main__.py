"""Pictures for docs/dashboard.md, of an invented night on the laptop stack: `.venv/bin/python -m tests.browser`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from playwright.sync_api import ViewportSize

from bridge.adapters.snowflake import SnowflakeLedger
from bridge.local.processes import ROOT
from bridge.local.stack import local_stack
from bridge.settings.app_settings import Settings
from tests.browser import chromium
from tests.browser.night import FAILED, night
from tests.browser.visitor import Visitor

DOCS = ROOT / "docs"
LAPTOP: ViewportSize = {"width": 1280, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 844}
#: Name, path, size, scheme.
PICTURES: tuple[tuple[str, str, ViewportSize, Literal["light", "dark"]], ...] = (
    ("overview", "", LAPTOP, "light"),
    ("run", f"/runs/{FAILED}", LAPTOP, "dark"),
    ("phone", "", PHONE, "light"),
)


def main() -> None:
    with local_stack() as stack, chromium.browser() as browser:
        ledger = SnowflakeLedger(Settings.from_environ(stack.settings).snowflake.connection_arguments())
        ledger.write(night(datetime.now(UTC)))
        ledger.close()
        visitor = Visitor(browser.new_page(), stack)
        for name, path, size, scheme in PICTURES:
            visitor.page.set_viewport_size(size)
            visitor.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            visitor.go(path)
            save(visitor, DOCS / f"dashboard-{name}.png")


def save(visitor: Visitor, path: Path) -> None:
    visitor.page.screenshot(path=path)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KB")  # noqa: T201 - what the command is for


if __name__ == "__main__":
    main()
