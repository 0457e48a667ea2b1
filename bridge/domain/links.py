"""Addresses of other services that people may be led to; what the ledger keeps could be anything."""

import re
from urllib.parse import quote

SNOWSIGHT = "https://app.snowflake.com"
#: ORGANISATION-ACCOUNT, or LOCATOR.REGION of older accounts.
_NAMED = re.compile(r"([a-z][a-z0-9]*)-([a-z0-9_-]+)", re.IGNORECASE | re.ASCII)
_LOCATED = re.compile(r"([a-z][a-z0-9_]*)\.([a-z0-9-]+(?:\.[a-z0-9-]+)*)", re.IGNORECASE | re.ASCII)
_QUERY_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_STUDIO = re.compile(r"https://(?:ml\.azure\.com|ml\.azure\.us|studio\.ml\.azure\.cn)/[!-~]*", re.ASCII)


def snowsight_queries(account: str) -> str | None:
    """Where Snowsight shows the account's queries, up to the id of one; None when its name does not tell."""
    if named := _NAMED.fullmatch(account):
        place = f"{named[1]}/{named[2]}"
    elif located := _LOCATED.fullmatch(account):
        place = f"{located[2]}/{located[1]}"
    else:
        return None
    return f"{SNOWSIGHT}/{place.lower()}/#/compute/history/queries/"


def query_url(queries_url: str | None, query_id: str | None) -> str | None:
    """The query in Snowsight, when both are what they should be."""
    if queries_url is None or query_id is None or not _QUERY_ID.fullmatch(query_id):
        return None
    return f"{queries_url}{quote(query_id)}/detail"


def studio_url(url: str | None) -> str | None:
    """The address when it is one of Azure ML's studio."""
    return url if url and _STUDIO.fullmatch(url) else None
