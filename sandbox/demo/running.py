"""Filing, signing and executing the demonstration's approvals, and judging what came of them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.flow_runs import wait_for_flow_run
from sqlalchemy import TextClause, create_engine, text
from sqlmodel import Session

from countersign.execution.decisions import record_signature, sign_approval
from countersign.execution.filing import Request, file_at, signed_content
from countersign.execution.follow_up import FollowUp, follow_up_of
from countersign.execution.report import Report
from countersign.execution.services import Services
from countersign.local.databases import OWNER, password_file
from countersign.policy.signatures import Decision, sign_hmac
from countersign.policy.signers import is_auto_approved
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.queries import execution_of, executions_of
from countersign.records.states import Start, StepStatus
from countersign.records.tables import Approval
from countersign.secret_files import read_secret_file
from countersign.texts import text as translated
from countersign.worker.tokens import share_token
from sandbox.demo.cases import Case, Twist
from sandbox.demo.household import AUTO_APPROVER, AUTO_KEY, PEOPLE, Household

DEPLOYMENT = "execute-approval/execute-approval"
TRIGGERS = 20
RUN_SECONDS = 600
FOLLOWED_SECONDS = 120.0
OPEN = (StepStatus.PENDING.value, StepStatus.RUNNING.value)

# What an intruder with access to the table would do.
CHANGE_ACTION = text("UPDATE approval SET action = replace(action, 'replicas=3', 'replicas=0') WHERE id = :id")
CALL_APPROVED = text("UPDATE approval SET status = 'approved' WHERE id = :id")


@dataclass(frozen=True)
class Result:
    """What came of one case."""

    case: Case
    approval_id: UUID
    flow_run: FlowRun
    outcome: str
    message: str
    right: bool
    verdict: str = ""
    rollback: str = ""
    """What became of the rollback, empty where there was none."""


def file_and_sign(services: Services, household: Household, case: Case, action: str) -> UUID:
    """File the case's request and have as many people sign it as the policy asks for."""
    now = datetime.now(UTC)
    request = Request(
        action=action,
        requested_by=case.requested_by,
        description=f"Demonstration: {case.name}",
        risk_level=case.risk,
        # The demonstration starts each of them through the deployment, as an approval system does.
        start=Start.BY_HAND,
        expires_at=now + timedelta(hours=1) if case.twist is not Twist.EXPIRED else now + timedelta(seconds=2),
    )
    with transaction(services.engine) as session:
        approval = file_at(session, services, request, as_is=True).approval
        _sign(session, services, household, case, approval)
    if case.twist is Twist.TAMPERED:
        _as_owner(services, CHANGE_ACTION, approval.id)
    return approval.id


def _as_owner(services: Services, statement: TextClause, approval_id: UUID) -> None:
    """Do as an intruder who owns the tables: the role that Countersign runs as may not."""
    password = read_secret_file(services.settings.trust_dir, password_file(OWNER)).decode()
    owner = create_engine(services.engine.url.set(username=OWNER, password=password))
    with owner.begin() as connection:
        connection.execute(statement, {"id": approval_id})
    owner.dispose()


def _sign(session: Session, services: Services, household: Household, case: Case, approval: Approval) -> None:
    if case.twist is Twist.UNSIGNED:
        session.execute(CALL_APPROVED, {"id": approval.id})
        return
    if is_auto_approved(case.requested_by):
        value = sign_hmac(
            signed_content(approval),
            approval_id=approval.id,
            signer=AUTO_APPROVER,
            decision=Decision.APPROVE,
            key=AUTO_KEY,
            secret=household.auto_secret,
        )
        record_signature(session, services, approval, signer=AUTO_APPROVER, value=value, decision=Decision.APPROVE)
        return
    for name in PEOPLE[: approval.required_signatures]:
        sign_approval(session, services, approval, signer=name, key=household.keys[name], decision=Decision.APPROVE)


async def execute_all(
    services: Services, approvals: Sequence[tuple[Case, UUID]], *, told: Callable[[Result], None]
) -> list[Result]:
    """Execute every approval through the deployment, all at once, and tell each result as it arrives."""
    async with get_client() as client:
        share_token(client)
        deployment = await client.read_deployment_by_name(DEPLOYMENT)

        async def one(case: Case, approval_id: UUID) -> Result:
            result = await _execute(services, client, deployment.id, case, approval_id)
            told(result)
            return result

        return list(await asyncio.gather(*(one(case, approval_id) for case, approval_id in approvals)))


async def _execute(
    services: Services, client: PrefectClient, deployment_id: UUID, case: Case, approval_id: UUID
) -> Result:
    if case.twist is Twist.EXPIRED:
        await _until_expired(services, approval_id)
    runs = [
        await client.create_flow_run_from_deployment(
            deployment_id,
            parameters={"approval_id": str(approval_id), "dry_run": case.twist is Twist.DRY_RUN},
        )
        for _ in range(TRIGGERS if case.twist is Twist.TRIGGERED_TWENTY_TIMES else 1)
    ]
    ended: list[FlowRun] = await asyncio.gather(*(wait_for_flow_run(run.id, timeout=RUN_SECONDS) for run in runs))
    report = await asyncio.to_thread(_report, services, approval_id)
    # Of several triggers one performs; who is told that it is under way ends at once, with a state of that name.
    elsewhere = translated("state.running_elsewhere")
    own = [run for run in ended if run.state is None or run.state.name != elsewhere]
    shown = own[0] if own else ended[0]
    state = shown.state
    outcome = report.outcome if report else _outcome_of(shown)
    message = report.message if report else (state.message or "" if state else "")
    # What made things worse and was taken back is no green run.
    good = case.expected in ("success", "dry_run", "investigated", "no_action") and not case.rolled_back
    right = outcome == case.expected and bool(own)
    right = right and all(run.state is not None and run.state.is_completed() == good for run in own)
    if len(runs) > 1:
        message = f"{len(runs)} runs, one effect: {message}"
        right = right and report is not None and all(step.attempts == 1 for step in report.steps)
    followed = await _until_followed(services, approval_id)
    verdict = followed.verification.verdict if followed.verification else ""
    back = followed.rollback
    rollback = f"{back.outcome}, {back.verdict}" if back else ""
    right = right and case.verdict in (None, verdict) and case.rolled_back == (rollback == "success, effective")
    return Result(case, approval_id, shown, outcome, message, right, verdict, rollback)


async def _until_followed(services: Services, approval_id: UUID) -> FollowUp:
    """Return what followed once it has ended: a round of reconciliation may have taken a step from the run."""
    give_up = monotonic() + FOLLOWED_SECONDS
    while True:
        followed = await asyncio.to_thread(_followed, services, approval_id)
        open_steps = any(step.status in OPEN for step in followed.steps)
        unverified = followed.rollback is not None and followed.rollback.verdict is None
        if not (open_steps or unverified) or monotonic() >= give_up:
            return followed
        await asyncio.sleep(0.25)


def _followed(services: Services, approval_id: UUID) -> FollowUp:
    with transaction(services.engine) as session:
        execution = execution_of(session, approval_id)
        return FollowUp() if execution is None else follow_up_of(session, execution.id)


def _outcome_of(run: FlowRun) -> str:
    """Return the outcome of a run that was refused before it had an execution: a tag has it."""
    return next((tag.removeprefix("outcome:") for tag in run.tags if tag.startswith("outcome:")), "unknown")


def _report(services: Services, approval_id: UUID) -> Report | None:
    with transaction(services.engine) as session:
        reports = [row.report for row in executions_of(session, approval_id) if row.report and not row.rolls_back]
    return Report.model_validate(reports[0]) if reports else None


async def _until_expired(services: Services, approval_id: UUID) -> None:
    def expires_at() -> datetime | None:
        with transaction(services.engine) as session:
            return get_approval(session, approval_id).expires_at

    until = await asyncio.to_thread(expires_at)
    assert until is not None
    await asyncio.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()))
