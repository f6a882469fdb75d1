"""The kill switch: its consequences are named, it is confirmed, and each direction has its role."""

import pytest

from countersign.records.control import kill_switch, switch_changes
from countersign.records.database.engine import transaction
from tests.web.conftest import House
from tests.web.pages.conftest import reader
from tests.web.scene import filed


def is_on(house: House) -> bool:
    with transaction(house.services.engine) as session:
        return kill_switch(session).is_on


def test_it_says_what_it_stops_and_what_it_does_not(house: House) -> None:
    filed(house.office, "kubectl rollout restart deployment/api -n prod")
    page = reader(house, "eve").get("/kill-switch")
    assert "No request leaves for any target any more" in page
    assert "0 approved, 1 pending" in page


def test_an_executor_stops_everything_and_an_administrator_allows_it_again(house: House) -> None:
    eve, ann = reader(house, "eve"), reader(house, "ann")
    assert eve.send("/kill-switch", on="true", reason="wrong region", understood="yes").status_code == 303
    assert is_on(house)
    assert "Allow actions again</button>" not in eve.get("/kill-switch")
    assert eve.send("/kill-switch", on="false", reason="over", understood="yes").status_code == 403
    assert ann.send("/kill-switch", on="false", reason="over", understood="yes").status_code == 303
    assert not is_on(house)
    assert "wrong region" in eve.get("/kill-switch")


def test_a_click_that_comes_twice_is_one_turn(house: House) -> None:
    eve, ann = reader(house, "eve"), reader(house, "ann")
    for who, on in ((eve, "true"), (eve, "true"), (ann, "false"), (ann, "false"), (eve, "true")):
        assert who.send("/kill-switch", on=on, reason="wrong region", understood="yes").status_code == 303
    with transaction(house.services.engine) as session:
        assert [each.is_on for each in switch_changes(session)] == [True, False, True]


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("eve", {"understood": ""}, 422),
        ("eve", {"reason": " "}, 422),
        ("eve", {"csrf": "no"}, 403),
        ("victor", {}, 403),
    ],
)
def test_it_is_not_turned(house: House, name: str, fields: dict[str, str], code: int) -> None:
    given = {"on": "true", "reason": "because", "understood": "yes", **fields}
    assert reader(house, name).send("/kill-switch", **given).status_code == code
    assert not is_on(house)
