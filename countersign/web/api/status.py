"""`/v1/status`: what needs a person now, how much is open, and who takes runs."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from countersign.errors import ConfigurationError
from countersign.execution.attention import Need
from countersign.execution.standing import standing
from countersign.masking import masked
from countersign.policy.access import EVERYTHING
from countersign.policy.roles import Permission
from countersign.records.approvals import approvals_with
from countersign.records.states import ApprovalStatus
from countersign.web.acting import Caller
from countersign.web.api.kill_switch import SwitchView, switch_view
from countersign.web.api.reach import needs_in_reach, reached
from countersign.web.api.responses import problems
from countersign.worker.availability import takers_of
from countersign.worker.run_starter import EXECUTE_APPROVAL

router = APIRouter(prefix="/status", tags=["status"])


class NeedView(BaseModel):
    """One thing that goes on only if a person does something."""

    need: Need
    label: str
    subject: str = Field(description="the approval's, execution's or letter's id, or the policy's version")
    approval_id: UUID | None
    since: datetime
    age_seconds: float
    what: str
    why: str
    command: str


class StatusView(BaseModel):
    """Everything that needs a person, the most urgent first."""

    items: list[NeedView]
    more: list[Need] = Field(description="kinds of which there are more than are returned")
    kill_switch: bool
    switch: SwitchView
    open_approvals: Mapping[ApprovalStatus, int] | None = Field(
        description="how many there are; null, as dead_letters, for whoever's roles are limited to some places"
    )
    never_started: list[UUID] = Field(description="approvals that are due and that nobody has claimed")
    abandoned: list[UUID] = Field(description="approvals whose worker is silent")
    unknown: list[UUID] = Field(description="approvals whose outcome a person has to find out")
    dead_letters: int | None = Field(description="how many there are, counted to 1000")
    policy: str | None = Field(description="the hash of the policy that decides at this moment")


class ObstacleView(BaseModel):
    """What keeps every run from being started."""

    message: str
    hint: str | None


class TakersView(BaseModel):
    """Who takes runs, as Prefect's server knows it."""

    pool: str | None = Field(description="null where Prefect cannot be asked")
    online: list[str]
    obstacle: ObstacleView | None


@router.get("", responses=problems())
def show(acting: Caller) -> StatusView:
    """Return what needs a person now; what the caller's roles do not reach is left out."""
    acting.require(Permission.READ, None)
    mark = acting.services.policy_mark
    everywhere = acting.may(Permission.READ, EVERYTHING)
    with acting.records() as session:
        found = standing(session)
        needs = found.attention.items
        known = approvals_with(session, {each.approval_id for each in needs if each.approval_id is not None})
        seen = needs_in_reach(acting, needs, known)
        never_started, abandoned, unknown = (
            list(reached(session, acting, each, each))
            for each in (found.never_started, found.abandoned, found.unknown)
        )
    return StatusView(
        items=[
            NeedView(
                need=each.need,
                label=each.label,
                subject=each.subject,
                approval_id=each.approval_id,
                since=each.since,
                age_seconds=each.age_seconds,
                what=each.what,
                why=each.why,
                command=each.command,
            )
            for each in seen
        ],
        more=list(found.attention.more),
        kill_switch=found.switch.is_on,
        switch=switch_view(found.switch),
        open_approvals=found.open_approvals if everywhere else None,
        never_started=never_started,
        abandoned=abandoned,
        unknown=unknown,
        dead_letters=found.dead_letters if everywhere else None,
        policy=mark.hash if mark is not None else None,
    )


@router.get("/takers", responses=problems())
def takers(acting: Caller) -> TakersView:
    """Say who takes runs, and what keeps them from being started."""
    acting.require(Permission.READ, None)
    try:
        found = asyncio.run(takers_of(EXECUTE_APPROVAL))
    except ConfigurationError as error:
        return TakersView(pool=None, online=[], obstacle=_obstacle(error))
    obstacle = found.obstacle
    return TakersView(
        pool=found.pool, online=list(found.online), obstacle=_obstacle(obstacle) if obstacle is not None else None
    )


def _obstacle(error: ConfigurationError) -> ObstacleView:
    return ObstacleView(message=masked(error.message), hint=error.hint)
