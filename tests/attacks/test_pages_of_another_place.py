"""May do everything in one namespace, and asks the pages for what lies in another."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from countersign.execution.filing import Request, file_request
from countersign.policy.roles import Role, RoleGrant
from countersign.records.database.engine import transaction
from tests.attacks.conftest import Office
from tests.attacks.doors import Furnished, nothing_changes, told
from tests.web.pages.conftest import reader
from tests.web.records import furnished

MALLORY = RoleGrant(roles=tuple(Role), subjects=("mallory",), namespaces=("staging",))
VICTOR = RoleGrant(roles=(Role.VIEWER,), subjects=("victor",))


@pytest.fixture
def rooms(office: Office, tmp_path: Path) -> Iterator[Furnished]:
    """The application over records that are all of namespace prod."""
    found = furnished(office, tmp_path, roles=(MALLORY, VICTOR))
    yield found
    found.house.app.state.changes.close()


def test_a_letter_is_not_replayed_by_way_of_ones_own_approval(rooms: Furnished) -> None:
    services = rooms.house.services
    own = Request(action="kubectl rollout restart deployment/api -n staging", requested_by="carol")
    with transaction(services.engine) as session:
        asked = {"policy": services.policy, "now": datetime.now(UTC), "clusters": services.clusters}
        approval = file_request(session, own, **asked).approval.id
    mallory = reader(rooms.house, "mallory")
    with nothing_changes(rooms.house), services.engine.connect() as connection:
        letters = "SELECT replays, resolved_at FROM dead_letter"
        before = connection.exec_driver_sql(letters).all()
        assert mallory.send(f"/approvals/{approval}/letters/{rooms.letter}/replay").status_code == 404
        assert connection.exec_driver_sql(letters).all() == before


@pytest.mark.parametrize("end", ["", "/now", "/live"])
def test_a_page_out_of_reach_is_one_that_is_not_there(rooms: Furnished, end: str) -> None:
    mallory, missing = reader(rooms.house, "mallory"), uuid4()

    def answer(name: str) -> tuple[int, str]:
        path = f"/live/approvals/{name}" if end == "/live" else f"/approvals/{name}{end}"
        found = mallory.browser.client.get(path)
        return found.status_code, found.text.replace(name, "NAME")

    there = answer(str(rooms.pending))
    assert there[0] == 404
    assert there == answer(str(missing))
    assert answer(rooms.pending.hex[-8:]) == answer(missing.hex[-8:])
    assert told(rooms.house).count("access:role:refused") == 2


def test_a_search_tells_no_id_out_of_reach(rooms: Furnished) -> None:
    mallory = reader(rooms.house, "mallory").browser.client
    for name in (rooms.pending.hex[-8:], str(rooms.pending)):
        answer = mallory.get("/approvals", params={"id": name}, follow_redirects=False)
        assert answer.status_code == 404
        assert name == str(rooms.pending) or str(rooms.pending) not in answer.text


def test_who_may_read_nothing_learns_nothing(rooms: Furnished) -> None:
    nobody = reader(rooms.house, "nobody")
    for each in (rooms.pending, uuid4()):
        assert "has no role" in nobody.get(f"/approvals/{each}", status=403)


def test_a_policy_to_be_signed_is_not_told_to_a_reader_of_one_place(rooms: Furnished) -> None:
    mallory, victor = reader(rooms.house, "mallory"), reader(rooms.house, "victor")
    assert "policy to be signed" in victor.get("/")
    assert "policy to be signed" not in mallory.get("/")
    assert [each["need"] for each in mallory.browser.client.get("/v1/status").json()["items"]] == []
