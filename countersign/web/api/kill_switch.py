"""`/v1/kill-switch`: stop everything, allow it again, look."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlmodel import Session

from countersign.masking import masked
from countersign.policy.roles import Permission
from countersign.records.control import Switch, kill_switch, set_kill_switch
from countersign.web.acting import Caller
from countersign.web.api.responses import problems
from countersign.web.api.words import Given, Said

router = APIRouter(prefix="/kill-switch", tags=["kill switch"])


class SwitchView(BaseModel):
    """Whether nothing is performed, who said so and why."""

    on: bool
    changed_by: str
    reason: str
    changed_at: datetime


class Turn(Given):
    """How it is to be, and why."""

    on: bool
    reason: Said


@router.get("", responses=problems())
def show(acting: Caller) -> SwitchView:
    """Say whether it is on, who set it and why."""
    acting.require(Permission.READ, None)
    with acting.records() as session:
        return switch_view(kill_switch(session))


@router.post("", response_model=SwitchView, responses=problems(idempotent=True))
def turn(body: Turn, acting: Caller) -> Response:
    """Stop every action before its next request, as an executor; or allow them again, as a policy administrator."""
    acting.require(Permission.OPERATE if body.on else Permission.GOVERN)

    def work(session: Session) -> SwitchView:
        return switch_view(set_kill_switch(session, body.on, by=acting.identity.name, reason=body.reason))

    return acting.once(work)


def switch_view(found: Switch) -> SwitchView:
    """Return the switch as the API shows it."""
    return SwitchView(
        on=found.is_on, changed_by=found.changed_by, reason=masked(found.reason), changed_at=found.changed_at
    )
