"""Approvals: filing, signing, cancelling, expiring and listing them."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from countersign.errors import InvalidInput, NotFound
from countersign.records.audit_events import Event
from countersign.records.audit_sources import APPROVAL, SIGNATURE, STATUS, tell
from countersign.records.database.identifiers import new_id
from countersign.records.database.storable import clean, clean_json, told
from countersign.records.states import ApprovalStatus, Decision, EventStatus, RiskLevel, Start, WhenBlocked
from countersign.records.tables import Approval, Signature
from countersign.records.timeline import add_event
from countersign.texts import text as said

ACTION_LIMIT = 20_000
MOST_SIGNATURES = 20
LARGEST_PAGE = 500

# Lock an approval while its signatures are counted, so that two signers cannot both be the second to last.
LOCK = text("SELECT status FROM approval WHERE id = :approval_id FOR NO KEY UPDATE")

# Distinct signers that said yes in this form; uq_signature_approval_id_signer makes every row a signer.
COUNT_APPROVALS = text("""
    SELECT count(*) FROM signature WHERE approval_id = :approval_id AND decision = 'approve' AND form = :form
""")

# Give a locked approval its new status.
SET_STATUS = text("""
    UPDATE approval SET status = :status, rejection_reason = :reason, updated_at = clock_timestamp(),
                        waiting_until = NULL, waiting_reason = NULL
    WHERE id = :approval_id
""")

# Withdraw an approval that nobody has started.
CANCEL = text("""
    UPDATE approval SET status = 'cancelled', rejection_reason = :reason, updated_at = clock_timestamp(),
                        waiting_until = NULL, waiting_reason = NULL
    WHERE id = :approval_id AND status IN ('pending', 'approved')
    RETURNING incident_id
""")

# Somebody has had a run started: it is started again, as one that nobody starts by hand, if no run claims it. One
# that was put off is tried again anyway.
ASKED = text("""
    UPDATE approval SET waiting_until = clock_timestamp(), waiting_reason = :reason
    WHERE id = :approval_id AND status = 'approved' AND waiting_until IS NULL
""")

# No run comes of it: whoever asked was told so. One that was put off is tried again all the same.
NOT_ASKED = text("""
    UPDATE approval SET waiting_until = NULL, waiting_reason = NULL
    WHERE id = :approval_id AND status = 'approved' AND tries = 0 AND waiting_until IS NOT NULL
""")

# By the end of the id, which is its random part (ix_approval_end_of_id).
ENDING_IN = text("SELECT id FROM approval WHERE right(id::text, 8) = :end ORDER BY id LIMIT 5")

# Expire what is past its time, oldest first; rows that somebody is about to claim are left to the claim.
EXPIRE_DUE = text("""
    UPDATE approval SET status = 'expired',
                        rejection_reason = to_char(expires_at AT TIME ZONE 'UTC',
                                                   '"expired at" YYYY-MM-DD HH24:MI:SS "UTC"'),
                        updated_at = clock_timestamp(), waiting_until = NULL, waiting_reason = NULL
    WHERE id IN (
        SELECT id FROM approval
        WHERE status IN ('pending', 'approved') AND expires_at IS NOT NULL AND expires_at <= clock_timestamp()
        ORDER BY expires_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
    )
    RETURNING id, incident_id
""")


@dataclass(frozen=True, kw_only=True)
class NewApproval:
    """What is asked for. Texts are stored as given (apart from NUL, which PostgreSQL cannot hold)."""

    action: str
    risk_level: RiskLevel
    requested_by: str
    description: str = ""
    required_signatures: int = 1
    blast_radius: Mapping[str, Any] = field(default_factory=dict)
    incident_id: str | None = None
    matched_playbook_id: str | None = None
    expires_at: datetime | None = None
    not_before: datetime | None = None
    start: Start = Start.WHEN_APPROVED
    when_blocked: WhenBlocked = WhenBlocked.END
    metadata: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] | None = None
    """Part of what is signed; None when the action's text says it all."""
    parameters: Mapping[str, Any] | None = None
    idempotency_key: str | None = None
    """The same key files the same request once, however often it is sent."""


@dataclass(frozen=True, kw_only=True)
class NewSignature:
    """One signer's decision with the signature over the approval's canonical hash."""

    signer: str
    decision: Decision
    algorithm: str
    key_id: str
    value: str
    form: int
    """Number of the form that was signed."""
    comment: str = ""


@dataclass(frozen=True)
class Position:
    """Where a page ended; the next page is what was filed before it."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True)
class ApprovalPage:
    """Approvals, newest first, and where to go on (None at the end)."""

    items: Sequence[Approval]
    next: Position | None


def file_approval(session: Session, new: NewApproval, *, now: datetime) -> Approval:
    """Store a request as pending. With an idempotency key that is known, return the approval it made.

    Raises InvalidInput naming the field, also when the key was used for another request.
    """
    _check(new)
    values = _values(new)
    identity = new_id()
    # Two senders of the same key: the second waits for the first's transaction and then inserts nothing.
    statement = (
        insert(Approval)
        .values(**values, id=identity, created_at=now, updated_at=now)
        .on_conflict_do_nothing(index_elements=["idempotency_key"])
        .returning(col(Approval.id))
    )
    if session.execute(statement).one_or_none() is not None:
        add_event(
            session,
            approval_id=identity,
            incident_id=new.incident_id,
            type="approval_filed",
            status=EventStatus.INFO,
            title=said("timeline.requested"),
            description=new.description,
            actor=new.requested_by,
            actor_role="requester",
        )
        tell(session, Event.REQUEST_FILED, APPROVAL, identity)
        return get_approval(session, identity)
    known = session.exec(select(Approval).where(col(Approval.idempotency_key) == new.idempotency_key)).one()
    if any(getattr(known, name) != value for name, value in values.items()):
        raise InvalidInput(
            f"idempotency_key: {new.idempotency_key!r} was used for another request (approval {known.id})",
            hint="use a new key for a new request",
        )
    return known


def get_approval(session: Session, approval_id: UUID) -> Approval:
    """Return the approval as the database has it now. Raises NotFound."""
    found = session.get(Approval, approval_id, populate_existing=True)
    if found is None:
        raise NotFound(f"approval {approval_id} does not exist", hint="`countersign approvals list` shows all")
    return found


def approvals_ending_in(session: Session, end: str) -> Sequence[UUID]:
    """Return the approvals whose id ends in these 8 characters, a few at most."""
    return list(session.execute(ENDING_IN, {"end": end}).scalars())


def signatures_of(session: Session, approval_id: UUID) -> Sequence[Signature]:
    """Return the approval's signatures in the order in which they were given."""
    return session.exec(
        select(Signature).where(col(Signature.approval_id) == approval_id).order_by(col(Signature.seq))
    ).all()


def add_signature(session: Session, approval_id: UUID, new: NewSignature, *, now: datetime) -> Approval:
    """Add a decision: enough approvals make the approval approved, one rejection rejects it.

    Raises NotFound; InvalidInput when the approval is no longer open or the signer has decided already.
    """
    row = session.execute(LOCK, {"approval_id": approval_id}).one_or_none()
    if row is None:
        raise NotFound(f"approval {approval_id} does not exist", hint="`countersign approvals list` shows all")
    approval = get_approval(session, approval_id)
    if not new.signer.strip():
        raise InvalidInput("signer: must not be empty")
    may_still = approval.status is ApprovalStatus.PENDING or (
        approval.status is ApprovalStatus.APPROVED and new.decision is Decision.REJECT
    )
    if not may_still:
        raise InvalidInput(f"approval {approval_id} is {approval.status}, it takes no more signatures")
    if approval.expires_at is not None and approval.expires_at <= now:
        raise InvalidInput(
            f"approval {approval_id} expired at {approval.expires_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        )
    signature = Signature(
        approval_id=approval_id,
        signer=clean(new.signer.strip()),
        decision=new.decision,
        comment=clean(new.comment),
        algorithm=new.algorithm,
        key_id=new.key_id,
        value=new.value,
        form=new.form,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(signature)
    except IntegrityError:
        raise InvalidInput(f"signer: {new.signer} has decided on approval {approval_id} already") from None
    _decide(session, approval, new)
    assert signature.seq is not None
    event = Event.REQUEST_REJECTED if new.decision is Decision.REJECT else Event.REQUEST_SIGNED
    tell(session, event, SIGNATURE, signature.seq)
    return get_approval(session, approval_id)


def note_asked(session: Session, approval_id: UUID, *, by: str) -> None:
    """Put on record that `by` has had a run started, so that one which dies before it claims is made good."""
    session.execute(ASKED, {"approval_id": approval_id, "reason": clean(said("message.asked_for", who=by))})


def forget_asked(session: Session, approval_id: UUID) -> None:
    """Put on record that no run comes of it, which whoever asked is told: it does not start by itself later."""
    session.execute(NOT_ASKED, {"approval_id": approval_id})


def cancel_approval(
    session: Session, approval_id: UUID, *, by: str, role: str = "requester", reason: str = ""
) -> Approval:
    """Withdraw an approval that has not been started. Raises NotFound, InvalidInput once it is too late."""
    reason_told = told(f"cancelled by {by}" + (f": {reason}" if reason else ""))
    row = session.execute(CANCEL, {"approval_id": approval_id, "reason": reason_told}).one_or_none()
    approval = get_approval(session, approval_id)
    if row is None:
        raise InvalidInput(f"approval {approval_id} is {approval.status} and cannot be cancelled any more")
    add_event(
        session,
        approval_id=approval_id,
        incident_id=row.incident_id,
        type="approval_cancelled",
        status=EventStatus.WARNING,
        title=said("timeline.cancelled"),
        description=reason,
        actor=by,
        actor_role=role,
    )
    tell(session, Event.REQUEST_CANCELLED, STATUS, approval_id, actor=by)
    return approval


def list_approvals(
    session: Session, *, status: ApprovalStatus | None = None, before: Position | None = None, limit: int = 50
) -> ApprovalPage:
    """Return one page of approvals, newest first, at most 500. Each page costs the same, however far back it is."""
    size = max(1, min(limit, LARGEST_PAGE))
    query = select(Approval)
    if status is not None:
        query = query.where(col(Approval.status) == status)
    if before is not None:
        # A row comparison is one range of the index; spelled as OR it would be a filter.
        query = query.where(text("(approval.created_at, approval.id) < (:before_at, :before_id)")).params(
            before_at=before.created_at, before_id=before.id
        )
    query = query.order_by(col(Approval.created_at).desc(), col(Approval.id).desc()).limit(size + 1)
    found = session.exec(query).all()
    items = found[:size]
    more = len(found) > size
    return ApprovalPage(items=items, next=Position(items[-1].created_at, items[-1].id) if more else None)


def approvals_with(session: Session, ids: Set[UUID]) -> Mapping[UUID, Approval]:
    """Return approvals by id; those that do not exist are left out."""
    if not ids:
        return {}
    return {row.id: row for row in session.exec(select(Approval).where(col(Approval.id).in_(ids)))}


def expire_due(session: Session, *, limit: int = 100) -> Sequence[UUID]:
    """Expire open approvals that are past their time, at most `limit`, and return their ids."""
    rows = session.execute(EXPIRE_DUE, {"limit": limit}).all()
    for row in rows:
        add_event(
            session,
            approval_id=row.id,
            incident_id=row.incident_id,
            type="approval_expired",
            status=EventStatus.WARNING,
            title=said("timeline.expired"),
            actor="countersign",
            actor_role="system",
        )
        tell(session, Event.REQUEST_EXPIRED, STATUS, row.id, actor="countersign")
    return [row.id for row in rows]


def _decide(session: Session, approval: Approval, new: NewSignature) -> None:
    given = session.execute(COUNT_APPROVALS, {"approval_id": approval.id, "form": new.form}).scalar_one()
    status, reason = approval.status, None
    if new.decision is Decision.REJECT:
        status = ApprovalStatus.REJECTED
        reason = told(f"rejected by {new.signer}" + (f": {new.comment}" if new.comment else ""))
    elif given >= approval.required_signatures:
        status = ApprovalStatus.APPROVED
    if status is not approval.status:
        session.execute(SET_STATUS, {"approval_id": approval.id, "status": status.value, "reason": reason})
    rejected = new.decision is Decision.REJECT
    add_event(
        session,
        approval_id=approval.id,
        incident_id=approval.incident_id,
        type="approval_rejected" if rejected else "approval_signed",
        status=EventStatus.WARNING if rejected else EventStatus.INFO,
        title=said("timeline.rejected")
        if rejected
        else said("timeline.signed", given=given, needed=approval.required_signatures),
        description=new.comment,
        actor=new.signer,
        actor_role="approver",
    )


def _check(new: NewApproval) -> None:
    if len(new.action) > ACTION_LIMIT:
        raise InvalidInput(f"action: {len(new.action)} characters, at most {ACTION_LIMIT} are accepted")
    if not new.requested_by.strip():
        raise InvalidInput("requested_by: must not be empty")
    if not 1 <= new.required_signatures <= MOST_SIGNATURES:
        raise InvalidInput(f"required_signatures: {new.required_signatures} is not between 1 and {MOST_SIGNATURES}")
    if new.expires_at is not None and new.expires_at.tzinfo is None:
        raise InvalidInput("expires_at: has no time zone", hint="for example 2026-01-31T12:00:00Z")


def _values(new: NewApproval) -> dict[str, Any]:
    return {
        "action": clean(new.action),
        "description": clean(new.description),
        "risk_level": RiskLevel(new.risk_level),
        "requested_by": clean(new.requested_by),
        "required_signatures": new.required_signatures,
        "blast_radius": clean_json(new.blast_radius),
        "incident_id": new.incident_id,
        "matched_playbook_id": new.matched_playbook_id,
        "expires_at": new.expires_at,
        "not_before": new.not_before,
        "start": new.start,
        "when_blocked": new.when_blocked,
        "details": clean_json(new.metadata),
        "target": clean_json(new.target),
        "parameters": clean_json(new.parameters),
        "idempotency_key": new.idempotency_key,
    }
