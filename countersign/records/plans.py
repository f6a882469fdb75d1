"""The stored plan: what replay needs, fixed before the effect. The first plan of an execution stays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session

from countersign.errors import NotFound
from countersign.records.owned import Owned, refused_write
from countersign.records.storable import clean_json

# Store the plan unless there is one; whoever comes second works with the first one's.
STORE = text("""
    UPDATE execution
    SET plan = coalesce(plan, :plan), plan_hash = coalesce(plan_hash, :plan_hash)
    WHERE id = :execution_id AND fence = :fence AND settled_at IS NULL
    RETURNING plan, plan_hash
""").bindparams(bindparam("plan", type_=JSONB))

# The plan as it was stored.
READ = text("SELECT plan, plan_hash FROM execution WHERE id = :execution_id")


@dataclass(frozen=True)
class StoredPlan:
    """A plan as JSON (countersign.targets.model.plan_from_json reads it) and its SHA-256."""

    plan: Mapping[str, Any]
    plan_hash: str


def store_plan(session: Session, owned: Owned, *, plan: Mapping[str, Any], plan_hash: str) -> StoredPlan:
    """Store the plan and return the one that counts: an earlier one, if there is one. Raises StaleFence."""
    row = session.execute(
        STORE,
        {
            "execution_id": owned.execution_id,
            "fence": owned.fence,
            "plan": clean_json(plan),
            "plan_hash": plan_hash,
        },
    ).one_or_none()
    if row is None:
        raise refused_write(session, owned)
    return StoredPlan(row.plan, row.plan_hash)


def plan_of(session: Session, execution_id: UUID) -> StoredPlan | None:
    """Return the execution's plan, None before it has one. Raises NotFound."""
    row = session.execute(READ, {"execution_id": execution_id}).one_or_none()
    if row is None:
        raise NotFound(f"execution {execution_id} does not exist")
    return None if row.plan is None else StoredPlan(row.plan, row.plan_hash)
