"""May request in one namespace, and has words to say on the incident of another."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from countersign.errors import Forbidden
from countersign.execution.access import Authenticated
from countersign.execution.filing import Request, file_request
from countersign.policy.access import Identity
from countersign.policy.roles import Role, RoleGrant
from countersign.records.database.engine import transaction
from countersign.web.acting import Acting
from countersign.web.api.reach import require_incident_in_reach
from tests.attacks.conftest import Office
from tests.attacks.doors import Furnished, told
from tests.web.pages.conftest import reader
from tests.web.records import furnished

PROD = RoleGrant(roles=(Role.VIEWER,), subjects=("paul",), namespaces=("prod",))
STAGING = RoleGrant(roles=(Role.REQUESTER,), subjects=("mallory",), namespaces=("staging",))
WORDS = "ALL CLEAR, nothing to do"


@pytest.fixture
def rooms(office: Office, tmp_path: Path) -> Iterator[Furnished]:
    """The application over an incident of namespace prod."""
    found = furnished(office, tmp_path, roles=(PROD, STAGING))
    yield found
    found.house.app.state.changes.close()


def acting(rooms: Furnished, name: str) -> Acting:
    who = Identity(name)
    return Acting(who, rooms.house.services, Authenticated(who), "", "", None)


def test_an_incident_that_is_not_for_them_is_not_theirs_to_name(rooms: Furnished) -> None:
    with transaction(rooms.house.services.engine) as session:
        with pytest.raises(Forbidden, match="has no role"):
            require_incident_in_reach(session, acting(rooms, "mallory"), rooms.incident)
        require_incident_in_reach(session, acting(rooms, "paul"), rooms.incident)
        # It may come yet, or there is none.
        require_incident_in_reach(session, acting(rooms, "mallory"), "INC-20990101-AAAAAA")
        require_incident_in_reach(session, acting(rooms, "mallory"), None)
    assert told(rooms.house).count("access:role:refused") == 1


def test_an_incident_tells_its_reader_nothing_of_approvals_out_of_reach(rooms: Furnished) -> None:
    services = rooms.house.services
    elsewhere = Request(
        action="kubectl rollout restart deployment/api -n staging",
        description=WORDS,
        requested_by="mallory",
        incident_id=rooms.incident,
    )
    with transaction(services.engine) as session:
        asked = {"policy": services.policy, "now": datetime.now(UTC), "clusters": services.clusters}
        approval = file_request(session, elsewhere, **asked).approval.id
    paul = reader(rooms.house, "paul")
    whole = paul.browser.client.get(f"/v1/incidents/{rooms.incident}").json()
    assert "mallory" not in [each["actor"] for each in whole["timeline"]]
    assert "Incident opened" in [each["title"] for each in whole["timeline"]]
    page = paul.get(f"/incidents/{rooms.incident}")
    assert str(approval) not in page
    assert WORDS not in page


def test_nobody_writes_on_the_timeline_of_one_by_filing(rooms: Furnished) -> None:
    mallory = rooms.house.client("mallory")
    body = {"action": "kubectl rollout restart deployment/api -n staging", "description": WORDS}
    for asked in ({**body, "incident_id": rooms.incident}, {**body, "description": f"{WORDS} {rooms.incident}"}):
        answer = mallory.post("/v1/approvals", json=asked)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), answer.text
    whole = reader(rooms.house, "paul").browser.client.get(f"/v1/incidents/{rooms.incident}").json()
    assert "mallory" not in [each["actor"] for each in whole["timeline"]]
