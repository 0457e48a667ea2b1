"""The Chromium of the system, driven by Playwright; nothing is ever downloaded."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
MISSING = "no Chromium: on Debian and Ubuntu apt-get install chromium, or name one in CHROMIUM"

#: Read now: tests see no setting whose name begins like one of the app.
REQUIRED = bool(os.environ.get("CI")) or os.environ.get("BRIDGE_BROWSER") == "required"


def path() -> str | None:
    """Where it is; None when there is none."""
    return os.environ.get("CHROMIUM") or next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """Skips without Chromium on a laptop; in CI that is a failure."""
    executable = path()
    if executable is None:
        if REQUIRED:
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield running
        running.close()
