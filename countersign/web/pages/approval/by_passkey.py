"""Signing on the page: what the passkey is asked to sign, and putting its answer on record."""

import json
from collections.abc import Mapping

from sqlmodel import Session

from countersign.errors import InvalidInput, SignatureRefused
from countersign.execution.decisions import record_signature
from countersign.execution.filing import signed_content
from countersign.policy.passkeys import challenge_of, kept_assertion, verify_passkey
from countersign.policy.signatures import Algorithm, Decision, SignatureValue, signed_bytes
from countersign.records.approvals import signatures_of
from countersign.records.tables import Approval
from countersign.texts import text
from countersign.web.acting import Acting
from countersign.web.pages.passkeys_of import passkeys_of, site_of
from countersign.web.sealed_cookies import text_of


def challenges_for(acting: Acting, approval: Approval) -> Mapping[str, str]:
    """Return what the passkey signs to say each decision, base64url; nothing where none of theirs counts here."""
    if not passkeys_of(acting.services.policy, acting.identity.name, site_of(acting.services.settings)):
        return {}
    return {each.value: text_of(challenge_of(_message(acting, approval, each))) for each in Decision}


def sign_by_passkey(
    session: Session,
    acting: Acting,
    approval: Approval,
    decision: Decision,
    credential: str,
    *,
    comment: str,
    language: str,
) -> None:
    """Record the answer of one of their passkeys, once. Raises SignatureRefused, InvalidInput."""
    value = assertion_of(credential)
    if any(row.value == value for row in signatures_of(session, approval.id)):
        # On record already: a browser that lost the answer sends a form again.
        return
    message, policy = _message(acting, approval, decision), acting.services.policy
    entry = next(
        (
            each
            for each in passkeys_of(policy, acting.identity.name, site_of(acting.services.settings))
            if each.passkey is not None and verify_passkey(message, value, each.passkey)
        ),
        None,
    )
    if entry is None:
        raise SignatureRefused(text("sign_page.not_made_here", language=language, who=acting.identity.name))
    made = SignatureValue(Algorithm.WEBAUTHN, entry.key_id, value)
    record_signature(
        session,
        acting.services,
        approval,
        signer=acting.identity.name,
        value=made,
        decision=decision,
        comment=comment,
    )


def assertion_of(credential: str) -> str:
    """Return what is kept of what a browser sends of its passkey's answer. Raises InvalidInput."""
    try:
        return kept_assertion(json.loads(credential))
    except (ValueError, AttributeError, RecursionError):
        raise InvalidInput("credential: is not what a passkey answers") from None


def _message(acting: Acting, approval: Approval, decision: Decision) -> bytes:
    content = signed_content(approval)
    return signed_bytes(content, approval_id=approval.id, signer=acting.identity.name, decision=decision)
