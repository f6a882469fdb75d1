"""Holds the database's owner: makes signatures that were given for something else count for a request of hers."""

import base64
from uuid import UUID

import pytest
from pydantic import SecretStr

from countersign.execution.filing import signed_content
from countersign.policy.keys import key_id_of, public_text
from countersign.policy.signatures import Algorithm, Decision, sign_ed25519, sign_hmac
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from sandbox.demo.household import AUTO_KEY
from tests.attacks.conftest import Office, Sql, audited
from tests.attacks.town import MALLORY

ACTION = "kubectl annotate deployment/web note=moved -n prod --overwrite"
COPY = """
    INSERT INTO signature (approval_id, signer, decision, comment, algorithm, key_id, value, form, created_at)
    SELECT :to, signer, decision, comment, algorithm, key_id, value, form, created_at
    FROM signature WHERE approval_id = :of
"""
PLANT = """
    INSERT INTO signature (approval_id, signer, decision, comment, algorithm, key_id, value, form, created_at)
    VALUES (:approval, :signer, 'approve', '', :algorithm, :key, :value, :form, now())
"""
APPROVED = "UPDATE approval SET status = 'approved' WHERE id = :id"


def refused(office: Office, approval: UUID, event: str, *, said: str) -> None:
    """Fail unless nothing is sent, a sentence says why, and the audit tells of it."""
    office.cluster.log.clear()
    report = office.run(approval)
    assert report.outcome == "blocked", report.message
    assert said in report.message
    assert event in audited(office, approval)
    assert not office.cluster.log.mutations()


def unsigned(office: Office, as_owner: Sql) -> UUID:
    """Return a request that looks as approved as one can make it without a signature."""
    approval = office.approved(ACTION, risk="low")
    as_owner("DELETE FROM signature WHERE approval_id = :id", id=approval)
    return approval


def test_an_approval_that_nobody_signed_is_not_executed(office: Office, as_owner: Sql) -> None:
    approval = unsigned(office, as_owner)
    refused(office, approval, "execution:start:refused", said="1 valid signatures are needed and 0 count (nobody)")


def test_signatures_of_another_request_with_the_same_text_do_not_count(office: Office, as_owner: Sql) -> None:
    signed, approval = office.approved(ACTION, risk="low"), unsigned(office, as_owner)
    as_owner(COPY, of=signed, to=approval)
    refused(office, approval, "tampering:signature:refused", said="what was signed is not what the record holds now")


def test_requests_that_exchange_their_ids_are_not_executed(office: Office, as_owner: Sql) -> None:
    mild = office.approved(ACTION, risk="low")
    harsh = unsigned(office, as_owner)
    fields = "action, target, parameters, description, risk_level, required_signatures"
    as_owner(
        f"UPDATE approval SET ({fields}) = (SELECT {fields} FROM approval WHERE id = :of) WHERE id = :to",
        of=harsh,
        to=mild,
    )
    # The same text: what is left of the difference is who asked for it, and the signatures say who that was.
    as_owner("UPDATE approval SET requested_by = 'mallory' WHERE id = :to", to=mild)
    refused(office, mild, "tampering:signature:refused", said="does not match")


def test_a_rejection_does_not_become_an_approval(office: Office, as_owner: Sql) -> None:
    approval = unsigned(office, as_owner)
    with transaction(office.services.engine) as session:
        content = signed_content(get_approval(session, approval))
    key = office.household.keys["alice"]
    made = sign_ed25519(content, approval_id=approval, signer="alice", decision=Decision.REJECT, key=key)
    as_owner(PLANT, approval=approval, signer="alice", algorithm="ed25519", key=made.key_id, value=made.value, form=2)
    refused(office, approval, "tampering:signature:refused", said="does not match")


@pytest.mark.parametrize("form", [0, 1, 3])
def test_a_signature_in_a_form_that_binds_less_does_not_count(office: Office, as_owner: Sql, form: int) -> None:
    approval = office.approved(ACTION, risk="low")
    as_owner("UPDATE signature SET form = :form WHERE approval_id = :id", form=form, id=approval)
    refused(office, approval, "execution:start:refused", said="sign again")


def test_a_public_key_is_no_secret_to_make_a_mac_with(office: Office, as_owner: Sql) -> None:
    """As where the record says which algorithm counts (RFC 8725, 2.1)."""
    approval = unsigned(office, as_owner)
    with transaction(office.services.engine) as session:
        content = signed_content(get_approval(session, approval))
    public = office.household.keys["alice"].public_key()
    made = sign_hmac(
        content,
        approval_id=approval,
        signer="alice",
        decision=Decision.APPROVE,
        key="x",
        secret=SecretStr(public_text(public)),
    )
    for algorithm in Algorithm:
        as_owner("DELETE FROM signature WHERE approval_id = :id", id=approval)
        as_owner(
            PLANT,
            approval=approval,
            signer="alice",
            algorithm=algorithm.value,
            key=key_id_of(public),
            value=made.value,
            form=2,
        )
        as_owner(APPROVED, id=approval)
        as_owner("DELETE FROM execution WHERE approval_id = :id", id=approval)
        refused(office, approval, "tampering:signature:refused", said="does not match")


@pytest.mark.parametrize("name", ["alice", "ALICE", "\u0430lice", "mallory"])
def test_a_key_of_her_own_under_any_name_does_not_count(office: Office, as_owner: Sql, name: str) -> None:
    approval = unsigned(office, as_owner)
    with transaction(office.services.engine) as session:
        content = signed_content(get_approval(session, approval))
    made = sign_ed25519(content, approval_id=approval, signer=name, decision=Decision.APPROVE, key=MALLORY)
    planted = {"approval": approval, "signer": name, "algorithm": "ed25519", "form": 2, "value": made.value}
    as_owner(PLANT, **planted, key=made.key_id)
    refused(office, approval, "execution:start:refused", said="is unknown")
    as_owner("DELETE FROM execution WHERE approval_id = :id", id=approval)
    as_owner(APPROVED, id=approval)
    as_owner("UPDATE signature SET key_id = :key", key=key_id_of(office.household.keys["alice"].public_key()))
    refused(office, approval, "tampering:signature:refused", said="does not match")


def test_the_auto_approvers_key_without_its_secret_counts_for_nothing(office: Office, as_owner: Sql) -> None:
    approval = unsigned(office, as_owner)
    nothing = base64.b64encode(b"\0" * 32).decode()
    as_owner(
        PLANT,
        approval=approval,
        signer="auto",
        algorithm="hmac-sha256",
        key=f"hmac:{AUTO_KEY}",
        value=nothing,
        form=2,
    )
    refused(office, approval, "execution:start:refused", said="is not configured")
