"""What followed an execution, as it is shown beside its report: the steps, the verdict, what is different."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session

from countersign.records.evidence import evidence_of
from countersign.records.ledger import steps_of
from countersign.records.rollbacks import rollback_of
from countersign.records.states import EvidencePhase
from countersign.records.tables import EvidenceSnapshot, LedgerStep


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class StepShown(_Part):
    """One step of the ledger."""

    name: str
    status: str
    said: str
    """The result in one sentence, why it was skipped, or the error of the last attempt."""
    attempts: int


class Changed(_Part):
    """One thing that is different after the execution."""

    object: str
    what: str
    before: str
    after: str


class Verification(_Part):
    """The verdict and what speaks for it."""

    verdict: str
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    difference: tuple[Changed, ...]


class RolledBack(_Part):
    """The execution that took this one back, or tried to."""

    execution_id: str
    outcome: str | None
    message: str
    verdict: str | None


class FollowUp(_Part):
    """Everything that followed."""

    steps: tuple[StepShown, ...] = ()
    verification: Verification | None = None
    rollback: RolledBack | None = None


def follow_up_of(session: Session, execution_id: UUID) -> FollowUp:
    """Return what has followed the execution so far."""
    back = rollback_of(session, execution_id)
    rolled_back = None
    if back is not None:
        checked = verification_of(session, back.id)
        rolled_back = RolledBack(
            execution_id=str(back.id),
            outcome=back.outcome.value if back.outcome else None,
            message=str((back.report or {}).get("message") or back.error or ""),
            verdict=checked.verdict if checked else None,
        )
    return FollowUp(
        steps=tuple(_step(row) for row in steps_of(session, execution_id)),
        verification=verification_of(session, execution_id),
        rollback=rolled_back,
    )


def verification_of(session: Session, execution_id: UUID) -> Verification | None:
    """Return the verdict on an execution with what speaks for it, None where there is none."""
    return _verification(evidence_of(session, execution_id).get(EvidencePhase.AFTER))


def said_of(row: LedgerStep) -> str:
    """Return a step's result in one sentence, why it was skipped, or the error of its last attempt."""
    return str((row.result or {}).get("summary") or row.reason or row.error or "")


def _step(row: LedgerStep) -> StepShown:
    return StepShown(name=row.name.value, status=row.status.value, said=said_of(row), attempts=row.attempts)


def _verification(row: EvidenceSnapshot | None) -> Verification | None:
    if row is None or row.verdict is None:
        return None
    kept = row.verification or {}
    return Verification(
        verdict=row.verdict.value,
        reasons=tuple(kept.get("reasons") or ()),
        notes=tuple(kept.get("notes") or ()),
        difference=tuple(Changed(**line) for line in kept.get("difference") or ()),
    )
