"""Which identity an app in Azure is, by what Azure says of it."""

from typing import Any

import pytest

from bridge.doctor.deployed_app import _principal

USER_ASSIGNED = {
    "/subscriptions/s/…/one": {"clientId": "AAAA", "principalId": "p-one"},
    "/subscriptions/s/…/two": {"clientId": "bbbb", "principalId": "p-two"},
}


@pytest.mark.parametrize(
    ("identity", "client_id", "principal_id"),
    [
        ({"principalId": "p-own"}, "", "p-own"),
        ({"principalId": "p-own", "userAssignedIdentities": USER_ASSIGNED}, "BBBB", "p-two"),
        ({"principalId": "p-own", "userAssignedIdentities": USER_ASSIGNED}, "", "p-own"),
        ({"userAssignedIdentities": USER_ASSIGNED}, "cccc", ""),
        (None, "", ""),
    ],
)
def test_the_identity_is_the_one_that_the_app_uses(identity: Any, client_id: str, principal_id: str) -> None:
    assert _principal({"identity": identity}, client_id) == principal_id
