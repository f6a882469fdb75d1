"""Whose key it is that signs: a mistake of the signer's is not taken for tampering."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session

from countersign.errors import InvalidInput, NotApproved
from countersign.execution.decisions import sign_approval
from countersign.execution.filing import Request, file_request
from countersign.policy.keys import key_id_of
from countersign.policy.signatures import Decision
from countersign.records.database.engine import transaction
from countersign.records.states import ApprovalStatus
from countersign.records.tables import Approval
from tests.execution.conftest import Office

ACTION = "kubectl rollout restart deployment/api -n prod"


@pytest.fixture
def filed(office: Office) -> Iterator[tuple[Session, Approval]]:
    """A pending request, and the session that holds it."""
    with transaction(office.services.engine) as session:
        request = Request(action=ACTION, requested_by="carol", risk_level="medium")
        policy, clusters = office.services.policy, office.services.clusters
        yield (
            session,
            file_request(session, request, policy=policy, now=datetime.now(UTC), clusters=clusters).approval,
        )


@pytest.mark.parametrize("decision", list(Decision))
def test_a_key_of_somebody_else_is_named_and_nothing_is_recorded(
    office: Office, filed: tuple[Session, Approval], decision: Decision
) -> None:
    session, approval = filed
    bobs = office.household.keys["bob"]
    with pytest.raises(InvalidInput, match="this key is not alice's but bob's") as caught:
        sign_approval(session, office.services, approval, signer="alice", key=bobs, decision=decision)
    assert caught.value.hint == "sign as bob, or with a key of alice"
    session.refresh(approval)
    assert approval.status == ApprovalStatus.PENDING


@pytest.mark.parametrize(
    ("signer", "said"), [("alice", "alice has other keys there"), ("mallory", "nor is mallory in the policy")]
)
def test_a_key_that_the_policy_does_not_know_says_how_to_add_it(
    office: Office, filed: tuple[Session, Approval], signer: str, said: str
) -> None:
    session, approval = filed
    key = Ed25519PrivateKey.generate()
    with pytest.raises(NotApproved, match=said) as caught:
        sign_approval(session, office.services, approval, signer=signer, key=key, decision=Decision.APPROVE)
    assert key_id_of(key.public_key()) in caught.value.message
    assert "`countersign keys new`" in (caught.value.hint or "")
    assert "countersign keys enter" in (caught.value.hint or "")
    session.refresh(approval)
    assert approval.status == ApprovalStatus.PENDING


def test_a_name_in_another_case_is_the_same_person(office: Office, filed: tuple[Session, Approval]) -> None:
    session, approval = filed
    alices = office.household.keys["alice"]
    signed = sign_approval(session, office.services, approval, signer="Alice", key=alices, decision=Decision.APPROVE)
    assert signed.status == ApprovalStatus.APPROVED
