"""A person before the page: goes where links lead, and notices whatever a browser complains of."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import ConsoleMessage, Page

from bridge.local.stack import Stack
from tests.eventually import eventually

#: Runs in each page before its own script: a policy that stopped something had something to stop.
WATCH = """
window.complaints = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.complaints.push(`${event.violatedDirective} stopped ${event.blockedURI} ${event.sample}`);
});
"""
#: Long enough for the ledger to have it, on a busy machine.
PATIENCE = 60.0


class Visitor:
    """One page of a browser on the running stack."""

    def __init__(self, page: Page, stack: Stack) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._functions = stack.endpoints["functions"]
        page.set_default_timeout(20_000)
        page.add_init_script(WATCH)
        page.on("dialog", self._on_dialog)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", self._on_console)

    def url(self, path: str = "", query: Mapping[str, str] | None = None) -> str:
        given = urlencode({**(query or {}), "code": self._functions["key"]})
        return f"{self._functions['base_url']}/api/v1/dashboard{path}?{given}"

    def go(self, path: str = "", query: Mapping[str, str] | None = None, *, expected: int = 200) -> None:
        response = self.page.goto(self.url(path, query))
        assert response is not None
        assert response.status == expected, self.page.inner_text("body")

    def text(self) -> str:
        return self.page.inner_text("main")

    def read_until(self, condition: Callable[[], bool], path: str, query: Mapping[str, str] | None = None) -> None:
        """Look again until the page shows it."""

        def shows() -> bool:
            self.go(path, query)
            return condition()

        eventually(shows, PATIENCE, what=self.text)

    def check(self) -> None:
        """Nothing ran that should not, nothing had to be stopped, nothing failed."""
        found = self.complaints + list(self.page.evaluate("window.complaints || []"))
        assert not found

    def focus_by_tab(self, name: str, steps: int = 80) -> None:
        """Press Tab until the element with this text has the focus."""
        for _ in range(steps):
            self.page.keyboard.press("Tab")
            if name in self.focused():
                return
        raise AssertionError(f"{steps} times Tab do not lead to {name}")

    def focused(self) -> str:
        script = "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
        return " ".join(str(self.page.evaluate(script)).split())

    def widths(self) -> Mapping[str, Any]:
        """Of the page and of what it is seen through."""
        found: Mapping[str, Any] = self.page.evaluate(
            "({page: document.documentElement.scrollWidth, seen: document.documentElement.clientWidth})"
        )
        return found

    def _on_dialog(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _on_console(self, message: ConsoleMessage) -> None:
        # A refusal that a test asked for is no complaint.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(f"console: {message.text}")
