"""Takes a name that looks like another's: to hold that one's roles, or to sign an own request."""

import pytest

from countersign.policy.roles import Role, RoleGrant
from tests.attacks.conftest import audited
from tests.attacks.doors import House, house, nothing_changes, refused
from tests.web.conftest import house_of
from tests.web.test_approvals import filed, signature

__all__ = ["house"]


@pytest.mark.parametrize("subject", ["c\u0430rol", "car\u200bol", "carol\u202e", "ca\u0000rol", "carol\nx", " "])
def test_a_token_for_a_name_that_hides_something_is_not_made(house: House, subject: str) -> None:
    client = house.client("ann")
    with nothing_changes(house):
        refused(client.post("/v1/tokens", json={"days": 1, "subject": subject}), 422, "invalid_input")


@pytest.mark.parametrize("name", ["ALICE", "ａｌｉｃｅ", "a1ice"])
def test_four_eyes_see_through_another_spelling(house: House, name: str) -> None:
    both = RoleGrant(roles=(Role.REQUESTER, Role.APPROVER), subjects=("alice",))
    own = house_of(house.office, roles=(both,))
    found = filed(own.client(name))
    client = own.client("alice")
    body = signature(own, client, found["id"], "alice")
    with nothing_changes(own):
        refused(client.post(f"/v1/approvals/{found['id']}/signatures", json=body), 422, "not_approved")
    own.app.state.changes.close()


def test_a_key_is_its_owners(house: House) -> None:
    found = filed(house.client("carol"))
    client = house.client("bob")
    body = signature(house, client, found["id"], "alice")
    with nothing_changes(house):
        answer = client.post(f"/v1/approvals/{found['id']}/signatures", json={**body, "signer": "bob"})
        refused(answer, 409, "tampered")
    assert audited(house.office, str(found["id"]))[-1] == "approval:signature:refused"


def test_a_look_alike_of_ones_own_name_is_oneself(house: House) -> None:
    client = house.client("ann")
    assert client.post("/v1/tokens", json={"days": 1, "subject": "\u0430nn"}).status_code == 201
    assert {each["subject"] for each in client.get("/v1/tokens").json()} == {"ann"}
