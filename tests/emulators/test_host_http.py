"""HTTP functions: what the function sees of a request and the caller of its answer."""

import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.emulators.host_process import RunningHost, running_host
from tests.eventually import eventually

LIMIT = 1000
KEYS = {"LOCAL_FUNCTION_KEY": "function", "LOCAL_MASTER_KEY": "master"}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    settings = {
        **KEYS,
        "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": str(LIMIT),
        "LOCAL_FRONT_END_SECONDS": "1.5",
    }
    with running_host("web", tmp_path_factory.mktemp("host"), **settings) as running:
        yield running


@pytest.fixture
def client(host: RunningHost) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{host.base}/api/v1", timeout=20) as opened:
        yield opened


def echo(client: httpx.Client, method: str = "POST", **request: Any) -> dict[str, Any]:
    answer = client.request(method, request.pop("url", "/echo"), **request)
    assert answer.status_code == 200
    seen: dict[str, Any] = answer.json()
    return seen


def test_a_function_sees_method_url_body_and_lower_case_headers(client: httpx.Client, host: RunningHost) -> None:
    seen = echo(client, url="/echo?q=1", content=b"body", headers={"X-Mixed-Case": "Value"})

    assert (seen["method"], seen["url"], seen["body"]) == ("POST", f"{host.base}/api/v1/echo?q=1", "body")
    assert seen["headers"]["x-mixed-case"] == "Value"
    assert all(name == name.lower() for name in seen["headers"])


def test_repeated_headers_and_parameters_arrive_joined(client: httpx.Client) -> None:
    seen = echo(client, url="/echo?a=1&a=2&empty=&b=%20x", headers=[("X-Many", "one"), ("X-Many", "two")])

    assert seen["headers"]["x-many"] == "one,two"
    assert seen["params"] == {"a": "1,2", "b": " x"}


def test_a_compressed_body_is_left_compressed(client: httpx.Client) -> None:
    body = gzip.compress(b"{}")

    seen = echo(client, content=body, headers={"Content-Encoding": "gzip"})

    assert seen["body"].encode("latin-1") == body


def test_a_chunked_body_arrives_whole(client: httpx.Client) -> None:
    seen = echo(client, content=iter([b"one ", b"two ", b"three"]))

    assert seen["headers"]["transfer-encoding"] == "chunked"
    assert seen["body"] == "one two three"


def test_the_context_names_the_function_the_invocation_and_the_trace(client: httpx.Client) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    first, second = echo(client, headers={"traceparent": trace}), echo(client)

    assert (first["function"], first["traceparent"], first["retry"]) == ("echo", trace, None)
    assert second["traceparent"].startswith("00-")
    assert first["invocation_id"] != second["invocation_id"]


@pytest.mark.parametrize("length", [LIMIT, LIMIT + 1])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_413(client: httpx.Client, length: int, chunked: bool) -> None:
    body = b"x" * length

    answer = client.post("/length", content=iter([body[:500], body[500:]]) if chunked else body)

    assert answer.status_code == (200 if length <= LIMIT else 413)
    assert answer.text == ("1000" if length <= LIMIT else "")


def test_an_announced_length_over_the_limit_is_refused_before_the_body_is_sent(host: RunningHost) -> None:
    with closing(HTTPConnection(host.base.removeprefix("http://"), timeout=10)) as connection:
        connection.putrequest("POST", "/api/v1/length")
        connection.putheader("Content-Length", str(10**12))
        connection.endheaders()

        assert connection.getresponse().status == 413


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/items/12", "number 12"),
        ("/items/abc", "name abc"),
        ("/items/special", "special"),
        ("/ITEMS/special/", "special"),
        ("/pages", "page none"),
        ("/pages/3", "page 3"),
        ("/files/a/b.txt", "file a/b.txt"),
    ],
)
def test_the_most_literal_route_answers(client: httpx.Client, path: str, text: str) -> None:
    assert client.get(path).text == text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/echo", 200),
        ("POST", "/echo", 200),
        ("PUT", "/echo", 404),
        ("HEAD", "/echo", 404),
        ("GET", "/length", 404),
        ("GET", "/nothing", 404),
        ("GET", "/nothing%0A/", 404),
    ],
)
def test_another_method_or_path_is_404(client: httpx.Client, method: str, path: str, status: int) -> None:
    assert client.request(method, path).status_code == status


def test_the_route_prefix_is_host_jsons(host: RunningHost) -> None:
    assert httpx.get(f"{host.base}/api/echo").status_code == 404


def test_a_text_is_answered_as_text(client: httpx.Client) -> None:
    answer = client.post("/length")

    assert (answer.status_code, answer.text) == (200, "0")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_an_answer_is_passed_on_as_it_is(client: httpx.Client) -> None:
    answer = client.get("/answer")

    assert (answer.status_code, answer.content) == (207, b"\x00\x01")
    assert answer.headers["content-type"] == "application/x-raw"
    assert answer.headers["x-custom"] == "yes"
    assert answer.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2; Path=/"]


def test_an_exception_is_an_empty_500_and_its_traceback_only_in_the_log(
    client: httpx.Client, host: RunningHost
) -> None:
    answer = client.get("/raises")

    assert (answer.status_code, answer.content) == (500, b"")
    assert "RuntimeError: the secret of the traceback" in host.log()
    assert "Executed 'raises' (Failed, Id=" in host.log()
    assert host.invocations("raises") == {"succeeded": 0, "failed": 1, "running": 0}


@pytest.mark.parametrize("what", ["none", "dict"])
def test_returning_neither_text_nor_an_answer_is_500(client: httpx.Client, what: str) -> None:
    answer = client.get(f"/returns/{what}")

    assert (answer.status_code, answer.content) == (500, b"")


def test_a_caller_waits_no_longer_than_the_front_end_and_the_function_runs_on(
    client: httpx.Client, host: RunningHost
) -> None:
    answer = client.get("/hangs", params={"seconds": "2.7"})

    assert answer.status_code == 502
    assert host.invocations("hangs")["running"] == 1
    assert eventually(lambda: host.invocations("hangs")["succeeded"] == 1)


def test_a_function_that_exceeds_its_timeout_has_failed(client: httpx.Client, host: RunningHost) -> None:
    failed_before = host.invocations("hangs")["failed"]

    assert client.get("/hangs", params={"seconds": "4"}).status_code == 502

    assert eventually(lambda: host.invocations("hangs")["failed"] == failed_before + 1)
    assert "FunctionTimeoutError: function 'hangs' ran longer than 3 s" in host.log()


def test_synchronous_functions_share_a_pool_of_the_size_that_is_set(tmp_path: Path) -> None:
    def together(base: str, parties: int) -> list[str]:
        with ThreadPoolExecutor(parties) as callers:
            return list(callers.map(lambda _: httpx.get(f"{base}/api/v1/together/{parties}").text, range(parties)))

    with running_host("web", tmp_path, PYTHON_THREADPOOL_THREAD_COUNT="2") as small:
        assert together(small.base, 2) == ["met", "met"]
        assert "alone" in together(small.base, 3)


@pytest.mark.parametrize(
    ("path", "headers", "query", "status"),
    [
        ("/echo", {}, {}, 200),
        ("/guarded", {}, {}, 401),
        ("/guarded", {"x-functions-key": "function"}, {}, 200),
        ("/guarded", {"x-functions-key": "master"}, {}, 200),
        ("/guarded", {}, {"code": "function"}, 200),
        ("/guarded", {"x-functions-key": "wrong"}, {"code": "function"}, 401),
        ("/guarded", {"x-functions-key": "function"}, {"code": "wrong"}, 200),
        ("/restricted", {"x-functions-key": "function"}, {}, 401),
        ("/restricted", {"x-functions-key": "master"}, {}, 200),
    ],
)
def test_keys_open_their_level_and_the_header_wins(
    client: httpx.Client, path: str, headers: dict[str, str], query: dict[str, str], status: int
) -> None:
    assert client.get(path, headers=headers, params=query).status_code == status


def test_keys_that_are_not_set_are_not_asked_for(tmp_path: Path) -> None:
    with running_host("web", tmp_path, LOCAL_MASTER_KEY="") as host:
        statuses = [httpx.get(f"{host.base}/api/v1/{path}").status_code for path in ("guarded", "restricted")]
        listed = httpx.get(f"{host.base}/admin/functions")

    assert statuses == [200, 200]
    assert listed.status_code == 200


def test_a_readers_log_has_one_line_an_invocation(client: httpx.Client, host: RunningHost) -> None:
    invocation = json.loads(client.get("/echo").content)["invocation_id"]

    lines = [line for line in host.log().splitlines() if invocation in line]

    assert len(lines) == 1
    assert f"INFO bridge.local.host Executed 'echo' (Succeeded, Id={invocation}, " in lines[0]
