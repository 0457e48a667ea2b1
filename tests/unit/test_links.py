"""Addresses of other services: only those that they really have."""

import pytest

from bridge.domain.links import query_url, snowsight_queries, studio_url

QUERY = "01b8c0de-0000-4a00-0000-00000000a001"


@pytest.mark.parametrize(
    ("account", "place"),
    [
        ("MYORG-my_account", "myorg/my_account"),
        ("myorg-my-account", "myorg/my-account"),
        ("xy12345.west-europe.azure", "west-europe.azure/xy12345"),
    ],
)
def test_snowsight_is_where_the_accounts_name_says(account: str, place: str) -> None:
    url = query_url(snowsight_queries(account), QUERY)

    assert url == f"https://app.snowflake.com/{place}/#/compute/history/queries/{QUERY}/detail"


@pytest.mark.parametrize("account", ["", "laptop", "a b-c", "myorg-acc/../x", "evil.test/x-y", "-", "a-", "@evil.test"])
def test_an_account_that_tells_nothing_has_no_address(account: str) -> None:
    assert snowsight_queries(account) is None
    assert query_url(None, QUERY) is None


@pytest.mark.parametrize("query", [None, "", "01b0", QUERY + "x", "../../x", "javascript:alert(1)", QUERY[:-1] + "\n"])
def test_what_is_no_query_has_no_address(query: str | None) -> None:
    assert query_url(snowsight_queries("myorg-account"), query) is None


@pytest.mark.parametrize(
    "url",
    ["https://ml.azure.com/runs/r-1?wsid=/subscriptions/s", "https://ml.azure.us/x", "https://studio.ml.azure.cn/x"],
)
def test_the_studio_is_known(url: str) -> None:
    assert studio_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "http://ml.azure.com/x",
        "https://ml.azure.com",
        "https://ml.azure.com.evil.test/",
        "https://ml.azure.com@evil.test/",
        "https://ml.azure.com:8443/x",
        "https://evil.test/https://ml.azure.com/",
        "javascript:alert(1)//https://ml.azure.com/",
        "https://ml.azure.com/x\nLocation: y",
        "https://mlxazure.com/x",
    ],
)
def test_anything_else_is_not_the_studio(url: str | None) -> None:
    assert studio_url(url) is None
