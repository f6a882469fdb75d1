"""The right to write for an execution, and the error for those who have lost it."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from countersign.errors import NotFound, StaleFence

# Why a fenced write found no row: who owns the execution now, and is it settled?
OWNER_NOW = text("SELECT fence, worker, outcome FROM execution WHERE id = :execution_id")


@dataclass(frozen=True)
class Owned:
    """An execution as one owner knows it. Every write carries both, and is refused once `fence` is not the newest."""

    execution_id: UUID
    fence: int


def refused_write(session: Session, owned: Owned) -> StaleFence | NotFound:
    """Return the error that says why a write for `owned` was refused."""
    row = session.execute(OWNER_NOW, {"execution_id": owned.execution_id}).one_or_none()
    if row is None:
        return NotFound(f"execution {owned.execution_id} does not exist")
    if row.fence != owned.fence:
        return StaleFence(
            f"execution {owned.execution_id} belongs to {row.worker} now (fence {row.fence}, ours: {owned.fence})",
            hint="the new owner goes on; read the execution's outcome instead",
        )
    if row.outcome is not None:
        return StaleFence(
            f"execution {owned.execution_id} is settled as {row.outcome}", hint="read the execution's outcome instead"
        )
    return StaleFence(
        f"the lease of execution {owned.execution_id} is over",
        hint="extend the lease more often, or make it longer (COUNTERSIGN_LEASE_SECONDS)",
    )
