"""May do everything in one namespace, and asks for what lies in another by ids that were overheard."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from countersign.policy.roles import Role, RoleGrant
from tests.attacks.conftest import Office
from tests.attacks.doors import Furnished, nothing_changes, refused, told
from tests.web.records import ALERTS, furnished

MALLORY = RoleGrant(roles=tuple(Role), subjects=("mallory",), namespaces=("staging",))


@pytest.fixture
def rooms(office: Office, tmp_path: Path) -> Iterator[Furnished]:
    """The application over records that are all of namespace prod."""
    found = furnished(office, tmp_path, roles=(MALLORY,))
    yield found
    found.house.app.state.changes.close()


def test_what_lies_elsewhere_is_neither_shown_nor_changed(rooms: Furnished) -> None:
    client = rooms.house.client("mallory")
    asked = [
        ("GET", f"/v1/approvals/{rooms.pending}", None),
        ("GET", f"/v1/approvals/{rooms.pending}/events", None),
        ("GET", f"/v1/approvals/{rooms.pending}/preview", None),
        ("POST", f"/v1/approvals/{rooms.pending}/cancel", {}),
        ("POST", f"/v1/approvals/{rooms.executed}/execute", {"dry_run": True}),
        ("GET", f"/v1/executions/{rooms.execution}/journal", None),
        ("POST", f"/v1/executions/{rooms.unknown}/settle", {"outcome": "success", "reason": "trust me"}),
        ("POST", f"/v1/executions/{rooms.unknown}/steps/notify/replay", None),
        ("POST", f"/v1/dead-letters/{rooms.letter}/replay", None),
        ("GET", f"/v1/incidents/{rooms.incident}", None),
        ("POST", f"/v1/incidents/{rooms.incident}/resolve", {"note": "nothing to see"}),
        ("GET", f"/v1/knowledge/{rooms.entry}", None),
        ("GET", f"/v1/audit/chains/{rooms.executed}/proof", None),
        ("POST", "/v1/kill-switch", {"on": False, "reason": "go on"}),
    ]
    with nothing_changes(rooms.house):
        for method, path, body in asked:
            answer = client.request(method, path, **({"json": body} if body is not None else {}))
            assert "has no role" in refused(answer, 403, "forbidden"), path
        assert client.post("/v1/replays", json={}).status_code == 404
    assert told(rooms.house).count("access:role:refused") == len(asked)


def test_alerts_do_not_reach_the_incident_of_another_place(rooms: Furnished) -> None:
    client = rooms.house.client("mallory")
    own = {"alerts": [{"status": "resolved", "labels": {"alertname": "ApiDown", "namespace": "staging"}}]}
    with nothing_changes(rooms.house):
        named = client.post("/v1/incidents/alerts", json=own, params={"incident_id": rooms.incident})
        refused(named, 403, "forbidden")
        refused(client.post("/v1/incidents/alerts", json=ALERTS), 403, "forbidden")
        everywhere = {"alerts": [{"labels": {"alertname": "ApiDown"}}]}
        refused(client.post("/v1/incidents/alerts", json=everywhere), 403, "forbidden")


def test_an_action_elsewhere_is_not_filed(rooms: Furnished) -> None:
    body = {"action": "kubectl delete pod api-0 -n prod"}
    client = rooms.house.client("mallory")
    with nothing_changes(rooms.house):
        refused(client.post("/v1/approvals", json=body), 403, "forbidden")


def test_ids_tell_a_stranger_nothing(rooms: Furnished) -> None:
    client = rooms.house.client("nobody")
    there = client.get(f"/v1/approvals/{rooms.pending}").json()
    missing = client.get("/v1/approvals/00000000-0000-0000-0000-000000000000").json()
    assert there == missing
