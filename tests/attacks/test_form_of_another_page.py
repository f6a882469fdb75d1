"""Has a page of its own, which a person who is logged in opens: it sends requests with that person's cookie."""

import pytest

from tests.attacks.doors import House, house, nothing_changes, refused, told

__all__ = ["house"]
FILE = {"action": "kubectl rollout restart deployment/api -n prod"}


@pytest.mark.parametrize("csrf", [None, "", "0" * 64, "another session's"])
def test_a_cookie_alone_changes_nothing(house: House, csrf: str | None) -> None:
    browser, other = house.browser("carol"), house.browser("carol")
    shown = other.csrf if csrf == "another session's" else csrf
    headers = {} if shown is None else {"X-CSRF-Token": shown}
    with nothing_changes(house):
        said = refused(browser.client.post("/v1/approvals", json=FILE, headers=headers), 403, "forbidden")
    assert "not of this session" in said
    assert browser.client.post("/v1/approvals", json=FILE, headers={"X-CSRF-Token": browser.csrf}).status_code == 201


def test_a_form_that_a_page_can_send_without_asking_is_no_json(house: House) -> None:
    browser = house.browser("carol")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        headers = {"Content-Type": kind, "X-CSRF-Token": browser.csrf}
        with nothing_changes(house):
            answer = browser.client.post("/v1/approvals", content=b'{"action": "NO_ACTION"}', headers=headers)
        assert answer.status_code in (400, 403, 422), answer.text


def test_a_cookie_does_not_help_a_token_that_does_not_count(house: House) -> None:
    browser = house.browser("carol")
    headers = {"Authorization": "Bearer cst_nothing", "X-CSRF-Token": browser.csrf}
    with nothing_changes(house):
        refused(browser.client.post("/v1/approvals", json=FILE, headers=headers), 401, "unauthenticated")
    assert "access:login:refused" not in told(house), "a stranger's guess is not told"
