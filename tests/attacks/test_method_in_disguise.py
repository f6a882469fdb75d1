"""Asks with a harmless method, and says in a header or a field that another one is meant."""

import pytest

from tests.attacks.doors import Furnished, nothing_changes, rooms

__all__ = ["rooms"]
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method")


@pytest.mark.parametrize("name", OVERRIDES)
def test_a_method_is_the_one_that_was_used(rooms: Furnished, name: str) -> None:
    carol, eve = rooms.house.client("carol"), rooms.house.client("eve")
    browser = rooms.house.browser("eve")
    with nothing_changes(rooms.house):
        address = f"/v1/approvals/{rooms.pending}"
        assert carol.get(address, headers={name: "DELETE"}, params={name: "DELETE"}).status_code == 200
        assert eve.get("/v1/kill-switch", headers={name: "POST"}, params={"on": "true"}).status_code == 200
        for method in ("DELETE", "PUT", "PATCH", "TRACE", "CONNECT", "BREW"):
            answer = carol.request(method, address, json={})
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET"), method
        # What a session may do without its CSRF token is decided by the method that was used.
        body = {"on": True, "reason": "x"}
        assert browser.client.request("POST", "/v1/kill-switch", json=body, headers={name: "GET"}).status_code == 403


def test_a_get_with_a_body_changes_nothing(rooms: Furnished) -> None:
    client = rooms.house.client("eve")
    with nothing_changes(rooms.house):
        assert client.request("GET", "/v1/kill-switch", json={"on": True, "reason": "x"}).json()["on"] is False
