"""Route templates."""

import pytest

from bridge.local.host.routes import RouteError, RouteTemplate


@pytest.mark.parametrize(
    ("route", "path", "parameters"),
    [
        ("runs", "/api/runs", {}),
        ("runs", "/API/Runs/", {}),
        ("runs/{id}", "/api/runs/R-1", {"id": "R-1"}),
        ("runs/{id}", "/api/runs", None),
        ("runs/{id}", "/api/runs/1/2", None),
        ("runs/{id}", "/api/runs/a%20b", {"id": "a b"}),
        ("runs/{id}", "/api/runs/a%2Fb", {"id": "a%2Fb"}),
        ("runs/{id}/cancel", "/api/runs/1/cancel", {"id": "1"}),
        ("runs/{id?}", "/api/runs", {}),
        ("runs/{id?}", "/api/runs/1", {"id": "1"}),
        ("files/{*rest}", "/api/files", {}),
        ("files/{*rest}", "/api/files/a/b/c", {"rest": "a/b/c"}),
        ("{from}-{to}.csv", "/api/1-2.csv", {"from": "1", "to": "2"}),
        ("n/{n:int}", "/api/n/-12", {"n": "-12"}),
        ("n/{n:int}", "/api/n/x", None),
        ("n/{n:int?}", "/api/n", {}),
        ("g/{g:guid}", "/api/g/6f9619ff-8b86-d011-b42d-00c04fc964ff", {"g": "6f9619ff-8b86-d011-b42d-00c04fc964ff"}),
        ("g/{g:guid}", "/api/g/1", None),
        ("a/{a:alpha}", "/api/a/abc", {"a": "abc"}),
        ("a/{a:alpha}", "/api/a/abc1", None),
        ("l/{l:length(3)}", "/api/l/abc", {"l": "abc"}),
        ("l/{l:length(3)}", "/api/l/abcd", None),
        ("dots.and+more", "/api/dots.and+more", {}),
        ("dots.and+more", "/api/dotsXandmore", None),
    ],
)
def test_a_template_matches_as_the_platforms_router_does(
    route: str, path: str, parameters: dict[str, str] | None
) -> None:
    assert RouteTemplate("api", route).match(path) == parameters


def test_an_empty_prefix_leaves_the_route_alone() -> None:
    assert RouteTemplate("", "runs/{id}").match("/runs/1") == {"id": "1"}


def test_the_most_literal_template_comes_first() -> None:
    routes = ["{*all}", "runs/{id}", "runs/{id:int}", "{x}/{y}", "runs/latest"]

    ordered = sorted(routes, key=lambda route: RouteTemplate("api", route).precedence)

    assert ordered == ["runs/latest", "runs/{id:int}", "runs/{id}", "{x}/{y}", "{*all}"]


@pytest.mark.parametrize(
    "route", ["{*a}/b", "{a?}/b", "{a", "{a:regex(x)}", "{a:nonsense}", "{a=5}", "x{a?}", "{a}/{a}"]
)
def test_a_template_that_is_not_understood_is_refused(route: str) -> None:
    with pytest.raises(RouteError):
        RouteTemplate("api", route)
