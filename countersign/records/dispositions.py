"""Dispositions: who let an execution happen for which anomaly, one row per execution; the counters are made of them.

Counters live elsewhere. To be right there they are written while this transaction holds the anomaly's lock, after its
row is in: of two executions that end at once the second sees the first's row.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from countersign.records.database.storable import clean
from countersign.records.outcomes import Outcome
from countersign.records.states import DispositionKind

# One at a time per anomaly, until the transaction ends.
LOCK = text("SELECT pg_advisory_xact_lock(4172, hashtext(:anomaly_key))")

# Once per execution.
RECORD = text("""
    INSERT INTO disposition (execution_id, anomaly_key, kind, outcome)
    VALUES (:execution_id, :anomaly_key, :kind, :outcome)
    ON CONFLICT (execution_id) DO NOTHING RETURNING execution_id
""")

# What an anomaly's rows come to: a trigger counts them in the transaction that adds one.
COUNT = text("SELECT kind, outcome, total FROM disposition_tally WHERE anomaly_key = :anomaly_key")

# Every anomaly that there are rows for.
ANOMALIES = text("SELECT DISTINCT anomaly_key FROM disposition_tally ORDER BY anomaly_key")


def record_disposition(
    session: Session, execution_id: UUID, *, anomaly_key: str, kind: DispositionKind, outcome: Outcome
) -> bool:
    """Put on record who let the execution happen; False if it is on record."""
    lock_anomaly(session, anomaly_key)
    asked = {"execution_id": execution_id, "anomaly_key": clean(anomaly_key)}
    row = session.execute(RECORD, {**asked, "kind": kind.value, "outcome": outcome.value}).one_or_none()
    return row is not None


def lock_anomaly(session: Session, anomaly_key: str) -> None:
    """Keep others from counting this anomaly until the transaction ends."""
    session.execute(LOCK, {"anomaly_key": clean(anomaly_key)})


def dispositions_of(session: Session, anomaly_key: str) -> Mapping[str, int]:
    """Return an anomaly's counters: successes by kind ("auto_approved"), and all by kind and outcome.

    What did not succeed counts by its outcome alone ("auto_approved:failed").
    """
    counts: dict[str, int] = {}
    for row in session.execute(COUNT, {"anomaly_key": clean(anomaly_key)}):
        counts[f"{row.kind}:{row.outcome}"] = int(row.total)
        successes = int(row.total) if Outcome(row.outcome).is_success else 0
        counts[row.kind] = counts.get(row.kind, 0) + successes
    return counts


def anomalies(session: Session) -> Sequence[str]:
    """Return every anomaly that anything was executed for."""
    return list(session.execute(ANOMALIES).scalars())
