"""`/v1/executions`: what was meant, sent, seen and found out; what follows, and settling what nobody could tell."""

import asyncio
from uuid import UUID

from fastapi import APIRouter, Response
from sqlmodel import Session

from countersign.errors import NotFound
from countersign.execution.manual_settlement import settle_by_hand
from countersign.execution.report import Report
from countersign.masking import masked, masked_values
from countersign.policy.roles import Permission
from countersign.records.archive import files_with, require_here
from countersign.records.dead_letters import letter_of, replay_letters
from countersign.records.evidence import evidence_of
from countersign.records.journal import entries
from countersign.records.ledger import steps_of
from countersign.records.outcomes import Outcome
from countersign.records.queries import executions_of, get_execution
from countersign.records.states import EvidencePhase, StepName
from countersign.records.tables import Execution, LedgerStep
from countersign.web.acting import Caller
from countersign.web.api.execution_models import (
    EntryView,
    EvidenceView,
    ExecutionView,
    Settlement,
    StepsStarted,
    StepView,
)
from countersign.web.api.reach import reachable, reachable_execution
from countersign.web.api.responses import problems
from countersign.worker.run_starter import start_steps

router = APIRouter(tags=["executions"])


@router.get("/approvals/{approval_id}/executions", responses=problems(404))
def of_approval(approval_id: UUID, acting: Caller) -> list[ExecutionView]:
    """List the runs of an approval, newest first: dry runs, those that were put off, and its rollback too."""
    with acting.records() as session:
        reachable(session, acting, approval_id, Permission.READ)
        return [execution_view(row) for row in executions_of(session, approval_id)]


@router.get("/executions/{execution_id}", responses=problems(404))
def show(execution_id: UUID, acting: Caller) -> ExecutionView:
    """Return an execution with its report."""
    with acting.records() as session:
        return execution_view(reachable_execution(session, acting, execution_id, Permission.READ))


@router.get("/executions/{execution_id}/journal", responses=problems(404))
def journal(execution_id: UUID, acting: Caller) -> list[EntryView]:
    """Return every attempt: what was about to be sent, and what became of it."""
    with acting.records() as session:
        reachable_execution(session, acting, execution_id, Permission.READ)
        return [
            EntryView(
                seq=row.seq or 0,
                at=row.at,
                kind=row.kind,
                step=row.step,
                attempt=row.attempt,
                answer=row.answer,
                fence=row.fence,
                payload=masked_values(row.payload),
            )
            for row in entries(session, execution_id)
        ]


@router.get("/executions/{execution_id}/evidence", responses=problems(404, 410))
def evidence(execution_id: UUID, acting: Caller) -> list[EvidenceView]:
    """Return what the target looked like before and after; the verdict stays when the rest is archived."""
    with acting.records() as session:
        execution = reachable_execution(session, acting, execution_id, Permission.READ)
        found = evidence_of(session, execution_id)
        if not found:
            require_here(session, execution.approval_id, "The evidence")
        emptied = any(not snapshot.objects for snapshot in found.values())
        moved = files_with(session, execution.approval_id) if emptied else ()
    return [
        EvidenceView(
            phase=phase,
            taken_at=found[phase].taken_at,
            objects=masked_values(found[phase].objects),
            verdict=found[phase].verdict,
            verification=masked_values(found[phase].verification),
            archived_in=[] if found[phase].objects else list(moved),
        )
        for phase in EvidencePhase
        if phase in found
    ]


@router.get("/executions/{execution_id}/steps", responses=problems(404, 410))
def steps(execution_id: UUID, acting: Caller) -> list[StepView]:
    """Return what follows an execution, in order."""
    with acting.records() as session:
        execution = reachable_execution(session, acting, execution_id, Permission.READ)
        rows = steps_of(session, execution_id)
        if not rows:
            require_here(session, execution.approval_id, "The steps")
        return [_step_view(row) for row in rows]


@router.post(
    "/executions/{execution_id}/steps/run",
    status_code=202,
    response_model=StepsStarted,
    responses=problems(404, idempotent=True),
)
def run_steps(execution_id: UUID, acting: Caller) -> Response:
    """Start a run that does what is left after an execution. Nothing is executed anew."""
    with acting.records() as session:
        reachable_execution(session, acting, execution_id, Permission.OPERATE)
    return acting.once(
        lambda _session: StepsStarted(
            execution_id=execution_id, flow_run_id=asyncio.run(start_steps(execution_id, key=acting.run_key))
        ),
        status=202,
    )


@router.post(
    "/executions/{execution_id}/steps/{name}/replay",
    response_model=StepView,
    responses=problems(404, idempotent=True),
)
def replay_step(execution_id: UUID, name: StepName, acting: Caller) -> Response:
    """Let a dead step begin again with all its attempts; reconciliation runs it."""

    def work(session: Session) -> StepView:
        reachable_execution(session, acting, execution_id, Permission.OPERATE)
        replay_letters(session, [letter_of(session, execution_id, name).id])
        session.expire_all()
        found = next((row for row in steps_of(session, execution_id) if row.name is name), None)
        if found is None:
            raise NotFound(f"execution {execution_id} has no step {name}")
        return _step_view(found)

    return acting.once(work)


@router.post(
    "/executions/{execution_id}/settle", response_model=ExecutionView, responses=problems(404, idempotent=True)
)
def settle(execution_id: UUID, body: Settlement, acting: Caller) -> Response:
    """Say what became of an execution whose outcome is unknown, after looking at the target."""

    def work(session: Session) -> ExecutionView:
        reachable_execution(session, acting, execution_id, Permission.OPERATE)
        settle_by_hand(
            session,
            execution_id,
            outcome=Outcome(body.outcome.value),
            reason=body.reason,
            by=acting.identity.name,
        )
        return execution_view(get_execution(session, execution_id))

    return acting.once(work)


def execution_view(row: Execution) -> ExecutionView:
    """Return an execution as the API shows it."""
    return ExecutionView(
        id=row.id,
        approval_id=row.approval_id,
        dry_run=row.dry_run,
        rolls_back=row.rolls_back,
        worker=row.worker,
        flow_run_id=row.flow_run_id,
        started_at=row.started_at,
        settled_at=row.settled_at,
        outcome=row.outcome,
        error=row.error and masked(row.error),
        plan_hash=row.plan_hash,
        policy_number=row.policy_number,
        policy_hash=row.policy_hash,
        report=None if row.report is None else Report.model_validate(masked_values(row.report)),
    )


def _step_view(row: LedgerStep) -> StepView:
    return StepView(
        name=row.name,
        status=row.status,
        position=row.position,
        after=[StepName(each) for each in row.after],
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        due_at=row.due_at,
        runner=row.runner,
        reason=row.reason and masked(row.reason),
        error=row.error and masked(row.error),
        result=masked_values(row.result),
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
