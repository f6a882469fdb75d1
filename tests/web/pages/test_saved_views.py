"""Names for filters of the queue: kept in one's own browser, shown to nobody else, without JavaScript."""

import pytest

from countersign.web.pages.saved_views import COOKIE, MOST
from tests.web.conftest import House
from tests.web.pages.conftest import Reader, reader


def save(who: Reader, name: str, **filters: str) -> int:
    return who.send("/approvals/views", name=name, **filters).status_code


def test_a_filter_gets_a_name_and_is_found_by_it(house: House) -> None:
    victor = reader(house, "victor")
    assert 'action="/approvals/views"' not in victor.get("/approvals")
    assert 'action="/approvals/views"' in victor.get("/approvals?status=pending&by=carol")
    answer = victor.send("/approvals/views", name=" Carol's <open> ", status="pending", by="carol")
    assert answer.headers["location"] == "/approvals?status=pending&by=carol"
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"))
    everywhere = victor.get("/approvals", language="zh-TW")
    assert '<a href="/approvals?status=pending&amp;by=carol">Carol&#39;s &lt;open&gt;</a>' in everywhere
    assert "我的檢視" in everywhere
    there = victor.get("/approvals?status=pending&by=carol")
    assert 'aria-current="true">Carol&#39;s &lt;open&gt;</a>' in there
    assert "Forget the view Carol&#39;s &lt;open&gt;" in there
    # The same name again is another filter under it.
    assert save(victor, "Carol's <open>", status="approved") == 303
    assert "status=pending&amp;by=carol" not in victor.get("/approvals")
    assert victor.send("/approvals/views/forget", name="Carol's <open>").status_code == 303
    assert "&lt;open&gt;" not in victor.get("/approvals?status=approved")


def test_another_person_at_the_same_browser_has_their_own(house: House) -> None:
    victor, alice = reader(house, "victor"), reader(house, "alice")
    assert save(victor, "of victor", status="pending") == 303
    kept = victor.browser.client.cookies[COOKIE]
    alice.browser.client.cookies.set(COOKIE, kept, domain="countersign.example")
    assert "of victor" not in alice.get("/approvals")


@pytest.mark.parametrize("kept", ["", "no", "e30", "bnVsbA", "eyJ3aG8iOiAidmljdG9yIiwgInZpZXdzIjogWzNdfQ"])
def test_a_cookie_of_something_else_is_no_view(house: House, kept: str) -> None:
    victor = reader(house, "victor")
    victor.browser.client.cookies.set(COOKIE, kept, domain="countersign.example")
    assert "My views" not in victor.get("/approvals")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": " ", "status": "pending"}, 422),
        ({"name": "x" * 41, "status": "pending"}, 422),
        ({"name": "right\u202eleft", "status": "pending"}, 422),
        ({"name": "x", "status": "nonsense"}, 422),
        ({"name": "x", "by": "y" * 81}, 422),
        ({"name": "x", "status": "pending", "csrf": "no"}, 403),
    ],
)
def test_what_is_no_view_is_refused(house: House, fields: dict[str, str], code: int) -> None:
    assert reader(house, "victor").send("/approvals/views", **fields).status_code == code


def test_there_are_as_many_as_a_cookie_holds(house: House) -> None:
    victor = reader(house, "victor")
    for number in range(MOST):
        assert save(victor, f"{number:02}" + "視" * 30, status="pending", by="名" * 10) == 303
    assert len(victor.browser.client.cookies[COOKIE]) < 4_000
    assert save(victor, "one more", status="pending") == 422
    assert save(victor, "00" + "視" * 30, status="approved") == 303


def test_what_a_browser_would_not_keep_is_refused(house: House) -> None:
    victor = reader(house, "victor")
    answers = [save(victor, f"{number:02}" + "視" * 38, by="名" * 80) for number in range(MOST)]
    assert answers[0] == 303
    assert answers[-1] == 422
    assert len(victor.browser.client.cookies[COOKIE]) <= 4_000
