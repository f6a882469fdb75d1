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
        answer = client.post("/v1/tokens", json={"days": 1, "subject": subject})
        assert answer.status_code in (403, 422)


@pytest.mark.parametrize("name", ["ALICE", "ａｌｉｃｅ"])
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
        refused(answer, 422, "invalid_input")
    assert audited(house.office, str(found["id"]))[-1] == "approval:signature:refused"


@pytest.mark.parametrize("name", ["a1ice", "al1ce", "ALlCE"])
def test_whose_name_only_looks_like_hers_has_none_of_her_roles(house: House, name: str) -> None:
    """The form in which four eyes compare folds what looks alike, and so must give nobody anything."""
    everything = RoleGrant(roles=tuple(Role), subjects=("alice", "*@example.com"))
    own = house_of(house.office, roles=(everything,))
    found, theirs, elsewhere = filed(own.client("alice")), own.client(name), own.client("mallory@examp1e.com")
    with nothing_changes(own):
        refused(theirs.post("/v1/approvals", json={"action": "NO_ACTION"}), 403, "forbidden")
        refused(theirs.post(f"/v1/approvals/{found['id']}/cancel", json={}), 403, "forbidden")
        refused(elsewhere.get("/v1/approvals"), 403, "forbidden")
    own.app.state.changes.close()


def test_a_look_alike_of_ones_own_name_is_somebody_else(house: House) -> None:
    client = house.client("ann")
    with nothing_changes(house):
        refused(client.post("/v1/tokens", json={"days": 1, "subject": "\u0430nn"}), 403, "forbidden")
