"""The stored plan: what replay needs, fixed before the effect.

It can be made anew as long as no request has left; from then on it stays, whoever goes on with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session

from countersign.errors import NotFound
from countersign.records.audit_events import Event
from countersign.records.audit_sources import PLAN, tell
from countersign.records.database.storable import clean_json
from countersign.records.owned import Owned, refused_write

# Store the plan unless a request of the one that is there may have left: then that one counts.
STORE = text("""
    WITH journal AS (
        SELECT count(*) FILTER (WHERE kind = 'intent') > count(*) FILTER (WHERE answer = 'not_sent') AS begun
        FROM journal_entry WHERE execution_id = :execution_id
    )
    UPDATE execution
    SET plan = CASE WHEN plan IS NOT NULL AND journal.begun THEN plan ELSE :plan END,
        plan_hash = CASE WHEN plan IS NOT NULL AND journal.begun THEN plan_hash ELSE :plan_hash END,
        plan_mac = CASE WHEN plan IS NOT NULL AND journal.begun THEN plan_mac ELSE :plan_mac END
    FROM journal
    WHERE id = :execution_id AND fence = :fence AND settled_at IS NULL
    RETURNING plan, plan_hash, plan_mac, rolls_back
""").bindparams(bindparam("plan", type_=JSONB))

# The plan as it was stored.
READ = text("SELECT plan, plan_hash, plan_mac, rolls_back FROM execution WHERE id = :execution_id")


@dataclass(frozen=True)
class StoredPlan:
    """A plan as JSON (countersign.targets.model.plan_from_json reads it) and its SHA-256."""

    plan: Mapping[str, Any]
    plan_hash: str
    plan_mac: str | None
    """Its seal (countersign.execution.plan_seal)."""
    rolls_back: UUID | None
    """The execution that it takes back, None where it is an approval's own."""


def store_plan(
    session: Session, owned: Owned, *, plan: Mapping[str, Any], plan_hash: str, plan_mac: str
) -> StoredPlan:
    """Store the plan and return the one that counts: an earlier one, where a request of it may have left.

    Raises StaleFence.
    """
    row = session.execute(
        STORE,
        {
            "execution_id": owned.execution_id,
            "fence": owned.fence,
            "plan": clean_json(plan),
            "plan_hash": plan_hash,
            "plan_mac": plan_mac,
        },
    ).one_or_none()
    if row is None:
        raise refused_write(session, owned)
    tell(session, Event.PLAN_STORED, PLAN, owned.execution_id)
    return StoredPlan(row.plan, row.plan_hash, row.plan_mac, row.rolls_back)


def plan_of(session: Session, execution_id: UUID) -> StoredPlan | None:
    """Return the execution's plan, None before it has one. Raises NotFound."""
    row = session.execute(READ, {"execution_id": execution_id}).one_or_none()
    if row is None:
        raise NotFound(f"execution {execution_id} does not exist")
    return None if row.plan is None else StoredPlan(row.plan, row.plan_hash, row.plan_mac, row.rolls_back)
