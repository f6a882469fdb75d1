"""`/v1/status`: what needs a person now."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from countersign.execution.attention import Need, needs_attention
from countersign.policy.roles import Permission
from countersign.records.approvals import approvals_with
from countersign.records.control import kill_switch
from countersign.web.acting import Caller
from countersign.web.api.reach import needs_in_reach
from countersign.web.api.responses import problems

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
    policy: str | None = Field(description="the hash of the policy that decides at this moment")


@router.get("", responses=problems())
def show(acting: Caller) -> StatusView:
    """Return what needs a person now; what the caller's roles do not reach is left out."""
    acting.require(Permission.READ, None)
    mark = acting.services.policy_mark
    with acting.records() as session:
        found = needs_attention(session)
        known = approvals_with(session, {each.approval_id for each in found.items if each.approval_id is not None})
        seen = needs_in_reach(acting, found.items, known)
        switch = kill_switch(session)
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
        more=list(found.more),
        kill_switch=switch.is_on,
        policy=mark.hash if mark is not None else None,
    )
