"""`python -m audit.links`: addresses of the documents, and what an answer says of one. Servers are on this machine."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from audit import links
from audit.links import GONE, UNKNOWN, State, addresses, judged, state


class _Handler(BaseHTTPRequestHandler):
    """Answers with the status that the path is."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        if self.path == "/302":
            self.send_header("Location", "/200")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, State.THERE),
        (302, State.THERE),
        (404, State.GONE),
        (410, State.GONE),
        (403, State.UNKNOWN),
        (503, State.UNKNOWN),
    ],
)
def test_only_what_does_not_exist_is_gone(site: str, status: int, expected: State) -> None:
    assert state(f"{site}/{status}") is expected


def test_who_does_not_answer_is_not_known() -> None:
    assert state("http://127.0.0.1:9/") is State.UNKNOWN


def test_the_exit_code_tells_the_worst() -> None:
    assert judged({}) == 0
    assert judged({"a": State.THERE, "b": State.UNKNOWN}) == UNKNOWN
    assert judged({"a": State.GONE, "b": State.UNKNOWN}) == GONE


def test_without_check_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def never(address: str) -> State:
        raise AssertionError(address)

    monkeypatch.setattr(links, "state", never)

    assert links.main([]) == 0
    assert capsys.readouterr().out.count("\n") == len(addresses())
    assert "https://semver.org/ (CHANGELOG.md:" in "".join(
        f"{name} ({places[0]})" for name, places in addresses().items()
    )
