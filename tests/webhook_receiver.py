"""A receiver of webhooks on loopback: it checks signatures, keeps what it was sent, and answers as it is told to."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


@dataclass(frozen=True)
class Answer:
    """One answer of the receiver."""

    #: None: the connection is closed without any.
    status: int | None = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Only for a request whose body has this.
    about: str = ""


@dataclass(frozen=True)
class Received:
    """One request, its header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: str

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class WebhookReceiver:
    """Answers 204 unless something else is planned; with a secret, 401 to what is not signed with it."""

    def __init__(self, secret: str | None = None) -> None:
        self._webhook = Webhook(secret) if secret else None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False  # so that closing it waits for them
        self.received: list[Received] = []
        #: What was sent with a wrong signature, or none.
        self.refused: list[Received] = []
        #: The next answers, first one first; they are given to signed requests only.
        self.answers: list[Answer] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hooks/secret-path?sig=secret-signature"

    def run(self) -> None:
        self._server.serve_forever(poll_interval=0.02)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: Received) -> Answer:
        """What the request is answered with; it is remembered first."""
        if not self._is_signed(request):
            self.refused.append(request)
            return Answer(401)
        self.received.append(request)
        planned = next((each for each in self.answers if each.about in request.body), None)
        if planned is None:
            return Answer(204)
        self.answers.remove(planned)
        return planned

    def _is_signed(self, request: Received) -> bool:
        if self._webhook is None:
            return True
        try:
            self._webhook.verify(request.body, dict(request.headers), json_parse=False)
        except WebhookVerificationError:
            return False
        return True

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = receiver.answer(Received(self.path, headers, body))
                self.close_connection = True
                if answer.status is None:
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in http.server
                """Nothing on standard error."""

        return Handler


@contextmanager
def webhook_receiver(secret: str | None = None) -> Iterator[WebhookReceiver]:
    """A running receiver; `secret` is the "whsec_…" that its senders sign with."""
    receiver = WebhookReceiver(secret)
    thread = threading.Thread(target=receiver.run)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stop()
        thread.join()
