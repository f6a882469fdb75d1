"""What would happen to a request: asked of the policy in force and of another version beside it. Nothing is kept."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request
from sqlmodel import Session
from starlette.responses import Response

from countersign.errors import CountersignError
from countersign.execution.policy import change
from countersign.execution.trial import Trial, compare, try_approval, try_unfiled, unfiled
from countersign.policy.document import Policy
from countersign.policy.loading import load_policy
from countersign.policy.roles import Permission
from countersign.records.approvals import list_approvals, signatures_of
from countersign.records.policy_versions import in_force, versions
from countersign.records.states import ApprovalStatus, RiskLevel
from countersign.records.tables import Approval
from countersign.texts import read_in
from countersign.web.acting import Acting, Person
from countersign.web.pages.approval.outlook import answered
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute, reachable
from countersign.web.pages.viewer import viewer_of
from countersign.web.problem import status_of
from countersign.web.target_limits import asking_a_target

router = APIRouter(prefix="/policy", route_class=PageRoute)
OPEN_COMPARED: Final = 20
"""Open approvals that two policies are asked about, the newest."""
OFFERED: Final = 20
"""Versions to choose from, the newest."""
Against = Annotated[str, Query(max_length=10, pattern=r"^[0-9]*$")]


@router.get("/try")
def try_one(
    request: Request,
    acting: Person,
    approval: Annotated[str, Query(max_length=64)] = "",
    against: Against = "",
) -> Response:
    """Ask about an approval on record, or show the forms; a version alone is asked about the open approvals."""
    acting.require(Permission.READ)
    given = {"approval": approval, "against": against}
    now = datetime.now(UTC)
    with read_in(viewer_of(request).language):
        try:
            policies = _policies(acting, against)
            if not approval.strip():
                return _page(request, acting, given, others=_others(acting, policies, now))
            with acting.records() as session:
                row = reachable(session, acting, approval, Permission.READ)
                signed = _given(session, row)
            with asking_a_target(request, acting):
                trials = [
                    try_approval(acting.services, each, row, given=signed, now=now, ask_target=True)
                    for each in policies
                ]
        except CountersignError as error:
            return _page(request, acting, given, problem=error)
        return _page(request, acting, given, approval=row, filed=True, trials=trials)


@router.post("/try")
def try_action(
    request: Request,
    acting: Person,
    *,
    action: Annotated[str, Form(max_length=20_000)],
    risk: Annotated[RiskLevel, Form()] = RiskLevel.MEDIUM,
    requester: Annotated[str, Form(max_length=200)] = "",
    cluster: Annotated[str, Form(max_length=200)] = "",
    against: Annotated[str, Form(max_length=10, pattern=r"^[0-9]*$")] = "",
) -> Response:
    """Ask about an action that nobody has filed. It is sent as a form, since addresses are kept in many places."""
    acting.require(Permission.READ)
    who = requester.strip() or acting.identity.name
    given = {"action": action, "risk": risk.value, "requester": who, "cluster": cluster, "against": against}
    now = datetime.now(UTC)
    with read_in(viewer_of(request).language):
        try:
            row = unfiled(acting.services, action, requested_by=who, risk=risk, cluster=cluster or None, now=now)
            trials = [try_unfiled(acting.services, each, row, now=now) for each in _policies(acting, against)]
        except CountersignError as error:
            return _page(request, acting, given, problem=error)
        return _page(request, acting, given, approval=row, filed=False, trials=trials)


def _policies(acting: Acting, against: str) -> tuple[Policy, ...]:
    """Return the policy in force, and the version beside it if one is named."""
    if not against:
        return (acting.services.policy,)
    with acting.records() as session:
        # No version has a longer number (PostgreSQL's integer).
        document = change.unchanged_version(session, min(int(against), 2**31 - 1)).document
    return (acting.services.policy, load_policy(document, source=f"policy, version {against}"))


def _others(acting: Acting, policies: Sequence[Policy], now: datetime) -> dict[str, Any] | None:
    """Return the open approvals that the version beside answers otherwise, None where there is no such version."""
    if len(policies) == 1:
        return None
    with acting.records() as session:
        pages = [
            list_approvals(session, status=each, limit=OPEN_COMPARED)
            for each in (ApprovalStatus.PENDING, ApprovalStatus.APPROVED)
        ]
        rows = sorted((row for each in pages for row in each.items), key=lambda row: row.created_at, reverse=True)
        more = len(rows) > OPEN_COMPARED or any(each.next is not None for each in pages)
        asked = [(row, _given(session, row)) for row in rows[:OPEN_COMPARED]]
    found = compare(acting.services, policies[1], asked, now=now)
    return {
        "asked": len(asked),
        "more": more,
        "rows": [
            {"approval": each.approval, "sides": [_side(each.approval, one) for one in (each.now, each.then)]}
            for each in found
            if each.differs
        ],
    }


def _given(session: Session, row: Approval) -> tuple[str, ...]:
    return tuple(each.signer for each in signatures_of(session, row.id))


def _side(approval: Approval, trial: Trial) -> dict[str, Any]:
    found = answered(trial.answers, approval)
    if trial.unsigned and found["answer"] == "would_run":
        found["answer"] = "once_signed"
    return {"trial": trial, **found}


def _page(request: Request, acting: Acting, given: dict[str, str], **found: Any) -> Response:
    problem, row = found.get("problem"), found.get("approval")
    with acting.records() as session:
        mark = in_force(session)
        offered = [
            each.number for each in versions(session, limit=OFFERED) if mark is None or each.number != mark.number
        ]
    return page(
        request,
        acting,
        "policy/try.html",
        status_code=200 if problem is None else status_of(type(problem)),
        given=dict.fromkeys(("approval", "action", "cluster", "against"), "")
        | {"requester": acting.identity.name, "risk": RiskLevel.MEDIUM.value}
        | given,
        problem=problem,
        approval=row,
        filed=found.get("filed", False),
        sides=[_side(row, each) for each in found.get("trials", ())] if row is not None else [],
        others=found.get("others"),
        mark=acting.services.policy_mark or mark,
        offered=offered,
        risks=[each.value for each in RiskLevel],
        clusters=acting.services.clusters.names,
    )
