"""Has a token that is limited to some roles, and makes one that is not; or one of somebody else."""

from datetime import UTC, datetime, timedelta

import pytest

from countersign.policy.roles import Role
from tests.attacks.doors import House, house, nothing_changes, refused
from tests.planted import plant

__all__ = ["house"]


@pytest.mark.parametrize(
    "body",
    [{"days": 1}, {"days": 1, "roles": ["policy_admin"]}, {"days": 1, "roles": ["viewer", "policy_admin"]}],
    ids=["all", "others", "more"],
)
def test_a_limited_token_makes_none_that_may_more(house: House, body: dict[str, object]) -> None:
    client = house.client("ann", roles=(Role.VIEWER,))
    with nothing_changes(house):
        assert "limited" in refused(client.post("/v1/tokens", json=body), 403, "forbidden")


def test_a_limited_token_of_an_administrator_makes_none_for_others(house: House) -> None:
    client = house.client("ann", roles=(Role.POLICY_ADMIN,))
    with nothing_changes(house):
        answer = client.post("/v1/tokens", json={"days": 1, "subject": "bob", "roles": ["policy_admin"]})
        refused(answer, 403, "forbidden")


def test_a_token_that_is_made_by_another_ends_with_it(house: House) -> None:
    client = house.client("carol")  # good for a day
    made = client.post("/v1/tokens", json={"days": 300}).json()
    plant(made["token"])
    assert datetime.fromisoformat(made["expires_at"]) <= datetime.now(UTC) + timedelta(days=1)


@pytest.mark.parametrize("subject", ["ann", "alice", "someone@example.com"])
def test_a_token_of_another_is_nobodys_to_make(house: House, subject: str) -> None:
    """Whoever governs could else file in another's name, and sign it in their own."""
    client = house.client("ann" if subject != "ann" else "carol")
    with nothing_changes(house):
        refused(client.post("/v1/tokens", json={"days": 1, "subject": subject}), 403, "forbidden")


def test_a_token_of_another_is_not_ones_own_to_end(house: House) -> None:
    theirs = house.token("alice").split("_")[1]
    client = house.client("carol")
    with nothing_changes(house):
        refused(client.post(f"/v1/tokens/{theirs}/revoke"), 404, "not_found")
    assert [each["subject"] for each in client.get("/v1/tokens").json()] == ["carol"]


@pytest.mark.parametrize("days", [0, -1, 367, 1e300])
def test_no_token_lasts_for_ever(house: House, days: float) -> None:
    client = house.client("carol")
    with nothing_changes(house):
        refused(client.post("/v1/tokens", json={"days": days}), 422, "invalid_input")
