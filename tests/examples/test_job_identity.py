"""A job's managed identity as Azure ML has it, shown to the Snowflake connector where it looks for one."""

import importlib.util
import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from tests.examples.conftest import EXAMPLE


@pytest.fixture(scope="module")
def step() -> ModuleType:
    spec = importlib.util.spec_from_file_location("read_snowflake", EXAMPLE / "read_snowflake.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def azure_ml(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, str]]]:
    """The requests that the identity endpoint of an Azure ML job got, answered in Azure ML's own form."""
    got: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            got.append({"secret": self.headers.get("secret", ""), **query})
            token = jwt.encode({"aud": query["resource"], "sub": "job"}, "k" * 32, algorithm="HS256")
            answer = {"access_token": token, "expires_on": int(time.time()) + 3600, "token_type": "Bearer"}
            is_known = self.headers.get("secret") == "s"
            content = json.dumps(answer if is_known else {"error": "wrong secret"}).encode()
            self.send_response(200 if is_known else 403)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MANAGED_IDENTITY_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MSI_ENDPOINT", f"http://127.0.0.1:{server.server_port}/MSI/auth")
    monkeypatch.setenv("MSI_SECRET", "s")
    monkeypatch.setenv("DEFAULT_IDENTITY_CLIENT_ID", "11111111-2222-3333-4444-555555555555")
    yield got
    server.shutdown()
    server.server_close()


def ask(header: str) -> httpx.Response:
    """As the connector asks."""
    url = f"{os.environ['IDENTITY_ENDPOINT']}?api-version=2019-08-01&resource=api://snowflake"
    return httpx.get(url, headers={"X-IDENTITY-HEADER": header}, trust_env=False)


def test_the_jobs_identity_is_handed_on_for_the_time_of_the_login(
    step: ModuleType, azure_ml: list[dict[str, str]]
) -> None:
    with step.job_identity():
        answer = ask(os.environ["IDENTITY_HEADER"])
    assert "IDENTITY_ENDPOINT" not in os.environ

    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert claims == {"aud": step.SNOWFLAKE_IN_ENTRA, "sub": "job"}
    [request] = azure_ml
    assert request["secret"] == "s"
    assert request["clientid"] == "11111111-2222-3333-4444-555555555555"


def test_nobody_else_gets_the_token(step: ModuleType, azure_ml: list[dict[str, str]]) -> None:
    with step.job_identity():
        assert ask("guessed").status_code == 403


def test_what_azure_refuses_is_told(
    step: ModuleType, azure_ml: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSI_SECRET", "wrong")

    with pytest.raises(step.Unusable, match="managed identity gets no token for Snowflake"), step.job_identity():
        pass


@pytest.mark.parametrize("named", ["IDENTITY_ENDPOINT", ""])
def test_where_the_connector_finds_it_by_itself_nothing_is_done(
    step: ModuleType, azure_ml: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    if named:
        monkeypatch.setenv(named, "http://127.0.0.1:1/token")
    else:
        monkeypatch.delenv("MSI_ENDPOINT")

    with step.job_identity():
        assert "IDENTITY_HEADER" not in os.environ
