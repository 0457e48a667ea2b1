"""What every HTTP answer has in common: a correlation id, and problems that give nothing away."""

import logging
import uuid
from collections.abc import Callable

import azure.functions as func
import pytest

from bridge.domain.errors import BridgeError, ConfigurationError, PoisonMessage
from bridge.handlers import runs, snowflake
from bridge.handlers.answers import GetBridge
from bridge.ports import Bridge
from tests.unit.invocations import BATCH_ID, batch, document, http, problem

Route = Callable[[func.HttpRequest, GetBridge], func.HttpResponse]
RUN_ID = "r-" + "a" * 26
GOOD_RUN = '{"pipeline": "train", "inputs": {"as_of": "2026-11-01"}}'
#: Every route that needs the bridge, with a request that it would take.
ROUTES: dict[str, tuple[Route, Callable[..., func.HttpRequest]]] = {
    "submit_run": (snowflake.submit_run, lambda **headers: batch([0, "train", {}], **headers)),
    "ping": (snowflake.ping, lambda **headers: batch([0], **headers)),
    "create": (runs.create, lambda **headers: plain("POST", GOOD_RUN, **headers)),
    "listing": (runs.listing, lambda **headers: plain("GET", **headers)),
    "show": (runs.show, lambda **headers: plain("GET", run_id=RUN_ID, **headers)),
    "cancel": (runs.cancel, lambda **headers: plain("POST", run_id=RUN_ID, **headers)),
    "pipelines": (runs.pipelines, lambda **headers: plain("GET", **headers)),
}
every_route = pytest.mark.parametrize("name", ROUTES)


def plain(method: str, body: str = "", run_id: str | None = None, **headers: str) -> func.HttpRequest:
    changed = {name.replace("_", "-"): value for name, value in headers.items() if value}
    return http(method, body, headers=changed, run_id=run_id)


def ask(name: str, get_bridge: GetBridge, **headers: str) -> func.HttpResponse:
    route, make = ROUTES[name]
    return route(make(**headers), get_bridge)


def failing(error: Exception) -> GetBridge:
    def get_bridge() -> Bridge:
        raise error

    return get_bridge


@every_route
def test_the_callers_correlation_id_is_repeated(bridge: Bridge, name: str) -> None:
    response = ask(name, lambda: bridge, x_correlation_id="Caller.1:2/3+x@y-z_")

    assert response.headers["x-correlation-id"] == "Caller.1:2/3+x@y-z_"


@every_route
def test_without_one_an_id_is_made(bridge: Bridge, name: str) -> None:
    first, second = (
        ask(name, lambda: bridge, sf_external_function_query_batch_id="").headers["x-correlation-id"] for _ in "12"
    )

    assert uuid.UUID(first) != uuid.UUID(second)


def test_a_batch_without_one_is_known_by_its_own_id(bridge: Bridge) -> None:
    assert ask("submit_run", lambda: bridge).headers["x-correlation-id"] == BATCH_ID


@pytest.mark.parametrize(
    "hostile",
    ["a\r\nset-cookie: stolen=1", "a\nb", "a\n", "\x00", "<script>", "a b", "ä", "x" * 129, '"', "{}", "%0d%0a", ";"],
)
@every_route
def test_a_correlation_id_that_could_do_harm_is_not_repeated(bridge: Bridge, name: str, hostile: str) -> None:
    response = ask(name, lambda: bridge, x_correlation_id=hostile, sf_external_function_query_batch_id="")

    given = response.headers["x-correlation-id"]
    assert str(uuid.UUID(given)) == given
    assert "stolen" not in str(dict(response.headers)) + response.get_body().decode()


@every_route
def test_while_the_configuration_is_wrong_every_route_says_so_without_details(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    error = ConfigurationError(["SNOWFLAKE_PASSWORD is hunter2"])

    with caplog.at_level(logging.CRITICAL):
        response = ask(name, failing(error))

    found = problem(response, 503)
    assert response.headers["Retry-After"] == "60"
    assert "/health" in found["detail"]
    assert "hunter2" not in str(found)
    assert "hunter2" in caplog.text
    assert found["correlation_id"] == response.headers["x-correlation-id"]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("hunter2"),
        KeyError("hunter2"),
        RecursionError("hunter2"),
        PoisonMessage("hunter2"),
        BridgeError("hunter2"),
    ],
    ids=repr,
)
@every_route
def test_an_unexpected_error_is_told_by_its_correlation_id_only(
    name: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        response = ask(name, failing(error), x_correlation_id="c-42")

    found = problem(response, 500)
    assert found["correlation_id"] == "c-42"
    assert not any(word in response.get_body().decode() for word in ("hunter2", "Traceback", type(error).__name__))
    assert "hunter2" in caplog.text
    assert "c-42" in caplog.text


def test_an_error_of_the_probe_is_told_as_little() -> None:
    def get_problems() -> ConfigurationError | None:
        raise OSError("hunter2")

    assert "hunter2" not in str(problem(runs.health(http("GET"), get_problems), 500))


@every_route
def test_a_good_answer_is_json(bridge: Bridge, name: str) -> None:
    response = ask(name, lambda: bridge)

    if name == "show":
        problem(response, 404)
    else:
        assert response.status_code in {200, 202}
        assert response.mimetype == "application/json"
    assert document(response) is not None
