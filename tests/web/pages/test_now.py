"""What needs a person: whoever looks first sees what only they can do."""

from datetime import UTC, datetime, timedelta

from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from tests.web.conftest import House
from tests.web.pages.conftest import reader
from tests.web.scene import filed, unknown

RESTART = "kubectl rollout restart deployment/api -n prod"


def test_nothing_to_do_says_so_and_what_was_last(house: House) -> None:
    page = reader(house, "victor").get("/")
    assert "Nothing needs a person now." in page
    assert "Nothing has been executed yet." in page
    house.office.perform("kubectl get pods -n prod", risk="low")
    page = reader(house, "victor").get("/")
    assert "Nothing needs a person now." in page
    assert "Read only: kubectl get pods -n prod" in page


def test_what_waits_for_my_signature_comes_first(house: House) -> None:
    unknown(house.office)
    approval = filed(house.office, RESTART, expires_at=datetime.now(UTC) + timedelta(hours=1))
    page = reader(house, "alice").get("/")
    assert page.index("Waiting for your signature") < page.index(RESTART) < page.index("outcome unknown")
    assert f"countersign approvals sign {approval.hex[-8:]} --as alice --key FILE" in page
    others = reader(house, "victor").get("/")
    assert "Waiting for your signature" not in others
    assert RESTART in others


def test_every_page_says_that_nothing_starts(house: House) -> None:
    with transaction(house.services.engine) as session:
        set_kill_switch(session, True, by="eve", reason="the database is being moved")
    for path in ("/", "/approvals", "/kill-switch"):
        assert "Nothing starts: the kill switch is on. the database is being moved" in reader(house, "victor").get(
            path
        )
