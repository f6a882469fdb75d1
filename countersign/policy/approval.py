"""Whether the signatures on an approval, as recorded, still approve what the record holds now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr

from countersign.errors import ConfigurationError, InvalidInput, NotApproved, NotTrusted, SignatureRefused, Tampered
from countersign.policy.chat_accounts import server_of
from countersign.policy.document import Policy
from countersign.policy.keys import secret_bytes
from countersign.policy.names import identity
from countersign.policy.risk import RiskLevel
from countersign.policy.signatures import FORM, Algorithm, Decision, SignedContent, signed_bytes, verify
from countersign.policy.signers import Signer, is_auto_approved


@dataclass(frozen=True)
class RecordedSignature:
    """A signature as the record holds it. Comment and time are not signed."""

    signer: str
    decision: str
    """"approve" or "reject"."""
    comment: str
    algorithm: str
    key_id: str
    value: str
    at: datetime
    form: int = FORM
    """Number of the form that was signed."""


@dataclass(frozen=True)
class VerifiedApproval:
    """The signatures suffice."""

    signers: tuple[str, ...]
    """Who counts, as the policy spells the names, sorted."""
    hash: str
    """SHA-256 of the content they signed."""
    required: int
    automatic: bool
    """Nobody but the auto-approver signed."""
    not_counted: tuple[str, ...]
    """Sentences: whose signature did not count, and why."""


def verify_approval(
    content: SignedContent,
    recorded: Sequence[RecordedSignature],
    *,
    approval_id: UUID | str,
    policy: Policy,
    secrets: Mapping[str, SecretStr],
) -> VerifiedApproval:
    """Count the distinct people who approved exactly this content.

    The policy's minimum for the risk is added to the approval's own number of signatures. `secrets` maps HMAC key
    ids to their secrets. Raises Tampered if a signature by a known key does not match the content, NotApproved if
    somebody rejected it or too few signatures count.
    """
    risk = _risk(content.risk_level)
    count = _counted(content, recorded, approval_id=approval_id, policy=policy, secrets=secrets)
    if count.rejected:
        raise NotApproved(
            f"rejected by {', '.join(sorted(count.rejected))}", hint="file a new request once the reason is gone"
        )
    needed = policy.required_signatures(risk, content.required_signatures)
    approvals = {**count.by_click, **count.by_key}
    notes = tuple(sorted(count.not_counted))
    if len(approvals) < needed:
        raise _too_few(approvals, needed, notes)
    return VerifiedApproval(
        signers=tuple(sorted(signer.name for signer in approvals.values())),
        hash=content.hash,
        required=needed,
        automatic=all(policy.auto_approver.is_it(signer.name) for signer in approvals.values()),
        not_counted=notes,
    )


@dataclass(frozen=True)
class _Count:
    """What recorded signatures come to."""

    by_key: dict[str, Signer]
    """Who approved with a key of their own, by identity."""
    by_click: dict[str, Signer]
    """Who else did by a click that counts beside those."""
    rejected: set[str]
    not_counted: set[str]


def _counted(
    content: SignedContent,
    recorded: Sequence[RecordedSignature],
    *,
    approval_id: UUID | str,
    policy: Policy,
    secrets: Mapping[str, SecretStr],
) -> _Count:
    """Count every signature once. Raises Tampered for one by a known key that does not match the content."""
    risk = _risk(content.risk_level)
    count = _Count({}, {}, set(), set())
    keys: dict[bytes, str] = {}
    for signature in recorded:
        if signature.form != FORM:
            count.not_counted.add(
                f"{signature.signer}: the form signed bound less than a signature has to; sign again"
            )
            continue
        signer, key, why_not = _known_key(signature, policy, secrets)
        if signer is None:
            count.not_counted.add(f"{signature.signer}: {why_not}")
            continue
        decision = _verified_decision(content, signature, signer, key, approval_id=approval_id, policy=policy)
        why_not = _why_not(signer, risk, policy, content.makers)
        who = identity(signer.name)
        if decision is Decision.REJECT:
            count.rejected.add(signer.name)
        elif why_not is None and keys.setdefault(key, who) != who:
            count.not_counted.add(f"{signer.name}: this key has signed already under another name")
        elif why_not is None:
            (count.by_key if signer.chat is None else count.by_click).setdefault(who, signer)
        else:
            count.not_counted.add(f"{signer.name}: {why_not}")
    if why_not := _alone(count.by_key.values(), risk, policy):
        count.not_counted.update(f"{signer.name}: {why_not}" for signer in count.by_click.values())
        count.by_click.clear()
    return count


def _alone(by_key: Iterable[Signer], risk: RiskLevel, policy: Policy) -> str | None:
    """Return why clicks do not count beside those who signed with keys of their own, None where they do."""
    people = sum(not policy.auto_approver.is_it(signer.name) for signer in by_key)
    beside = policy.chat.counts_beside(risk) if policy.chat is not None else None
    if beside is None or people >= beside:
        return None
    return f"a click counts at {risk} risk beside {beside} signatures by people's own keys, there are {people}"


def check_signature(
    content: SignedContent,
    signature: RecordedSignature,
    *,
    approval_id: UUID | str,
    policy: Policy,
    secrets: Mapping[str, SecretStr],
    beside: Sequence[RecordedSignature] = (),
) -> None:
    """Refuse a signature that would not count beside those on record, before it is recorded.

    Raises SignatureRefused (unknown key, not this person's risk, four eyes …), Tampered (it is over something else).
    """
    risk = _risk(content.risk_level)
    signer, key, why_not = _known_key(signature, policy, secrets)
    if signer is not None:
        decision = _verified_decision(content, signature, signer, key, approval_id=approval_id, policy=policy)
        why_not = None if decision is Decision.REJECT else _why_not(signer, risk, policy, content.makers)
        if why_not is None and decision is Decision.APPROVE and signer.chat is not None:
            count = _counted(content, beside, approval_id=approval_id, policy=policy, secrets=secrets)
            why_not = _alone(count.by_key.values(), risk, policy)
    if why_not is not None:
        raise SignatureRefused(f"the signature of {signature.signer} does not count: {why_not}", hint=_ASK)


_ASK = "ask someone else who is listed under signers in the policy"


def _risk(text: str) -> RiskLevel:
    try:
        return RiskLevel(text)
    except ValueError:
        raise InvalidInput(f"risk_level is {text!r}", hint="use one of " + ", ".join(RiskLevel)) from None


def _known_key(
    signature: RecordedSignature, policy: Policy, secrets: Mapping[str, SecretStr]
) -> tuple[Signer | None, bytes, str | None]:
    """Return the policy's entry for the key and the key's bytes, or no entry and the reason."""
    signer = policy.signer_with_key(signature.key_id)
    if signer is None:
        person = "has other keys in the policy" if policy.keys_of(signature.signer) else "is not in the policy"
        return None, b"", f"key {signature.key_id} is unknown, and the signer {person}"
    if signer.chat is not None:
        server = server_of(signature.value)
        if policy.chat is None or (server is not None and not policy.chat.knows(server)):
            return None, b"", f"the policy does not let {server or 'any server'} sign for clicks in a chat"
        return signer, signer.key_id.encode(), None
    if signer.hmac is None:
        public = signer.ed25519 if signer.passkey is None else signer.passkey.key
        return signer, str(public).encode("ascii"), None
    secret = secrets.get(signer.hmac)
    if secret is None:
        return None, b"", f"the secret of HMAC key {signer.hmac!r} is not configured"
    try:
        return signer, secret_bytes(secret, key_id=signer.hmac), None
    except ConfigurationError as error:
        return None, b"", error.message


def _verified_decision(
    content: SignedContent,
    signature: RecordedSignature,
    signer: Signer,
    key: bytes,
    *,
    approval_id: UUID | str,
    policy: Policy,
) -> Decision:
    """Return what was decided. Raises Tampered unless the signature is this key's over exactly this."""
    # The key decides the algorithm. What the record says of it is only compared.
    algorithm = _algorithm_of(signer)
    tampered = Tampered(
        f"the signature of {signature.signer} does not match: what was signed is not what the record holds now",
        hint="nothing is executed; find out who changed the record, then file and sign a new request",
        of="signature",
    )
    if signature.algorithm != algorithm or identity(signature.signer) != identity(signer.name):
        raise tampered
    try:
        decision = Decision(signature.decision)
        message = signed_bytes(content, approval_id=approval_id, signer=signature.signer, decision=decision)
    except (ValueError, InvalidInput):
        raise tampered from None
    public_key = str(signer.ed25519) if algorithm is Algorithm.ED25519 else ""
    if not verify(
        message,
        signature.value,
        algorithm=algorithm,
        public_key=public_key,
        secret=key,
        passkey=signer.passkey,
        account=signer.chat,
        servers=policy.chat.servers if policy.chat is not None else (),
    ):
        raise tampered
    return decision


def _algorithm_of(signer: Signer) -> Algorithm:
    if signer.chat is not None:
        return Algorithm.CHAT
    if signer.passkey is not None:
        return Algorithm.WEBAUTHN
    return Algorithm.ED25519 if signer.hmac is None else Algorithm.HMAC_SHA256


def _why_not(signer: Signer, risk: RiskLevel, policy: Policy, makers: Sequence[str]) -> str | None:
    """Return why a genuine signature does not count, or None if it does. `makers` begin with the requester."""
    requested_by = makers[0]
    if not signer.may_sign.covers(risk):
        return f"may sign up to {signer.may_sign} risk, this is {risk}"
    if signer.chat is not None:
        if policy.auto_approver.is_it(signer.name):
            return "the auto-approver has no account in a chat"
        if policy.chat is None or policy.chat.counts_beside(risk) is None:
            return f"a click in a chat does not count at {risk} risk"
    if policy.auto_approver.is_it(signer.name):
        # The auto-approver signs its own requests by design; up_to and operations bound it instead.
        if not policy.auto_approver.enabled:
            return "the auto-approver is switched off"
        if not is_auto_approved(requested_by):
            return f"the auto-approver signs only its own requests, this one is {requested_by}'s"
        if not policy.auto_approver.up_to.covers(risk):
            return f"the auto-approver may sign up to {policy.auto_approver.up_to} risk, this is {risk}"
        return None
    if policy.four_eyes and identity(signer.name) in map(identity, makers):
        return "made the request, and four_eyes is on"
    return None


def may_still_sign(
    policy: Policy, risk: RiskLevel, makers: Sequence[str], *, given: Iterable[str]
) -> tuple[str, ...]:
    """Return the people whose signature would count and is not among `given`, by name.

    `makers` are SignedContent.makers: the requester first.
    """
    decided = {identity(name) for name in given}
    able = (
        signer.name
        for signer in policy.signers
        if not policy.auto_approver.is_it(signer.name)
        and identity(signer.name) not in decided
        and _why_not(signer, risk, policy, makers) is None
    )
    return tuple(dict.fromkeys(able))


def signs_by_itself(policy: Policy, risk: RiskLevel, makers: Sequence[str]) -> bool:
    """Tell whether the auto-approver's signature would count. `makers` are SignedContent.makers."""
    return any(
        policy.auto_approver.is_it(signer.name) and _why_not(signer, risk, policy, makers) is None
        for signer in policy.signers
    )


def _too_few(approvals: Mapping[str, Signer], needed: int, notes: Sequence[str]) -> NotTrusted:
    have = ", ".join(sorted(signer.name for signer in approvals.values())) or "nobody"
    left_out = f"; not counted: {'; '.join(notes)}" if notes else ""
    return NotTrusted(
        f"{needed} valid signatures are needed and {len(approvals)} count ({have}){left_out}",
        hint=_ASK if not notes else "see why each one did not count; the policy's signers say who may sign what",
    )
