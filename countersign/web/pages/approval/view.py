"""The approval's page as values: the template decides how they look, and nothing else."""

from functools import partial
from typing import Any

from prefect.settings import PREFECT_UI_URL

from countersign.canonical import sha256_of
from countersign.execution.filing import placed, reading_of
from countersign.execution.follow_up import said_of
from countersign.execution.scope import scope_of
from countersign.execution.wording import to_do
from countersign.policy.access import Scope
from countersign.policy.roles import Permission
from countersign.records.approval_list import ApprovalRow
from countersign.records.outcomes import Outcome
from countersign.records.states import ApprovalStatus, EvidencePhase
from countersign.targets.kubernetes.invert import invert
from countersign.texts import text
from countersign.web.acting import Acting
from countersign.web.pages.approval.by_passkey import challenges_for
from countersign.web.pages.approval.changes import steps_shown
from countersign.web.pages.approval.deciding import OPEN, deciding, next_of
from countersign.web.pages.approval.record import Told, ToldExecution
from countersign.web.pages.passkeys_of import site_of
from countersign.web.pages.states import outcome_state, state_of, step_state, verdict_state


def page_values(acting: Acting, told: Told, *, language: str) -> dict[str, Any]:
    """Return everything that approval/page.html shows of `told` to whoever is `acting`."""
    approval = told.approval
    found = deciding(acting.services, told, who=acting.identity.name)
    return {
        "told": told,
        "live_state": _state(told),
        "approval": approval,
        "title": to_do(told.reading, language=language),
        "state": state_of(told.row, language),
        "deciding": found,
        "challenges": challenges_for(acting, approval) if found.mine else {},
        "site": site_of(acting.services.settings),
        "next": next_of(told, found, partial(text, language=language)),
        "may_start": approval.status is ApprovalStatus.APPROVED
        and acting.may(Permission.EXECUTE, scope_of(approval)),
        "unknown": [each.row.id for each in told.executions if each.row.outcome is Outcome.UNKNOWN],
        "prefect": PREFECT_UI_URL.value() or "",
        "may_decide": acting.may(Permission.DECIDE, scope_of(approval)),
        "may_audit": acting.may(Permission.AUDIT, scope_of(approval)),
        "may_operate": acting.may(Permission.OPERATE, scope_of(approval)),
        "is_open": approval.status in OPEN,
        "is_over": approval.status not in (*OPEN, ApprovalStatus.EXECUTING),
        "planned": _planned(told),
        "similar": [_similar(row, language) for row in told.similar if acting.may(*_reading(row))],
        "runs": [_run(each, language) for each in told.executions],
    }


def _state(told: Told) -> str:
    """Return a text that is another one whenever the page shows something else."""
    runs = [
        [str(run.row.id), str(run.row.outcome), len(run.journal), len(run.evidence), str(run.row.plan_hash)]
        + [f"{step.name}:{step.status}:{step.attempts}" for step in run.steps]
        for run in told.executions
    ]
    approval = told.approval
    last = told.events[-1].seq if told.events else 0
    moved = [approval.status.value, str(approval.updated_at), str(approval.waiting_until), len(told.signatures), last]
    return sha256_of([moved, runs])[:16]


def _planned(told: Told) -> dict[str, Any] | None:
    found = told.planned
    if found is None or found.plan is None:
        return None
    inverse = invert(found.plan)
    return {
        "execution": found,
        "plan": found.plan,
        "sending": steps_shown(found.plan),
        "taking_back": steps_shown(inverse) if inverse is not None else (),
        "results": {step.key: step for step in found.report.steps} if found.report is not None else {},
    }


def _reading(row: ApprovalRow) -> tuple[Permission, Scope]:
    return Permission.READ, scope_of(row.approval)


def _similar(row: ApprovalRow, language: str) -> dict[str, Any]:
    approval = row.approval
    reading = placed(reading_of(approval.action), approval.target)
    return {"row": row, "state": state_of(row, language), "title": to_do(reading, language=language)}


def _run(told: ToldExecution, language: str) -> dict[str, Any]:
    row = told.row
    verification = told.follow_up.verification
    after = told.evidence.get(EvidencePhase.AFTER)
    return {
        "told": told,
        "state": outcome_state(row.outcome, language) if row.outcome is not None else None,
        "verdict": verdict_state(after.verdict, language)
        if after is not None and after.verdict is not None
        else None,
        "verification": verification,
        "steps": [
            {
                "row": step,
                "state": step_state(step.status, language),
                "said": said_of(step),
                "letter": told.dead.get(step.id),
            }
            for step in told.steps
        ],
        "before": told.evidence.get(EvidencePhase.BEFORE),
        "after": after,
    }
