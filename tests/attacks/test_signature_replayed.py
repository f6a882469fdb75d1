"""Has recorded a signature that counted, and brings it again: on another approval, for another decision, twice."""

from tests.attacks.conftest import audited
from tests.attacks.doors import House, house, nothing_changes, refused
from tests.web.test_approvals import filed, signature

__all__ = ["house"]


def test_a_signature_counts_on_its_own_approval_alone(house: House) -> None:
    carol, client = house.client("carol"), house.client("alice")
    first, second = filed(carol, risk_level="high"), filed(carol, risk_level="high")
    recorded = signature(house, client, first["id"], "alice")
    assert client.post(f"/v1/approvals/{first['id']}/signatures", json=recorded).status_code == 201
    other = signature(house, client, second["id"], "alice")
    with nothing_changes(house):
        moved = client.post(f"/v1/approvals/{second['id']}/signatures", json={**recorded, "hash": other["hash"]})
        assert "signature" in refused(moved, 409, "tampered")
        turned = client.post(f"/v1/approvals/{second['id']}/signatures", json={**other, "decision": "reject"})
        refused(turned, 409, "tampered")
        bobs = client.post(f"/v1/approvals/{second['id']}/signatures", json={**other, "signer": "bob"})
        assert bobs.status_code in (409, 422)
        again = client.post(f"/v1/approvals/{first['id']}/signatures", json=recorded)
        refused(again, 422, "invalid_input")
    assert audited(house.office, str(second["id"])).count("approval:signature:refused") == 3


def test_a_signature_on_a_policy_is_none_on_an_approval(house: House) -> None:
    carol, client = house.client("carol"), house.client("alice")
    found = filed(carol)
    body = signature(house, client, found["id"], "alice")
    with nothing_changes(house):
        for value in ("", "AAAA", "%%%", body["value"][::-1]):
            answer = client.post(f"/v1/approvals/{found['id']}/signatures", json={**body, "value": value})
            assert answer.status_code in (409, 422), answer.text
