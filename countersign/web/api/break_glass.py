"""`/v1/break-glass`: two people lift limits for some minutes; everybody sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from countersign.errors import BreakGlassRefused, Tampered
from countersign.execution.break_glass import begin, confirm, end, hash_of, wanted_of
from countersign.masking import masked
from countersign.policy.access import Scope
from countersign.policy.break_glass import Wanted
from countersign.policy.break_glass_rule import LONGEST_MINUTES, Lift
from countersign.policy.risk import RiskLevel
from countersign.policy.roles import Permission
from countersign.records import break_glass, refusals
from countersign.records.database.engine import clock
from countersign.records.tables import BreakGlass
from countersign.records.tables.break_glass import BREAK_GLASS_REASON_LIMIT
from countersign.web.acting import Acting, Caller
from countersign.web.api.responses import problems
from countersign.web.api.words import Given, Hash, Limit, Said

router = APIRouter(prefix="/break-glass", tags=["break-glass"])
Name = Annotated[str, Field(min_length=1, max_length=253)]


class BreakGlassView(BaseModel):
    """One break-glass."""

    id: UUID
    standing: Literal["waiting", "open", "ended"]
    """Whether it waits for a second person, lifts limits, or does not any more."""
    cluster: str
    namespace: str | None
    operation: str | None
    up_to: RiskLevel
    lifts: list[Lift]
    minutes: int
    reason: str
    begun_by: str
    begun_at: datetime
    confirm_until: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    ends_at: datetime | None
    seconds_left: float | None
    """While it is open."""
    ended_at: datetime | None
    ended_by: str | None
    end_reason: str | None
    hash: str
    """SHA-256 of what was begun; whoever confirms it says so."""


class BeginBreakGlass(Given):
    """Which limits are to be lifted, where, for how long, and why."""

    cluster: Name = Field(description='a cluster\'s name, or "hosts"')
    namespace: Name | None = Field(default=None, description="none: all of the cluster")
    operation: Name | None = Field(default=None, description="none: every one that the policy allows")
    up_to: RiskLevel = RiskLevel.CRITICAL
    lifts: list[Lift] = Field(min_length=1, max_length=len(Lift))
    minutes: int = Field(ge=1, le=LONGEST_MINUTES)
    reason: Annotated[Said, Field(max_length=BREAK_GLASS_REASON_LIMIT)]


class ConfirmBreakGlass(Given):
    """What was seen."""

    seen: Hash = Field(description="`hash` of the break-glass as it was seen")


class EndBreakGlass(Given):
    """Why it ends."""

    reason: Said


@router.get("", responses=problems())
def newest(acting: Caller, limit: Limit = 20) -> list[BreakGlassView]:
    """List the newest ones. Whoever may read anything sees them: they are everybody's business."""
    acting.require(Permission.READ, None)
    with acting.records() as session:
        now = clock(session)
        return [view(each, now) for each in break_glass.lately(session, limit=limit)]


@router.post("", status_code=201, response_model=BreakGlassView, responses=problems(409, idempotent=True))
def start(body: BeginBreakGlass, acting: Caller) -> Response:
    """Begin one, as one of two people. It lifts nothing before the other one confirms it."""
    wanted = Wanted(
        cluster=body.cluster,
        lifts=tuple(body.lifts),
        minutes=body.minutes,
        namespace=body.namespace,
        operation=body.operation,
        up_to=body.up_to,
    )
    acting.require(Permission.BREAK_GLASS, wanted.scope)
    services = acting.services

    def work(session: Session) -> BreakGlassView:
        row = begin(session, services.seal, services.policy, acting.by, wanted, reason=body.reason)
        return view(row, clock(session))

    with told(acting):
        return acting.once(work, status=201, headers=lambda made: {"Location": f"/v1/break-glass/{made.id}"})


@router.get("/{break_glass_id}", responses=problems(404))
def show(break_glass_id: UUID, acting: Caller) -> BreakGlassView:
    """Show one, with the hash that whoever confirms it sends."""
    acting.require(Permission.READ, None)
    with acting.records() as session:
        return view(break_glass.find(session, break_glass_id), clock(session))


@router.post(
    "/{break_glass_id}/confirm",
    response_model=BreakGlassView,
    responses=problems(404, 409, 412, idempotent=True),
)
def confirm_it(break_glass_id: UUID, body: ConfirmBreakGlass, acting: Caller) -> Response:
    """Confirm it as the other person: its limits are lifted from now on, until its time is over."""
    acting.require(Permission.BREAK_GLASS, None)
    acting.require(Permission.BREAK_GLASS, _scope(acting, break_glass_id))
    services = acting.services

    def work(session: Session) -> BreakGlassView:
        row = confirm(session, services.seal, services.policy, acting.by, break_glass_id, seen=body.seen)
        return view(row, clock(session))

    with told(acting):
        return acting.once(work)


@router.post("/{break_glass_id}/end", response_model=BreakGlassView, responses=problems(404, idempotent=True))
def end_it(break_glass_id: UUID, body: EndBreakGlass, acting: Caller) -> Response:
    """End it, as one who might have begun it or who operates there: its limits hold again at once."""
    require_may_end(acting, None)
    require_may_end(acting, _scope(acting, break_glass_id))

    def work(session: Session) -> BreakGlassView:
        row = end(session, break_glass_id, by=acting.identity.name, reason=body.reason)
        return view(row, clock(session))

    return acting.once(work)


def require_may_end(acting: Acting, scope: Scope | None) -> None:
    """Raise Forbidden unless they may lift limits or operate there: to make limits hold again takes less."""
    if not acting.may(Permission.OPERATE, scope):
        acting.require(Permission.BREAK_GLASS, scope)


@contextmanager
def told(acting: Acting) -> Iterator[None]:
    """Put on the audit that somebody was refused a part in it."""
    try:
        yield
    except (BreakGlassRefused, Tampered) as error:
        refusals.tell(acting.engine, error, actor=acting.identity.name)
        raise


def view(row: BreakGlass, now: datetime) -> BreakGlassView:
    """Return it as the API shows it at `now`."""
    is_over = row.ended_at is not None or (row.ends_at or row.confirm_until) <= now
    is_open = row.ends_at is not None and not is_over
    return BreakGlassView(
        id=row.id,
        standing="ended" if is_over else "open" if is_open else "waiting",
        cluster=row.cluster,
        namespace=row.namespace,
        operation=row.operation,
        up_to=RiskLevel(row.up_to),
        lifts=[Lift(each) for each in row.lifts],
        minutes=row.minutes,
        reason=masked(row.reason),
        begun_by=row.begun_by,
        begun_at=row.begun_at,
        confirm_until=row.confirm_until,
        confirmed_by=row.confirmed_by,
        confirmed_at=row.confirmed_at,
        ends_at=row.ends_at,
        seconds_left=(row.ends_at - now).total_seconds() if is_open and row.ends_at is not None else None,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
        end_reason=masked(row.end_reason) if row.end_reason is not None else None,
        hash=hash_of(row),
    )


def _scope(acting: Acting, break_glass_id: UUID) -> Scope:
    with acting.records() as session:
        return wanted_of(break_glass.find(session, break_glass_id)).scope
