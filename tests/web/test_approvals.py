"""An approval's life over HTTP: filed by who asks, signed elsewhere, withdrawn, waited for."""

import base64
from threading import Timer
from uuid import UUID

from fastapi.testclient import TestClient

from countersign.policy.keys import key_id_of
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from tests.web.conftest import House

RESTART = {"action": "kubectl rollout restart deployment/api -n prod", "description": "it hangs"}


def filed(client: TestClient, **changes: object) -> dict[str, object]:
    answer = client.post("/v1/approvals", json={**RESTART, **changes})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/approvals/{answer.json()['approval']['id']}"
    return answer.json()["approval"]


def signature(
    house: House, client: TestClient, approval_id: object, signer: str, **changes: object
) -> dict[str, object]:
    """Return the body of `signer`'s signature over what the API shows."""
    asked = {"decision": changes.get("decision", "approve"), "signer": signer}
    shown = client.get(f"/v1/approvals/{approval_id}/signing", params=asked)
    assert shown.status_code == 200, shown.text
    key = house.office.household.keys[signer]
    value = base64.b64encode(key.sign(base64.b64decode(shown.json()["message"]))).decode()
    made = {
        "algorithm": "ed25519",
        "key_id": key_id_of(key.public_key()),
        "value": value,
        "hash": shown.json()["hash"],
    }
    return {**asked, **made, **changes}


def test_the_requester_is_who_asks(house: House) -> None:
    found = filed(house.client("carol"))
    assert (found["requested_by"], found["status"]) == ("carol", "pending")
    refused = house.client("carol").post("/v1/approvals", json={**RESTART, "requested_by": "alice"})
    assert (refused.status_code, refused.json()["field"]) == (422, "requested_by")


def test_a_typo_is_refused_and_says_what_would_work(house: House) -> None:
    answer = house.client("carol").post("/v1/approvals", json={"action": "kubectl rollout restrat deploy/api"})
    assert (answer.status_code, answer.json()["code"]) == (422, "parse_failure")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "restart" in answer.json()["hint"]


def test_two_signatures_made_elsewhere_approve_it(house: House) -> None:
    found = filed(house.client("carol"), risk_level="high")
    for number, name in enumerate(("alice", "bob"), 1):
        client = house.client(name)
        answer = client.post(
            f"/v1/approvals/{found['id']}/signatures", json=signature(house, client, found["id"], name)
        )
        assert answer.status_code == 201, answer.text
        assert len(answer.json()["signed_by"]) == number
    assert answer.json()["status"] == "approved"


def test_the_same_key_files_one_request(house: House) -> None:
    client = house.client("carol")
    first = client.post("/v1/approvals", json=RESTART, headers={"Idempotency-Key": "one"})
    again = client.post("/v1/approvals", json=RESTART, headers={"Idempotency-Key": "one"})
    assert again.status_code == first.status_code == 201
    assert again.json() == first.json()
    assert (again.headers["idempotent-replayed"], again.headers["location"]) == ("true", first.headers["location"])
    other = client.post("/v1/approvals", json={**RESTART, "description": "x"}, headers={"Idempotency-Key": "one"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(client.get("/v1/approvals").json()["items"]) == 1


def test_another_ones_key_is_another_key(house: House) -> None:
    house.client("carol").post("/v1/approvals", json=RESTART, headers={"Idempotency-Key": "one"})
    answer = house.client("ann").post("/v1/kill-switch", json={}, headers={"Idempotency-Key": "one"})
    assert answer.json().get("code") != "idempotency_key_reused"


def test_what_has_changed_since_it_was_seen_is_not_signed(house: House) -> None:
    found = filed(house.client("carol"))
    client = house.client("alice")
    body = signature(house, client, found["id"], "alice")
    answer = client.post(f"/v1/approvals/{found['id']}/signatures", json={**body, "hash": "0" * 64})
    assert (answer.status_code, answer.json()["code"]) == (412, "changed_since")
    stale = client.post(f"/v1/approvals/{found['id']}/signatures", json=body, headers={"If-Match": '"old"'})
    assert stale.status_code == 412
    etag = client.get(f"/v1/approvals/{found['id']}").headers["etag"]
    good = client.post(f"/v1/approvals/{found['id']}/signatures", json=body, headers={"If-Match": etag})
    assert good.status_code == 201, good.text


def test_only_the_requester_withdraws_it(house: House) -> None:
    found = filed(house.client("carol"))
    refused = house.client("alice").post(f"/v1/approvals/{found['id']}/cancel", json={})
    assert refused.status_code == 403
    answer = house.client("carol").post(f"/v1/approvals/{found['id']}/cancel", json={"reason": "done by hand"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert "done by hand" in answer.json()["reason"]


def test_pages_of_a_list_follow_one_another(house: House) -> None:
    client = house.client("carol")
    made = [filed(client, description=str(number))["id"] for number in range(5)]
    seen, cursor = [], None
    for _ in range(3):
        page = client.get("/v1/approvals", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next"]
    assert seen == made[::-1]
    assert cursor is None
    assert client.get("/v1/approvals", params={"cursor": "nonsense"}).json()["field"] == "cursor"


def test_whoever_waits_hears_of_the_end(house: House) -> None:
    with house.client("carol") as client:
        found = filed(client)
        Timer(0.5, lambda: house.client("carol").post(f"/v1/approvals/{found['id']}/cancel", json={})).start()
        answer = client.get(f"/v1/approvals/{found['id']}", params={"wait": 30})
    assert answer.json()["status"] == "cancelled"
    assert answer.elapsed.total_seconds() < 20


def test_a_preview_says_what_would_be_sent_and_what_is_missing(house: House) -> None:
    found = filed(house.client("carol"))
    answer = house.client("victor").get(f"/v1/approvals/{found['id']}/preview").json()
    assert answer["runs"] is False
    assert answer["requests"], answer
    assert any(each["rule"] == "signatures" and not each["passed"] for each in answer["answers"])
    assert set(answer["may_sign"]) >= {"alice", "bob"}


def test_the_timeline_tells_what_happened(house: House) -> None:
    found = filed(house.client("carol"))
    rows = house.client("victor").get(f"/v1/approvals/{found['id']}/timeline").json()
    assert [(row["type"], row["actor"]) for row in rows] == [("approval_filed", "carol")]


def test_a_record_is_as_it_was_filed(house: House) -> None:
    found = filed(house.client("carol"), metadata={"ticket": "OPS-1"})
    with transaction(house.services.engine) as session:
        assert get_approval(session, UUID(str(found["id"]))).details == {"ticket": "OPS-1"}
