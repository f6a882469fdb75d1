"""In whose language and zone a page is, and that choosing one leads nowhere else."""

import pytest

from tests.web.conftest import House
from tests.web.pages.conftest import reader


def test_the_language_of_the_browser_is_taken_unless_another_was_chosen(house: House) -> None:
    victor = reader(house, "victor")
    assert '<html lang="zh-TW"' in victor.get("/approvals", language="zh-Hant,en;q=0.5")
    assert "核准單" in victor.get("/approvals", language="zh-TW")
    assert '<html lang="en"' in victor.get("/approvals", language="fr, en")
    victor.browser.client.get("/language/zh-TW?back=/approvals")
    assert '<html lang="zh-TW"' in victor.get("/approvals", language="en")


@pytest.mark.parametrize(
    "back", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)"]
)
def test_choosing_a_language_leads_nowhere_else(house: House, back: str) -> None:
    answer = house.client().get("/language/en", params={"back": back}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_zone_that_is_none_is_utc(house: House) -> None:
    victor = reader(house, "victor")
    victor.browser.client.cookies.set("countersign_zone", "../../etc/passwd", domain="countersign.example")
    assert 'data-zone="UTC"' in victor.get("/approvals")


def test_a_refusal_says_in_the_readers_language_what_kind_it_is(house: House) -> None:
    victor = reader(house, "victor")
    chinese = victor.get("/approvals/00000000", language="zh-TW", status=404)
    assert "找不到</h1>" in chinese
    # The detail is the one of the log and the API, and is said to be English.
    assert '<p lang="en">no approval is called' in chinese
    assert "Not found</h1>" in victor.get("/approvals/00000000", status=404)
