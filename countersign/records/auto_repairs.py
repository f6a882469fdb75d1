"""Repairs that nobody was asked about: expected once they have run, recorded once their incident is known."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from countersign.records.database.storable import clean
from countersign.records.tables import AutoRepair

# Expect the record of an execution.
EXPECT = text("""
    INSERT INTO auto_repair (execution_id, incident_id) VALUES (:execution_id, :incident_id)
    ON CONFLICT (execution_id) DO NOTHING
""")

# Name the incident of one that is waiting.
NAME = text("""
    UPDATE auto_repair SET incident_id = :incident_id, due_at = clock_timestamp()
    WHERE execution_id = :execution_id AND status = 'pending'
""")

# The incident has appeared: do not wait for the next look (ix_auto_repair_incident_id).
WAKE = text("""
    UPDATE auto_repair SET due_at = clock_timestamp()
    WHERE incident_id = :incident_id AND status = 'pending' AND due_at > clock_timestamp()
""")

# Put it on the incident's record, unless the same repair is. Callers hold the incident. Where no playbook matched,
# the approval is what it is known by, and that has one execution.
RECORD = text("""
    UPDATE auto_repair
    SET status = 'recorded', incident_id = :incident_id, playbook = :playbook, trigger = :trigger, step = :step,
        ended_at = clock_timestamp()
    WHERE execution_id = :execution_id AND status = 'pending' AND NOT EXISTS (
        SELECT FROM auto_repair AS other
        WHERE :playbook <> '' AND other.incident_id = :incident_id AND other.playbook = :playbook
          AND other.trigger = :trigger AND other.step = :step AND other.status = 'recorded'
    )
    RETURNING execution_id
""")

SKIP = text("""
    UPDATE auto_repair SET status = 'skipped', reason = :reason, ended_at = clock_timestamp()
    WHERE execution_id = :execution_id AND status = 'pending'
""")

# Look again once it is twice as old, at least a minute and at most a day from now.
POSTPONE = text("""
    UPDATE auto_repair
    SET due_at = clock_timestamp()
        + least(greatest(clock_timestamp() - created_at, make_interval(mins => 1)), make_interval(days => 1))
    WHERE execution_id = :execution_id AND status = 'pending'
""")

# Hold the incident: of two repairs that are recorded at once the second sees the first.
HOLD_INCIDENT = text("SELECT id FROM incident WHERE id = :incident_id FOR NO KEY UPDATE")

# What the execution left behind while its incident was not known.
LINK_EVIDENCE = text("""
    UPDATE evidence_snapshot SET incident_id = :incident_id
    WHERE execution_id = :execution_id AND incident_id IS NULL
""")

# Those that are due (ix_auto_repair_pending_due_at).
DUE = text("""
    SELECT repair.execution_id, execution.approval_id
    FROM auto_repair AS repair JOIN execution ON execution.id = repair.execution_id
    WHERE repair.status = 'pending' AND repair.incident_id IS NOT NULL AND repair.due_at <= clock_timestamp()
    ORDER BY repair.due_at LIMIT :limit
""")


def expect_repair(session: Session, execution_id: UUID, incident_id: str | None) -> None:
    """Expect the record of an execution; harmless where it is expected or done."""
    session.execute(EXPECT, {"execution_id": execution_id, "incident_id": incident_id and clean(incident_id)})


def name_incident(session: Session, execution_id: UUID, incident_id: str) -> None:
    """Say to which incident an expected repair belongs."""
    session.execute(NAME, {"execution_id": execution_id, "incident_id": clean(incident_id)})


def wake_repairs(session: Session, incident_id: str) -> None:
    """Let reconciliation look at the incident's repairs at once."""
    session.execute(WAKE, {"incident_id": clean(incident_id)})


def hold_repair(session: Session, execution_id: UUID) -> AutoRepair:
    """Return the expected repair, held until the transaction ends."""
    query = select(AutoRepair).where(col(AutoRepair.execution_id) == execution_id).with_for_update()
    return session.exec(query.execution_options(populate_existing=True)).one()


def record_repair(
    session: Session, execution_id: UUID, *, incident_id: str, playbook: str, trigger: str, step: str
) -> bool:
    """Put the repair on the incident's record; False if the same playbook, trigger and step is there.

    Without a playbook it is a repair of its own: two approvals are two repairs.
    """
    incident_id = clean(incident_id)
    session.execute(HOLD_INCIDENT, {"incident_id": incident_id})
    asked = {"execution_id": execution_id, "incident_id": incident_id}
    asked |= {"playbook": clean(playbook), "trigger": clean(trigger), "step": clean(step)}
    return session.execute(RECORD, asked).one_or_none() is not None


def skip_repair(session: Session, execution_id: UUID, reason: str) -> None:
    """End it without a record, for `reason`."""
    session.execute(SKIP, {"execution_id": execution_id, "reason": clean(reason)})


def postpone_repair(session: Session, execution_id: UUID) -> None:
    """Look at it later, ever less often."""
    session.execute(POSTPONE, {"execution_id": execution_id})


def link_evidence(session: Session, execution_id: UUID, incident_id: str) -> None:
    """Give the execution's snapshots the incident that they did not know of."""
    session.execute(LINK_EVIDENCE, {"execution_id": execution_id, "incident_id": clean(incident_id)})


def repairs_due(session: Session, *, limit: int = 100) -> Sequence[UUID]:
    """Return the approvals whose repairs are due, those that wait the longest first."""
    return [row.approval_id for row in session.execute(DUE, {"limit": limit})]


def repairs_of(session: Session, incident_id: str) -> Sequence[AutoRepair]:
    """Return what is on the incident's record or expected to be, oldest first."""
    query = select(AutoRepair).where(col(AutoRepair.incident_id) == incident_id)
    return session.exec(query.order_by(col(AutoRepair.created_at))).all()
