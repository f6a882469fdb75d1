"""Target holds: one execution per target at a time, across all workers, kept by uq_target_hold_active.

A hold belongs to the execution, not to its owner: whoever takes the execution over has its holds too.
Settling releases them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from countersign.records.owned import Owned, refused_write

# Take all keys that are free. Sorted, so that two executions that want the same ones wait in the same order.
ACQUIRE = text("""
    INSERT INTO target_hold (execution_id, target_key, acquired_at)
    SELECT :execution_id, key, clock_timestamp() FROM unnest(CAST(:keys AS text[])) AS key ORDER BY key
    ON CONFLICT (target_key) WHERE released_at IS NULL DO NOTHING
""")

# Is the execution ours? The lock keeps a takeover or a settlement out until the holds are committed.
OWN = text("""
    SELECT id FROM execution WHERE id = :execution_id AND fence = :fence AND settled_at IS NULL FOR SHARE
""")

# Who holds any of the keys, other than this execution.
HOLDERS = text("""
    SELECT target_hold.target_key, target_hold.acquired_at, execution.id, execution.approval_id, execution.worker,
           execution.lease_until
    FROM target_hold JOIN execution ON execution.id = target_hold.execution_id
    WHERE target_hold.target_key = ANY(CAST(:keys AS text[])) AND target_hold.released_at IS NULL
      AND target_hold.execution_id IS DISTINCT FROM :execution_id
    ORDER BY target_hold.target_key LIMIT 1
""")

# The keys that this execution holds.
HELD = text("SELECT target_key FROM target_hold WHERE execution_id = :execution_id AND released_at IS NULL")

# Let go of everything an execution holds.
RELEASE = text("""
    UPDATE target_hold SET released_at = clock_timestamp()
    WHERE execution_id = :execution_id AND released_at IS NULL
""")


@dataclass(frozen=True)
class HeldBy:
    """Who has a target that was asked for."""

    target_key: str
    execution_id: UUID
    approval_id: UUID
    worker: str
    acquired_at: datetime
    lease_until: datetime
    """Once this is past, the holder is dead and its execution can be taken over."""


def acquire(session: Session, owned: Owned, keys: Iterable[str]) -> HeldBy | None:
    """Take all targets, or none and return who has one of them. What this execution holds already is fine.

    Waits for a holder that is just committing. Raises StaleFence.
    """
    wanted = sorted(set(keys))
    asked = {"execution_id": owned.execution_id, "keys": wanted}
    if session.execute(OWN, {"execution_id": owned.execution_id, "fence": owned.fence}).one_or_none() is None:
        raise refused_write(session, owned)
    while True:
        # Of several, some may be free: those are given back. One alone is taken or not.
        attempt = session.begin_nested() if len(wanted) > 1 else None
        session.execute(ACQUIRE, asked)
        if set(wanted) <= set(session.execute(HELD, asked).scalars()):
            if attempt is not None:
                attempt.commit()
            return None
        if attempt is not None:
            attempt.rollback()
        if (holder := holder_of(session, wanted, except_for=owned.execution_id)) is not None:
            return holder
        # The holder let go between the two statements; nobody is in the way now.


def holder_of(session: Session, keys: Iterable[str], *, except_for: UUID | None = None) -> HeldBy | None:
    """Return who holds one of the targets, None when all are free."""
    row = session.execute(HOLDERS, {"keys": sorted(set(keys)), "execution_id": except_for}).one_or_none()
    if row is None:
        return None
    return HeldBy(row.target_key, row.id, row.approval_id, row.worker, row.acquired_at, row.lease_until)


def held_keys(session: Session, execution_id: UUID) -> frozenset[str]:
    """Return the targets that the execution holds."""
    return frozenset(session.execute(HELD, {"execution_id": execution_id}).scalars())
