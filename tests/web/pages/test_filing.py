"""Filing on a page: it is shown how the line reads, and only what was shown is kept."""

import re

import pytest

from countersign.records.approvals import list_approvals
from countersign.records.database.engine import transaction
from countersign.records.states import RiskLevel, Start
from countersign.records.tables import Approval
from tests.web.conftest import House
from tests.web.pages.conftest import reader

SCALE = "kubectl scale deployment/api --replicas=5 -n prod"


def kept(house: House) -> list[Approval]:
    with transaction(house.services.engine) as session:
        return list(list_approvals(session).items)


def test_it_is_shown_what_the_line_means_before_it_is_kept(house: House) -> None:
    carol = reader(house, "carol")
    assert 'href="/file"' in carol.get("/approvals")
    shown = carol.send("/file", action=SCALE, description="slow", risk="high", hours="4", start="by_hand")
    assert shown.status_code == 200
    assert "It means: Scale deployment prod/api." in shown.text
    assert kept(house) == []
    checked = re.search(r'name="checked" value="([^"]+)"', shown.text)
    assert checked is not None
    filed = carol.send(
        "/file", action=SCALE, description="slow", risk="high", hours="4", start="by_hand", checked=checked[1]
    )
    assert filed.status_code == 303
    (approval,) = kept(house)
    assert filed.headers["location"] == f"/approvals/{approval.id}"
    assert (approval.requested_by, approval.risk_level, approval.start) == ("carol", RiskLevel.HIGH, Start.BY_HAND)
    assert approval.expires_at is not None


def test_a_line_that_was_changed_since_is_shown_again(house: House) -> None:
    again = reader(house, "carol").send("/file", action=SCALE.replace("5", "9"), checked=SCALE)
    assert again.status_code == 200
    assert kept(house) == []


@pytest.mark.parametrize("action", ["kubectl rollout restart deployment/api; rm -rf /", "make it faster", ""])
def test_a_line_that_cannot_be_read_is_refused_with_what_was_written(house: House, action: str) -> None:
    answer = reader(house, "carol").send("/file", action=action, description="kept in the form")
    assert answer.status_code == 422
    assert not action or "kept in the form" in answer.text
    assert kept(house) == []


def test_whoever_may_not_ask_files_nothing(house: House) -> None:
    victor = reader(house, "victor")
    assert 'href="/file"' not in victor.get("/approvals")
    victor.get("/file", status=403)
    assert victor.send("/file", action=SCALE, checked=SCALE).status_code == 403
    assert kept(house) == []
