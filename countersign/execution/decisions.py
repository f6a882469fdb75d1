"""Recording a decision about a request: signed over what the record holds, checked before it is kept."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session

from countersign.errors import ForeignKey, InvalidInput, SignatureRefused, Tampered
from countersign.execution.checks import recorded_signatures
from countersign.execution.filing import signed_content
from countersign.execution.scope import policy_for
from countersign.execution.services import Services
from countersign.policy.approval import RecordedSignature, check_signature, may_still_sign
from countersign.policy.document import Policy
from countersign.policy.names import identity
from countersign.policy.risk import RiskLevel
from countersign.policy.signatures import FORM, Algorithm, Decision, SignatureValue, sign_ed25519
from countersign.records import refusals
from countersign.records.approvals import NewSignature, add_signature, signatures_of
from countersign.records.states import Decision as RecordedDecision
from countersign.records.tables import Approval


def who_may_still_sign(services: Services, approval: Approval, *, given: Iterable[str]) -> tuple[str, ...]:
    """Return the people whose signature would count where `approval` acts and is not among `given`, by name."""
    risk, makers = RiskLevel(approval.risk_level), signed_content(approval).makers
    return may_still_sign(policy_for(services, approval), risk, makers, given=given)


def sign_approval(
    session: Session,
    services: Services,
    approval: Approval,
    *,
    signer: str,
    key: Ed25519PrivateKey,
    decision: Decision,
    comment: str = "",
) -> Approval:
    """Sign `approval` as it stands with a person's key, and record it.

    Raises SignatureRefused (it would not count), ForeignKey (another person's), InvalidInput (decided already).
    """
    value = sign_ed25519(signed_content(approval), approval_id=approval.id, signer=signer, decision=decision, key=key)
    return record_signature(
        session, services, approval, signer=signer, value=value, decision=decision, comment=comment
    )


def record_signature(
    session: Session,
    services: Services,
    approval: Approval,
    *,
    signer: str,
    value: SignatureValue,
    decision: Decision,
    comment: str = "",
) -> Approval:
    """Record a signature made anywhere, once it is known to count.

    Raises SignatureRefused, Tampered (it is over something else), InvalidInput.
    """
    now = datetime.now(UTC)
    given = RecordedSignature(
        signer=signer,
        decision=decision.value,
        comment=comment,
        algorithm=value.algorithm.value,
        key_id=value.key_id,
        value=value.value,
        at=now,
    )
    with _told(session, approval, signer):
        if value.algorithm is Algorithm.ED25519:
            _check_key(value.key_id, signer=signer, policy=services.policy)
        check_signature(
            signed_content(approval),
            given,
            approval_id=approval.id,
            policy=services.policy,
            secrets=services.signing_secrets,
            beside=recorded_signatures(session, approval),
        )
    for earlier in signatures_of(session, approval.id):
        if earlier.form == FORM and identity(earlier.signer) == identity(signer):
            raise InvalidInput(f"signer: {earlier.signer} has decided on approval {approval.id} already")
    return add_signature(
        session,
        approval.id,
        NewSignature(
            signer=signer,
            decision=RecordedDecision(decision.value),
            algorithm=value.algorithm.value,
            key_id=value.key_id,
            value=value.value,
            comment=comment,
            form=FORM,
        ),
        now=now,
    )


@contextmanager
def _told(session: Session, approval: Approval, signer: str) -> Iterator[None]:
    """Put a refusal on the audit. The signature is not on record, so one that does not fit is no tampering."""
    try:
        yield
    except (SignatureRefused, ForeignKey, Tampered) as refusal:
        told = SignatureRefused(refusal.message) if isinstance(refusal, Tampered) else refusal
        refusals.tell_afterwards(session, told, actor=signer, approval_id=approval.id)
        raise


def _check_key(key_id: str, *, signer: str, policy: Policy) -> None:
    """Refuse a key that is not the signer's: a signature by it would look like tampering."""
    owner = policy.signer_with_key(key_id)
    if owner is None:
        person = f"{signer} has other keys there" if policy.keys_of(signer) else f"nor is {signer} in the policy"
        raise SignatureRefused(
            f"this key ({key_id}) is not in the policy, {person}: its signature would not count",
            hint="have the entry that `countersign keys new` printed put in the policy (`countersign keys enter`)",
        )
    if identity(owner.name) != identity(signer):
        raise ForeignKey(
            f"this key is not {signer}'s but {owner.name}'s",
            hint=f"sign as {owner.name}, or with a key of {signer}",
        )
