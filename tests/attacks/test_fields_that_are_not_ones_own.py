"""Puts into a body what only the records or the token may say: who asks, what status it has, who has signed."""

import pytest

from tests.attacks.doors import Furnished, House, house, nothing_changes, refused, rooms

__all__ = ["house", "rooms"]
FILE = {"action": "kubectl rollout restart deployment/api -n prod"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("requested_by", "alice"),
        ("requested_by", "auto_approve:mallory"),
        ("status", "approved"),
        ("signatures", [{"signer": "alice", "decision": "approve"}]),
        ("id", "00000000-0000-0000-0000-000000000001"),
        ("auto_approved", True),
        ("created_at", "2020-01-01T00:00:00Z"),
        ("target", {"namespace": "staging"}),
        ("parameters", {"operation": "observe"}),
        ("idempotency_key", "x"),
        ("__proto__", {"status": "approved"}),
    ],
)
def test_a_request_says_only_what_is_asked_for(house: House, name: str, value: object) -> None:
    client = house.client("carol")
    with nothing_changes(house):
        answer = client.post("/v1/approvals", json={**FILE, name: value})
        refused(answer, 422, "invalid_input")
    assert answer.json()["field"] == name


def test_who_decides_is_not_said_in_a_body(rooms: Furnished) -> None:
    eve, ann = rooms.house.client("eve"), rooms.house.client("ann")
    asked = [
        (eve, f"/v1/executions/{rooms.unknown}/settle", {"outcome": "success", "reason": "seen", "by": "alice"}),
        (eve, f"/v1/incidents/{rooms.incident}/resolve", {"note": "done", "actor": "alertmanager"}),
        (eve, "/v1/kill-switch", {"on": True, "reason": "x", "changed_by": "ann"}),
        (ann, f"/v1/playbooks/{rooms.playbook}/approve", {"by": "ben"}),
        (ann, "/v1/policy/versions", {"document": "signers: []", "reason": "x", "author": "ben"}),
        (ann, "/v1/tokens", {"days": 1, "kind": "person", "created_by": "ben"}),
    ]
    with nothing_changes(rooms.house):
        for client, path, body in asked:
            refused(client.post(path, json=body), 422, "invalid_input")


def test_the_query_and_headers_are_no_way_around(house: House) -> None:
    headers = {"X-Forwarded-User": "alice", "X-Remote-User": "alice", "From": "alice"}
    answer = house.client("carol").post("/v1/approvals?requested_by=alice", json=FILE, headers=headers)
    assert answer.json()["approval"]["requested_by"] == "carol"
