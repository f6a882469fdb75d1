"""What somebody tried and was refused: which errors tell of an attempt, and the row that the audit gets for one.

An ordinary refusal (a freeze, a limit, a typing error) is none. A refusal stands whether or not its row can be
written: nothing here raises what `audit.record` does, but `note`, which is part of its caller's transaction.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text
from sqlalchemy.event import listen
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import SessionTransaction
from sqlmodel import Session

from countersign.errors import (
    AddressForbidden,
    BlockRefused,
    BreakGlassRefused,
    CountersignError,
    Disguised,
    Forbidden,
    ForbiddenAction,
    ForbiddenReading,
    ForeignCode,
    ForeignKey,
    HiddenCharacters,
    NotTrusted,
    SignatureRefused,
    Tampered,
)
from countersign.logging import get_logger
from countersign.records import audit
from countersign.records.audit_events import Event
from countersign.records.database.engine import transaction
from countersign.records.database.storable import told

__all__ = ["event_of", "note", "tell", "tell_afterwards"]

logger = get_logger(__name__)
_FOREIGN_CODE = {
    "entrypoint": Event.ENTRYPOINT_REFUSED,
    "deployment": Event.DEPLOYMENT_REFUSED,
    "result": Event.TAMPERING_RESULT,
}
# Whether the chain has this row already.
TOLD = text("""
    SELECT EXISTS (SELECT FROM audit_event WHERE chain = :chain AND event = :event AND details ->> 'found' = :found)
""")


def event_of(error: BaseException | None) -> Event | None:
    """Return what the audit calls an attempt that ended in `error`, None where it was none."""
    match error:
        case Tampered():
            return Event(f"tampering:{error.of}:refused")
        case ForeignCode():
            return _FOREIGN_CODE[error.of]
        case BreakGlassRefused():
            return Event.BREAK_GLASS_REFUSED
        case BlockRefused():
            return Event.BLOCK_REFUSED
        case SignatureRefused() | ForeignKey():
            return Event.SIGNATURE_REFUSED
        case NotTrusted():
            return Event.EXECUTION_REFUSED
        case Disguised() | HiddenCharacters():
            return Event.REQUEST_REFUSED
        case ForbiddenAction() | ForbiddenReading() | AddressForbidden():
            return Event.ACCESS_REFUSED
        case Forbidden():
            return Event.ROLE_REFUSED
        case _:
            return None


def note(
    session: Session,
    error: CountersignError,
    *,
    actor: str = audit.SYSTEM,
    approval_id: UUID | None = None,
    details: dict[str, Any] | None = None,
    event: Event | None = None,
) -> None:
    """Append the row of an attempt to the transaction that records what became of it; `event` where it is another
    than `event_of` says.
    """
    if (found := event or event_of(error)) is not None:
        said = {**(details or {}), "found": error.message}
        audit.record(session, found, actor=actor, approval_id=approval_id, details=said)


def tell(
    engine: Engine,
    error: CountersignError | None,
    *,
    actor: str = audit.SYSTEM,
    approval_id: UUID | None = None,
    details: dict[str, Any] | None = None,
    event: Event | None = None,
) -> None:
    """Append the row of an attempt in a transaction of its own. A block, which every try refuses alike, has one."""
    found = event or event_of(error)
    if found is None or error is None:
        return
    chain = found.source if approval_id is None else str(approval_id)
    try:
        with transaction(engine) as session:
            asked = {"chain": chain, "event": found.value, "found": told(error.message)}
            if not (found is Event.BLOCK_REFUSED and session.execute(TOLD, asked).scalar_one()):
                note(session, error, actor=actor, approval_id=approval_id, details=details, event=event)
    except (CountersignError, SQLAlchemyError) as failed:
        logger.warning("a refusal is not on the audit", audit_event=found.value, error=type(failed).__name__)


def tell_afterwards(
    session: Session, error: CountersignError, *, actor: str = audit.SYSTEM, approval_id: UUID | None = None
) -> None:
    """Append the row of an attempt once the transaction of `session` has ended, however it ends.

    What is raised out of a transaction takes its rows with it, and a second transaction beside it would wait for the
    first one's place in the approval's chain.
    """
    engine = session.get_bind()
    assert isinstance(engine, Engine)

    waiting = True

    def ended(_session: Session, ending: SessionTransaction) -> None:
        nonlocal waiting
        if waiting and ending.parent is None:
            waiting = False
            tell(engine, error, actor=actor, approval_id=approval_id)

    listen(session, "after_transaction_end", ended)
