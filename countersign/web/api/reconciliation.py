"""`/v1/reconciliation`: what the last round found of each kind, and starting one."""

import asyncio
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from countersign.masking import masked
from countersign.policy.roles import Permission
from countersign.records.database.engine import clock
from countersign.records.rounds import parts_of_rounds
from countersign.texts import text
from countersign.web.acting import Caller
from countersign.web.api.responses import problems
from countersign.worker.run_starter import start_reconciliation

router = APIRouter(prefix="/reconciliation", tags=["reconciliation"])


class PartView(BaseModel):
    """One kind of thing that is looked for."""

    part: str
    label: str
    looked_at: datetime
    age_seconds: float = Field(description="since it was looked at")
    found: int
    failed: int = Field(description="of those found, what nothing could be done about")
    oldest_seconds: float | None = Field(description="for how long the oldest of those found had been so")
    problem: str | None = Field(description="why it could not be looked at")
    rounds_total: int
    found_total: int
    failed_total: int
    problems_total: int


class RoundStarted(BaseModel):
    """A round was started; the parts say what it came to."""

    flow_run_id: UUID


@router.get("", responses=problems())
def show(acting: Caller) -> list[PartView]:
    """Return every kind of thing that is looked for, with counts and ages."""
    acting.require(Permission.READ)
    with acting.records() as session:
        now = clock(session)
        return [
            PartView(
                part=row.part,
                label=text(f"reconcile.{row.part}"),
                looked_at=row.looked_at,
                age_seconds=max(0.0, (now - row.looked_at).total_seconds()),
                found=row.found,
                failed=row.failed,
                oldest_seconds=row.oldest_seconds,
                problem=row.problem and masked(row.problem),
                rounds_total=row.rounds_total,
                found_total=row.found_total,
                failed_total=row.failed_total,
                problems_total=row.problems_total,
            )
            for row in parts_of_rounds(session)
        ]


@router.post("/rounds", status_code=202, response_model=RoundStarted, responses=problems(idempotent=True))
def start(acting: Caller) -> Response:
    """Start a round now, beside those of the schedule; two at once do no harm."""
    acting.require(Permission.OPERATE)
    return acting.once(
        lambda _session: RoundStarted(flow_run_id=asyncio.run(start_reconciliation(key=acting.run_key))), status=202
    )
