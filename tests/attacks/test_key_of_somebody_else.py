"""Has seen another's idempotency key, and hopes for that one's answer, or to be in their place."""

from tests.attacks.doors import House, house, nothing_changes, refused

__all__ = ["house"]
FILE = {"action": "kubectl rollout restart deployment/api -n prod", "description": "carol's"}
KEY = {"Idempotency-Key": "ticket-1"}


def test_the_answer_of_another_is_not_repeated_to_a_stranger(house: House) -> None:
    carol, nobody = house.client("carol"), house.client("nobody")
    made = carol.post("/v1/tokens", json={"days": 1}, headers=KEY).json()
    assert made["token"]
    with nothing_changes(house):
        refused(nobody.post("/v1/approvals", json=FILE, headers=KEY), 403, "forbidden")
    own = nobody.post("/v1/tokens", json={"days": 1}, headers=KEY).json()
    assert own["id"] != made["id"]


def test_a_repeated_answer_has_no_secret(house: House) -> None:
    carol = house.client("carol")
    first = carol.post("/v1/tokens", json={"days": 1}, headers=KEY).json()
    with nothing_changes(house):
        again = carol.post("/v1/tokens", json={"days": 1}, headers=KEY)
    assert (again.status_code, again.json()) == (201, {**first, "token": None})


def test_a_key_that_was_used_starts_nothing_else(house: House) -> None:
    carol = house.client("carol")
    assert carol.post("/v1/approvals", json=FILE, headers=KEY).status_code == 201
    with nothing_changes(house):
        other = {**FILE, "action": "kubectl delete pod api-0 -n prod"}
        refused(carol.post("/v1/approvals", json=other, headers=KEY), 422, "idempotency_key_reused")
        refused(carol.post("/v1/tokens", json={"days": 1}, headers=KEY), 422, "idempotency_key_reused")


def test_a_key_of_another_spelling_of_ones_name_is_ones_own(house: House) -> None:
    first = house.client("carol").post("/v1/approvals", json=FILE, headers=KEY).json()
    client = house.client("CAROL")
    with nothing_changes(house):
        assert client.post("/v1/approvals", json=FILE, headers=KEY).json() == first
