"""What verification found, from the records: also where its step was another process's."""

from uuid import UUID

from sqlmodel import Session

from countersign.records.evidence import evidence_of
from countersign.records.states import EvidencePhase, Verdict


def verdict_of(session: Session, execution_id: UUID) -> Verdict | None:
    """Return the verdict on an execution, None where there is none."""
    after = evidence_of(session, execution_id).get(EvidencePhase.AFTER)
    return None if after is None else after.verdict
