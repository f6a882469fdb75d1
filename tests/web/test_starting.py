"""What may be started by hand, over HTTP and on the page: what is approved, and nothing else."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine

from countersign.web.api import approvals as of_api
from countersign.web.pages import approval as of_page
from tests.execution.conftest import Office
from tests.web.conftest import House
from tests.web.pages.conftest import reader
from tests.web.records import furnished

SCALE = "kubectl scale deployment/api --replicas=5 -n prod"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """What Prefect was asked to start."""
    found: list[UUID] = []

    def start(_engine: Engine, approval_id: UUID, *, dry_run: bool, by: str, key: str | None = None) -> UUID:
        assert by == "eve"
        found.append(approval_id)
        return uuid4()

    for module in (of_api, of_page):
        monkeypatch.setattr(module, "start_by_hand", start)
    return found


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("which", ["pending", "over", "executed"])
def test_what_is_not_approved_is_not_started(
    office: Office, tmp_path: Path, started: list[UUID], which: str, dry_run: bool
) -> None:
    rooms = furnished(office, tmp_path)
    approval, eve = getattr(rooms, which), reader(rooms.house, "eve")
    answer = rooms.house.client("eve").post(f"/v1/approvals/{approval}/execute", json={"dry_run": dry_run})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_approved")
    sent = eve.send(f"/approvals/{approval}/start", shown=eve.hash_of(approval), dry_run=dry_run)
    assert sent.status_code == 409
    assert started == []
    rooms.house.app.state.changes.close()


def test_critical_risk_is_confirmed_by_its_short_id(house: House, started: list[UUID]) -> None:
    approval = house.office.approved(SCALE, risk="critical")
    client, eve = house.client("eve"), reader(house, "eve")
    shown = eve.hash_of(approval)
    for confirm in ("", "no", str(approval)):
        answer = client.post(f"/v1/approvals/{approval}/execute", json={"confirm": confirm})
        assert (answer.status_code, answer.json()["field"]) == (422, "confirm")
        assert eve.send(f"/approvals/{approval}/start", shown=shown, confirmed=confirm).status_code == 422
    assert started == []
    short = approval.hex[-8:]
    assert client.post(f"/v1/approvals/{approval}/execute", json={"confirm": short}).status_code == 202
    assert client.post(f"/v1/approvals/{approval}/execute", json={"dry_run": True}).status_code == 202
    assert eve.send(f"/approvals/{approval}/start", shown=shown, confirmed=short).status_code == 303
    assert started == [approval] * 3
