"""The record of the policy: versions are proposed, signed and activated; nothing of them is changed or taken back.

What is here says nothing about whether a version may be believed: whoever holds the database can write these tables.
countersign.execution.policy.in_force verifies what it reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from countersign.errors import InvalidInput, NotFound, PolicyNotTrusted
from countersign.records.audit_events import Event
from countersign.records.audit_sources import POLICY_ACTIVATION, POLICY_SIGNATURE, POLICY_VERSION, tell
from countersign.records.database.storable import told
from countersign.records.owned import Owned, refused_write
from countersign.records.tables.policy import PolicySignatureRow, PolicyVersionRow

# The version in force: the activated one with the highest number. Asked before every intent.
IN_FORCE = text("""
    SELECT number, hash FROM policy_version WHERE activated_at IS NOT NULL ORDER BY number DESC LIMIT 1
""")

# Any constant will do, as long as nobody else uses it in this database ("policies" in ASCII).
LOCK_KEY = 0x706F6C6963696573

# One proposal at a time, so that each has the number after the last one. Not the table's own lock, which needs the
# right to change every column.
LOCK = text("SELECT pg_advisory_xact_lock(:key)")

# The last version that was proposed.
LAST = text("SELECT number, hash FROM policy_version ORDER BY number DESC LIMIT 1")

# Put a version in force, once, unless a later one is.
ACTIVATE = text("""
    UPDATE policy_version SET activated_at = clock_timestamp(), activated_by = :by
    WHERE number = :number AND activated_at IS NULL
      AND NOT EXISTS (SELECT FROM policy_version WHERE number > :number AND activated_at IS NOT NULL)
    RETURNING activated_at
""")

# By which policy the execution is decided.
NOTE = text("""
    UPDATE execution SET policy_number = :number, policy_hash = :hash
    WHERE id = :execution_id AND fence = :fence AND settled_at IS NULL
    RETURNING id
""")


@dataclass(frozen=True)
class PolicyMark:
    """Which policy: the version's number and its hash. Of a mounted file no number, and the hash of its text."""

    number: int | None
    hash: str

    def __str__(self) -> str:
        return f"{'file' if self.number is None else f'version {self.number}'} ({self.hash[:12]})"


def in_force(session: Session) -> PolicyMark | None:
    """Return the version that the record says is in force, None where none ever was."""
    row = session.execute(IN_FORCE).one_or_none()
    return None if row is None else PolicyMark(row.number, row.hash)


def lock_versions(session: Session) -> PolicyMark | None:
    """Keep others from proposing until this transaction ends, and return the last version that was proposed."""
    session.execute(LOCK, {"key": LOCK_KEY})
    row = session.execute(LAST).one_or_none()
    return None if row is None else PolicyMark(row.number, row.hash)


def get_version(session: Session, number: int) -> PolicyVersionRow:
    """Return a version as the database has it now. Raises NotFound."""
    found = session.get(PolicyVersionRow, number, populate_existing=True)
    if found is None:
        raise NotFound(
            f"the policy has no version {number}", hint="`countersign policy history` shows those that there are"
        )
    return found


def versions(session: Session, *, limit: int = 100) -> Sequence[PolicyVersionRow]:
    """Return the last `limit` versions, newest first."""
    query = select(PolicyVersionRow).order_by(col(PolicyVersionRow.number).desc()).limit(limit)
    return session.exec(query.execution_options(populate_existing=True)).all()


def signatures_on(session: Session, number: int) -> Sequence[PolicySignatureRow]:
    """Return the signatures on a version, in the order in which they were made."""
    query = select(PolicySignatureRow).where(col(PolicySignatureRow.number) == number)
    return session.exec(query.order_by(col(PolicySignatureRow.seq))).all()


def add_version(
    session: Session,
    *,
    number: int,
    document: str,
    hash: str,
    previous_hash: str | None,
    author: str,
    reason: str,
    proposed_at: datetime,
) -> None:
    """Put a proposal on record. Raises InvalidInput where another one was faster."""
    row = PolicyVersionRow(
        number=number,
        document=document,
        hash=hash,
        previous_hash=previous_hash,
        author=author,
        reason=reason,
        proposed_at=proposed_at,
    )
    try:
        session.add(row)
        session.flush()
    except IntegrityError as error:
        raise InvalidInput(
            f"version {number} of the policy cannot be put on record: another one was proposed meanwhile",
            hint="propose it again",
        ) from error
    tell(session, Event.POLICY_PROPOSED, POLICY_VERSION, number)


def add_policy_signature(
    session: Session,
    *,
    number: int,
    hash: str,
    administrator: str,
    key_id: str,
    value: str,
) -> None:
    """Put an administrator's signature on record. Raises InvalidInput where this key has signed the version."""
    row = PolicySignatureRow(number=number, hash=hash, administrator=administrator, key_id=key_id, value=value)
    try:
        session.add(row)
        session.flush()
    except IntegrityError as error:
        raise InvalidInput(
            f"{administrator} has signed version {number} of the policy with this key already",
            hint="another administrator has to sign it, or it can be activated",
        ) from error
    assert row.seq is not None
    tell(session, Event.POLICY_SIGNED, POLICY_SIGNATURE, row.seq)


def activate_version(session: Session, number: int, *, by: str) -> datetime:
    """Put a version in force and return since when. Raises InvalidInput where it is, or a later one is."""
    found = session.execute(ACTIVATE, {"number": number, "by": told(by)}).scalar_one_or_none()
    if found is None:
        raise InvalidInput(
            f"version {number} of the policy cannot be activated: it was already, or a later one is in force",
            hint=f"what is wanted back is proposed anew: `countersign policy show {number}` prints its text",
        )
    tell(session, Event.POLICY_ACTIVATED, POLICY_ACTIVATION, number)
    when: datetime = found
    return when


def note_policy(session: Session, owned: Owned, mark: PolicyMark | None) -> None:
    """Put on record by which policy the execution is decided; None leaves what is there.

    Raises StaleFence, PolicyNotTrusted (this version was taken out of the record, or is another one there).
    """
    if mark is None:
        return
    values = {"number": mark.number, "hash": mark.hash, "execution_id": owned.execution_id, "fence": owned.fence}
    try:
        done = session.execute(NOTE, values).one_or_none()
    except IntegrityError as error:
        raise PolicyNotTrusted(
            f"version {mark.number} of the policy, which was in force, is not on record any more",
            hint="nothing is executed; find out who changed the record (`countersign policy check`), and restore it",
        ) from error
    if done is None:
        raise refused_write(session, owned)
