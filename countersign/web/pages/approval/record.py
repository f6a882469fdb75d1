"""Everything that is on record about one approval, read at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import Session

from countersign.execution.filing import placed, reading_of
from countersign.execution.follow_up import FollowUp, follow_up_of
from countersign.execution.report import Report
from countersign.records.approval_list import ApprovalRow, rows_with
from countersign.records.approvals import get_approval, signatures_of
from countersign.records.dead_letters import letters_about
from countersign.records.evidence import evidence_of
from countersign.records.journal import entries
from countersign.records.ledger import steps_of
from countersign.records.operation_log import log_of
from countersign.records.queries import executions_of
from countersign.records.similar import similar_executed
from countersign.records.states import EvidencePhase, StepStatus
from countersign.records.tables import (
    Approval,
    EvidenceSnapshot,
    Execution,
    JournalEntry,
    LedgerStep,
    OperationLog,
    Signature,
    TimelineEvent,
)
from countersign.records.timeline import events_of
from countersign.targets.model import Plan, plan_from_json

MOST_EXECUTIONS = 20
"""Shown; an approval has one that can have an effect, its rollback, and dry runs."""
MOST_EVENTS = 200


@dataclass(frozen=True)
class ToldExecution:
    """One execution with what is known of it."""

    row: Execution
    report: Report | None
    plan: Plan | None
    journal: Sequence[JournalEntry]
    evidence: Mapping[EvidencePhase, EvidenceSnapshot]
    steps: Sequence[LedgerStep]
    dead: Mapping[UUID, UUID]
    """The open dead letters, by step."""
    follow_up: FollowUp
    log: OperationLog | None
    """What the operation log says of it."""

    @property
    def kind(self) -> str:
        """effect, rollback, dry_run or postponed."""
        if self.row.rolls_back is not None:
            return "rollback"
        if self.row.dry_run:
            return "dry_run"
        return "postponed" if self.row.outcome == "postponed" else "effect"


@dataclass(frozen=True)
class Told:
    """An approval with everything that belongs to it."""

    approval: Approval
    reading: Mapping[str, Any]
    """What its action reads to, with the cluster and namespace that it was filed for."""
    row: ApprovalRow
    """What became of it, in short."""
    signatures: Sequence[Signature]
    executions: Sequence[ToldExecution]
    events: Sequence[TimelineEvent]
    similar: Sequence[ApprovalRow]
    """Requests like it that were executed, those on the same target first."""

    def of_kind(self, kind: str) -> ToldExecution | None:
        """Return the newest execution of a kind."""
        return next((each for each in self.executions if each.kind == kind), None)

    @property
    def effect(self) -> ToldExecution | None:
        """The one that can have an effect."""
        return self.of_kind("effect")

    @property
    def planned(self) -> ToldExecution | None:
        """The execution whose plan tells best what this does: the effective one, else the newest dry run."""
        found = [self.effect, *(each for each in self.executions if each.kind == "dry_run")]
        return next((each for each in found if each is not None and each.plan is not None), None)


def told(session: Session, approval_id: UUID) -> Told:
    """Return what is on record about an approval. Raises NotFound."""
    approval = get_approval(session, approval_id)
    similar = similar_executed(session, approval_id)
    known = rows_with(session, [approval_id, *similar])
    return Told(
        approval=approval,
        reading=placed(reading_of(approval.action), approval.target),
        row=known[approval_id],
        signatures=signatures_of(session, approval_id),
        executions=[_told(session, row) for row in executions_of(session, approval_id, limit=MOST_EXECUTIONS)],
        events=events_of(session, approval_id=approval_id, limit=MOST_EVENTS),
        similar=[known[each] for each in similar],
    )


def _told(session: Session, row: Execution) -> ToldExecution:
    steps = steps_of(session, row.id)
    dead = [step.id for step in steps if step.status is StepStatus.DEAD]
    return ToldExecution(
        row=row,
        report=Report.model_validate(row.report) if row.report else None,
        plan=plan_from_json(row.plan) if row.plan else None,
        journal=entries(session, row.id),
        evidence=evidence_of(session, row.id),
        steps=steps,
        dead={letter.step_id: letter.id for letter in letters_about(session, dead)} if dead else {},
        follow_up=follow_up_of(session, row.id),
        log=log_of(session, row.id),
    )
